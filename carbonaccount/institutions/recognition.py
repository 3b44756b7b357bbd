"""An institution's side of a recognition: the checklist, its evidence, and sending it in.

What an officer accepted stays as it is; only criteria that were sent back are mended.
"""

import hashlib
import secrets
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.inventory_evidence import file_kind, shown_name
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.recognition_models import (
    AnswerStatus,
    CaseStatus,
    RecognitionAnswer,
    RecognitionCase,
    RecognitionFile,
)
from carbonaccount.institutions.recognition_schemes import Criterion, Scheme, find_scheme
from carbonaccount.institutions.trail import note as note_act

LONGEST_NOTE = 1000
MOST_FILES = 10
# Papers and pictures prove something; a workbook can be changed by anybody.
_KINDS = frozenset({"pdf", "jpeg", "png"})
_OPEN = (CaseStatus.DRAFT, CaseStatus.RETURNED)


class Line(NamedTuple):
    """A criterion with what was answered and shown."""

    criterion: Criterion
    answer: RecognitionAnswer
    files: list[RecognitionFile]

    @property
    def complete(self) -> bool:
        """Return whether there is something to look at."""
        return bool(self.answer.note and self.files)


def scheme_of(case: RecognitionCase) -> Scheme:
    """Return the checklist that a case follows."""
    return find_scheme(case.scheme, case.scheme_version)


def file_folder(instance_path: Path) -> Path:
    """Return where the evidence is kept."""
    return instance_path / "recognition-evidence"


def start(
    session: Session, *, institution: Institution, scheme: str, acting_user: Actor, now: datetime
) -> RecognitionCase:
    """Begin an application for a recognition.

    Raises NotFound (unknown_scheme), Invalid (scheme_not_for_kind), Conflict
    (recognition_under_way).
    """
    wanted = find_scheme(scheme)
    if institution.kind not in wanted.kinds:
        raise Invalid("scheme_not_for_kind", field="scheme")
    case = RecognitionCase(
        public_id=new_public_id(),
        institution_id=institution.stored_id,
        scheme=wanted.code,
        scheme_version=wanted.version,
        started_by=acting_user.id or 0,
        started_at=now,
    )
    try:
        with session.begin_nested():
            session.add(case)
            session.flush()  # One that is under way shows itself here, inside the savepoint.
    except IntegrityError:
        raise Conflict("recognition_under_way") from None
    for criterion in wanted.criteria:
        session.add(RecognitionAnswer(case_id=case.stored_id, criterion=criterion.code))
    session.flush()
    note_act(
        session,
        institution,
        "recognition.start",
        acting_user=acting_user,
        now=now,
        case=case.public_id,
        scheme=wanted.code,
    )
    return case


def cases_of(session: Session, *, institution_id: int) -> list[RecognitionCase]:
    """Return an institution's applications, the newest first."""
    rows = session.exec(
        select(RecognitionCase)
        .where(col(RecognitionCase.institution_id) == institution_id)
        .order_by(col(RecognitionCase.id).desc())
    )
    return list(rows)


def find_case(session: Session, *, institution_id: int, public_id: str) -> RecognitionCase:
    """Return an institution's application. Raises NotFound, also for another's."""
    return _only(
        session.exec(
            select(RecognitionCase).where(
                col(RecognitionCase.public_id) == public_id,
                col(RecognitionCase.institution_id) == institution_id,
            )
        ).first()
    )


def locked_case(session: Session, *, public_id: str) -> RecognitionCase:
    """Return an application that nobody else changes until the commit. Raises NotFound."""
    return _only(
        session.exec(
            select(RecognitionCase)
            .where(col(RecognitionCase.public_id) == public_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).first()
    )


def _only(case: RecognitionCase | None) -> RecognitionCase:
    if case is None:
        raise NotFound("unknown_recognition")
    return case


def lines_of(session: Session, *, case: RecognitionCase) -> list[Line]:
    """Return the checklist with answers and files, in the order of the scheme."""
    answers = {
        row.criterion: row
        for row in session.exec(
            select(RecognitionAnswer).where(col(RecognitionAnswer.case_id) == case.id)
        )
    }
    files = session.exec(
        select(RecognitionFile)
        .where(col(RecognitionFile.case_id) == case.id, col(RecognitionFile.removed_at).is_(None))
        .order_by(col(RecognitionFile.id))
    ).all()
    return [
        Line(
            criterion, answers[criterion.code], [f for f in files if f.criterion == criterion.code]
        )
        for criterion in scheme_of(case).criteria
    ]


def _open_answer(
    session: Session, institution: Institution, case_id: str, criterion: str
) -> tuple[RecognitionCase, RecognitionAnswer]:
    case, answer = _answer_of(session, institution, case_id, criterion)
    _require_open(case, answer)
    return case, answer


def _answer_of(
    session: Session, institution: Institution, case_id: str, criterion: str
) -> tuple[RecognitionCase, RecognitionAnswer]:
    case = own_case(session, institution, case_id)
    scheme_of(case).criterion(criterion)
    key = (case.stored_id, criterion)
    return case, session.get_one(RecognitionAnswer, key, populate_existing=True)


def own_case(session: Session, institution: Institution, case_id: str) -> RecognitionCase:
    """Return an institution's application, locked until the commit. Raises NotFound."""
    case = locked_case(session, public_id=case_id)
    if case.institution_id != institution.id:
        raise NotFound("unknown_recognition")
    return case


def _require_open(case: RecognitionCase, answer: RecognitionAnswer) -> None:
    if case.status not in _OPEN or answer.status == AnswerStatus.ACCEPTED:
        raise Conflict("recognition_not_open")


def answer(
    session: Session,
    *,
    institution: Institution,
    case_id: str,
    criterion: str,
    text: str,
    acting_user: Actor,
    now: datetime,
    was: str | None = None,
) -> bool:
    """Write how a criterion is met; returns whether that is something new.

    was: the `mark` of what stood in the field when the page was drawn. Text that is still the
    same is not written, and never over what somebody else wrote meanwhile.
    Raises NotFound, Invalid (answer_length), Conflict (recognition_not_open, answer_changed).
    """
    text = _plain(text)
    case, row = _answer_of(session, institution, case_id, criterion)
    if text == row.note or was == mark(text):
        return False
    _require_open(case, row)
    if not 1 <= len(text) <= LONGEST_NOTE:
        raise Invalid("answer_length", field="note", limit=LONGEST_NOTE)
    if was not in (None, mark(row.note)):
        raise Conflict("answer_changed", field="note")
    row.note = text
    row.status = AnswerStatus.OPEN
    session.flush()
    _note(session, institution, "recognition.answer", case, acting_user, now, criterion)
    return True


def mark(text: str) -> str:
    """Return a short mark of a text by which it is told whether somebody changed it."""
    return hashlib.sha256(_plain(text).encode()).hexdigest()[:16]


def _plain(text: str) -> str:
    # Browsers send what stands in a field with other ends of lines.
    return text.replace("\r\n", "\n").strip()


def add_file(
    session: Session,
    *,
    institution: Institution,
    case_id: str,
    criterion: str,
    name: str,
    data: bytes,
    folder: Path,
    acting_user: Actor,
    now: datetime,
) -> RecognitionFile:
    """Keep a file as evidence of a criterion: PDF, JPEG or PNG.

    Raises NotFound, Invalid (evidence_too_large, recognition_file_format),
    Conflict (recognition_not_open, file_there_already, too_many_files).
    """
    case, row = _open_answer(session, institution, case_id, criterion)
    kind = _kind_of(data)
    there = session.exec(
        select(RecognitionFile).where(
            col(RecognitionFile.case_id) == case.id,
            col(RecognitionFile.criterion) == criterion,
            col(RecognitionFile.removed_at).is_(None),
        )
    ).all()
    sha256 = hashlib.sha256(data).hexdigest()
    if any(file.sha256 == sha256 for file in there):
        raise Conflict("file_there_already", field="file")
    if len(there) >= MOST_FILES:
        raise Conflict("too_many_files", field="file", limit=MOST_FILES)
    kept = RecognitionFile(
        case_id=case.stored_id,
        criterion=criterion,
        title=shown_name(name, kind)[-80:],
        file_name=f"{secrets.token_hex(16)}.{kind}",
        sha256=sha256,
        size_bytes=len(data),
        added_by=acting_user.id or 0,
        added_at=now,
    )
    session.add(kept)
    row.status = AnswerStatus.OPEN
    session.flush()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / kept.file_name).write_bytes(data)
    _note(session, institution, "recognition.file", case, acting_user, now, criterion)
    return kept


def _kind_of(data: bytes) -> str:
    try:
        kind = file_kind(data)
    except Invalid as error:
        if error.code != "evidence_format":
            raise
        kind = ""
    if kind not in _KINDS:
        raise Invalid("recognition_file_format", field="file")
    return kind


def remove_file(
    session: Session,
    *,
    institution: Institution,
    case_id: str,
    file_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Take a file off a criterion; the file itself stays with the trail.

    Raises NotFound (unknown_file), Conflict (recognition_not_open).
    """
    file = session.get(RecognitionFile, file_id)
    if file is None or file.removed_at is not None:
        raise NotFound("unknown_file")
    case, row = _open_answer(session, institution, case_id, file.criterion)
    if file.case_id != case.id:
        raise NotFound("unknown_file")
    file.removed_at, row.status = now, AnswerStatus.OPEN
    session.flush()
    _note(session, institution, "recognition.remove_file", case, acting_user, now, file.criterion)


def find_file(session: Session, *, case: RecognitionCase, file_id: int) -> RecognitionFile:
    """Return a file of an application. Raises NotFound (unknown_file)."""
    file = session.get(RecognitionFile, file_id)
    if file is None or file.case_id != case.id or file.removed_at is not None:
        raise NotFound("unknown_file")
    return file


def stored_bytes(file: RecognitionFile, folder: Path) -> bytes:
    """Return a file as it was sent. Raises NotFound (unknown_file) when it is gone or changed."""
    path = folder / file.file_name
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise NotFound("unknown_file")
    return data


def submit(
    session: Session, *, institution: Institution, case_id: str, acting_user: Actor, now: datetime
) -> None:
    """Send an application in.

    Raises NotFound, Conflict (recognition_not_open), Invalid (criteria_incomplete): each criterion
    needs a sentence and a file, and those sent back must have been mended.
    """
    case = own_case(session, institution, case_id)
    if case.status not in _OPEN:
        raise Conflict("recognition_not_open")
    missing = [
        line
        for line in lines_of(session, case=case)
        if not line.complete or line.answer.status == AnswerStatus.RETURNED
    ]
    if missing:
        raise Invalid("criteria_incomplete", count=len(missing))
    case.status = CaseStatus.SUBMITTED
    case.submitted_by, case.submitted_at = acting_user.id, now
    session.flush()
    note_act(
        session,
        institution,
        "recognition.submit",
        acting_user=acting_user,
        now=now,
        case=case.public_id,
    )


def _note(
    session: Session,
    institution: Institution,
    action: str,
    case: RecognitionCase,
    acting_user: Actor,
    now: datetime,
    criterion: str,
) -> None:
    note_act(
        session,
        institution,
        action,
        acting_user=acting_user,
        now=now,
        case=case.public_id,
        criterion=criterion,
    )
