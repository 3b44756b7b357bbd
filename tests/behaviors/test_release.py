"""Held records: counted later as if they came then, or declined."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from sqlmodel import Session, col, select

from behaviors.intake.door import ItemResult
from behaviors.intake.release import decline_held, release_held
from behaviors.invariants import RECORDS
from behaviors.models import ActivityRecord
from behaviors.services import report_act
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.errors import NotFound
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from carbonaccount.ledger.verify import verify

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
MORNING = datetime(2026, 3, 2, 0, tzinfo=UTC)


def picture(shade: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


def report(
    session: Session, folder: Path, account_id: int, token: str, km: str, *, photo: bool, hour: int
) -> ItemResult:
    return report_act(
        session,
        account_id=account_id,
        behavior="bus_trip",
        activity={"distance_km": km},
        occurred_at=MORNING.replace(hour=hour),
        photo=picture(hour) if photo else None,
        photo_folder=folder,
        form_token=token,
        acting_user=SYSTEM,
        now=NOW,
    )


def balance(session: Session, account_id: int, unit: Unit) -> int:
    rows = session.exec(
        select(col(LedgerAccount.balance)).where(
            col(LedgerAccount.owner_id) == account_id,
            col(LedgerAccount.kind) == LedgerKind.RESIDENT,
            col(LedgerAccount.unit) == unit,
        )
    ).all()
    return sum(row or 0 for row in rows)


@pytest.fixture
def account_id(session: Session) -> int:
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
    session.flush()
    assert account.id is not None
    return account.id


def broken(session: Session) -> list[str]:
    return [code for code, _, count in verify(session, extra=RECORDS) if count]


def test_a_photo_counts_when_it_is_accepted(
    session: Session, account_id: int, tmp_path: Path
) -> None:
    held = report(session, tmp_path, account_id, "one", "10", photo=True, hour=1)
    assert (held.status, held.code, held.reduction_g, held.credits) == (
        "held",
        "awaiting_review",
        0,
        0,
    )
    assert balance(session, account_id, Unit.G) == 0
    assert held.record_id is not None
    result = release_held(session, record_ids=[held.record_id], acting_user=SYSTEM, now=NOW)
    # 10 km x 52 g; a photo (C) earns half the credits: 520 and 260.
    assert (result.booked, result.grams, result.credits) == ([held.record_id], 520, 260)
    assert balance(session, account_id, Unit.G) == 520
    assert balance(session, account_id, Unit.CREDIT) == 260
    session.commit()
    assert broken(session) == []


def test_what_was_counted_meanwhile_uses_up_the_cap(
    session: Session, account_id: int, tmp_path: Path
) -> None:
    held = report(session, tmp_path, account_id, "one", "30", photo=True, hour=1)
    report(session, tmp_path, account_id, "two", "25", photo=False, hour=2)
    assert held.record_id is not None
    result = release_held(session, record_ids=[held.record_id], acting_user=SYSTEM, now=NOW)
    # 40 km a day: 25 are used, 15 are left: 15 x 52 = 780 g, half of it in credits.
    assert (result.grams, result.credits) == (780, 390)
    record = session.get_one(ActivityRecord, held.record_id)
    session.refresh(record)
    assert (record.status, record.outcome, record.counted_milli) == ("c", "capped", 15_000)
    session.commit()
    assert broken(session) == []


def test_releasing_twice_books_once(session: Session, account_id: int, tmp_path: Path) -> None:
    held = report(session, tmp_path, account_id, "one", "10", photo=True, hour=1)
    assert held.record_id is not None
    release_held(session, record_ids=[held.record_id], acting_user=SYSTEM, now=NOW)
    with pytest.raises(NotFound) as refused:
        release_held(session, record_ids=[held.record_id], acting_user=SYSTEM, now=NOW)
    assert refused.value.code == "nothing_held"
    assert balance(session, account_id, Unit.G) == 520


def test_a_declined_record_earns_nothing_and_stays(
    session: Session, account_id: int, tmp_path: Path
) -> None:
    held = report(session, tmp_path, account_id, "one", "10", photo=True, hour=1)
    assert held.record_id is not None
    assert decline_held(session, record_ids=[held.record_id], acting_user=SYSTEM, now=NOW) == 1
    record = session.get_one(ActivityRecord, held.record_id)
    session.refresh(record)
    assert (record.status, record.outcome, record.credits) == ("d", "declined", 0)
    with pytest.raises(NotFound):
        release_held(session, record_ids=[held.record_id], acting_user=SYSTEM, now=NOW)
    session.commit()
    assert broken(session) == []
