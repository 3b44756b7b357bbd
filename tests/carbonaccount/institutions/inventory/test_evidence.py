"""Evidence files are told by their bytes, and two people cannot lock or write past each other."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import xlsxwriter
from flask import Flask
from PIL import Image
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account, resident_actor
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError, Invalid, NotFound
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions import inventory_evidence as files
from carbonaccount.institutions import inventory_lines as writing
from carbonaccount.institutions.inventory_entries import Entry
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryEvidence,
    InventoryLine,
)
from carbonaccount.institutions.models import Institution
from tests.carbonaccount.institutions.places import add_officer, admitted
from tests.people import writing as writing_session

PDF = b"%PDF-1.7\nbody\n%%EOF\n"


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(file, kind)
    return file.getvalue()


def workbook(*, macros: bool = False) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet()
    if macros:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("xl/vbaProject.bin", b"x")
    return file.getvalue()


def test_what_the_bytes_are_counts() -> None:
    for content, kind in (
        (PDF, "pdf"),
        (picture("JPEG"), "jpeg"),
        (picture("PNG"), "png"),
        (workbook(), "xlsx"),
    ):
        assert files.file_kind(content) == kind
    for content, code in (
        (b"", "evidence_too_large"),
        (b"%PDF-" + b"0" * files.MAX_BYTES, "evidence_too_large"),
        (b"%PDF-1.7 cut off", "evidence_format"),
        (b"<html><script>", "evidence_format"),
        (picture("JPEG")[:300], "evidence_format"),
        (picture("GIF"), "evidence_format"),
        (workbook(macros=True), "evidence_format"),
        (b"PK\x03\x04 nothing", "evidence_format"),
    ):
        with pytest.raises(Invalid) as refused:
            files.file_kind(content)
        assert refused.value.code == code, content[:12]
    assert files.shown_name("C:\\bills\\电费\u202e单.pdf", "pdf") == "电费单.pdf"
    assert files.shown_name("../\x00", "png") == "evidence.png"


def person(session: Session) -> Actor:
    return resident_actor(
        open_account(session, kind=AccountKind.PERSON, district_code=None, now=utc_now())
    )


@pytest.fixture
def people(session: Session) -> list[Actor]:
    """Three people."""
    return [person(session) for _ in range(3)]


@pytest.fixture
def school(app: Flask, session: Session, people: list[Actor]) -> Institution:
    """A school with a year of one line."""
    school = admitted(session, applicant=people[0], officer=add_officer(app, session))
    row = life.open_year(
        session, institution=school, year=2025, acting_user=people[0], now=utc_now()
    )
    writing.add_line(
        session,
        inventory=row,
        entry=Entry(1, "fuel.diesel", "10", "L"),
        acting_user=people[0],
        now=utc_now(),
    )
    session.commit()
    return school


def test_the_same_file_is_kept_once_and_a_changed_one_is_not_sent(
    session: Session, school: Institution, people: list[Actor], tmp_path: Path
) -> None:
    def keep(content: bytes, name: str) -> InventoryEvidence:
        return files.add_evidence(
            session,
            institution_id=school.stored_id,
            content=content,
            name=name,
            folder=tmp_path,
            acting_user=people[0],
            now=utc_now(),
        )

    row = keep(PDF, "bill.pdf")
    assert keep(PDF, "again.pdf").stored_id == row.stored_id
    with pytest.raises(DomainError, match="evidence_name_taken"):
        keep(PDF + b"%%EOF", "bill.pdf")
    assert files.stored_bytes(row, tmp_path) == PDF
    assert row.name not in {file.name for file in tmp_path.iterdir()}
    (tmp_path / f"{row.public_id}.pdf").write_bytes(PDF + b" ")
    with pytest.raises(NotFound, match="evidence_gone"):
        files.stored_bytes(row, tmp_path)


def test_a_line_and_a_submission_at_the_same_moment(
    app: Flask, school: Institution, people: list[Actor]
) -> None:
    """Whoever comes second sees what the first did: no line comes into a submitted year."""
    start = Barrier(2)

    def submit() -> str:
        with writing_session(app) as session:
            start.wait()
            row = life.locked_row(session, institution_id=school.stored_id, year=2025)
            life.submit(session, inventory=row, acting_user=people[1], now=utc_now())
            session.commit()
            return "submitted"

    def add() -> str:
        with writing_session(app) as session:
            start.wait()
            try:
                row = life.at_work(session, institution_id=school.stored_id, year=2025)
                entry = Entry(2, "fuel.diesel", "10", "L")
                writing.add_line(
                    session, inventory=row, entry=entry, acting_user=people[0], now=utc_now()
                )
                session.commit()
            except DomainError as error:
                return error.code
            return "added"

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(submit), pool.submit(add)
        assert first.result() == "submitted"
        outcome = second.result()
    with writing_session(app) as session:
        row = life.find(session, institution_id=school.stored_id, year=2025)
        lines = life.lines_in(session, row)
        assert row.status == life.IN_REVIEW
        assert (outcome, len(lines)) in (("added", 2), ("inventory_not_open", 1))
        # The database itself refuses a second person who is the first.
        with pytest.raises(Exception, match="second_person"):
            session.connection().exec_driver_sql(
                f"UPDATE inventory SET locked_by = submitted_by WHERE id = {row.stored_id}"
            )


def test_two_open_the_same_year_at_the_same_moment(
    app: Flask, school: Institution, people: list[Actor]
) -> None:
    start = Barrier(2)

    def begin(who: Actor) -> str:
        with writing_session(app) as session:
            start.wait()
            try:
                life.open_year(
                    session, institution=school, year=2024, acting_user=who, now=utc_now()
                )
                session.commit()
            except DomainError as error:
                return error.code
            return "opened"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(begin, people[:2])) == ["inventory_exists", "opened"]
    with writing_session(app) as session:
        rows = session.exec(select(Inventory).where(col(Inventory.year) == 2024)).all()
        assert len(rows) == 1
        assert session.exec(select(InventoryLine)).all() != []
