"""People, rides, an institution and a correction for the tests of totals."""

from datetime import date

from sqlmodel import Session, col, select

from behaviors.models import ActivityRecord, Source, SourceSubject
from behaviors.rule_models import RecordAdjustment, Rescore
from carbonaccount.accounts.models import Account, AccountKind, Staff
from carbonaccount.accounts.services import open_account
from carbonaccount.institutions.models import Institution, InstitutionStatus
from tests.behaviors.intake.arranging import NOW, item


def people(session: Session, source: Source, count: int, district: str | None) -> list[str]:
    """Open accounts bound to the source; returns their names there."""
    names = []
    for number in range(count):
        account = open_account(session, kind=AccountKind.PERSON, district_code=district, now=NOW)
        names.append(f"{district}-{number}")
        know(session, source, names[-1], account)
    return names


def know(session: Session, source: Source, name: str, account: Account) -> None:
    """Bind an account to a source."""
    session.add(
        SourceSubject(
            source_id=source.stored_id, subject=name, account_id=account.stored_id, bound_at=NOW
        )
    )
    session.flush()


def rides(names: list[str], day: str = "2026-03-02", prefix: str = "e") -> list[dict[str, object]]:
    """A ride of 3 km each: 146 g and 146 credits."""
    return [
        item(f"{prefix}-{day}-{name}", subject=name, occurred_at=f"{day}T08:00:00+08:00")
        for name in names
    ]


def open_institution(session: Session, name: str = "某机关", kind: str = "agency") -> int:
    """Open an active institution; returns its id."""
    account = open_account(session, kind=AccountKind.INSTITUTION, district_code=None, now=NOW)
    institution = Institution(
        public_id=f"institution {name}",
        account_id=account.stored_id,
        kind=kind,
        name_zh=name,
        status=InstitutionStatus.ACTIVE,
        applied_by=account.stored_id,
        applied_at=NOW,
        district_code="370811",
    )
    session.add(institution)
    session.flush()
    return institution.stored_id


def correct(session: Session, day: date, *, difference_g: int) -> None:
    """Let a booked re-scoring change the first record of a day by some grams; no transfers."""
    record = session.exec(
        select(ActivityRecord)
        .where(col(ActivityRecord.business_day) == day)
        .order_by(col(ActivityRecord.id))
    ).first()
    assert record is not None
    staff = session.exec(select(col(Staff.id))).first()
    if staff is None:
        session.add(
            Staff(
                login="checker",
                display_name="-",
                password_hash="-",
                totp_sealed=b"-",
                created_at=NOW,
            )
        )
        session.flush()
        staff = session.exec(select(col(Staff.id))).one()
    rescore = Rescore(
        public_id=f"rescore of {day}",
        behavior_id=record.behavior_id,
        rule_version_id=record.rule_version_id,
        first_day=day,
        last_day=day,
        status="booked",
        reason="-",
        proposed_by=staff or 0,
        proposed_at=NOW,
    )
    session.add(rescore)
    session.flush()
    session.add(
        RecordAdjustment(
            rescore_id=rescore.id or 0,
            record_id=record.id or 0,
            account_id=record.account_id,
            counted_milli=record.counted_milli,
            g_before=record.reduction_g,
            credits_before=record.credits,
            difference_g=difference_g,
            difference_credits=0,
        )
    )
    session.flush()
