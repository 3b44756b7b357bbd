"""What this room does every day by itself."""

from datetime import date, datetime, timedelta

from flask import current_app
from sqlmodel import Session

from behaviors.behavior_services import release_late_records
from behaviors.control_totals import check_day
from behaviors.debts import settle_debts
from behaviors.intake.upload_files import UploadFiles
from behaviors.rule_services import activate_due
from behaviors.source_keys import delete_expired_nonces
from behaviors.sources import delete_old_binding_codes
from behaviors.telling import close_due
from behaviors.totals import add_up
from carbonaccount.audit import SYSTEM
from carbonaccount.config import Settings
from carbonaccount.scheduler import is_dry_run, scheduled

# A code that was used or has expired tells nothing after a day; the audit trail keeps the act.
CODES_KEPT = timedelta(days=1)


@scheduled(
    name="forget-signing-traces",
    description="Delete expired nonces and binding codes",
    hour=3,
    minute=20,
)
def forget_signing_traces(session: Session, *, period: date, now: datetime) -> str:
    """Delete nonces out of their window and binding codes that can no longer be used."""
    nonces = delete_expired_nonces(session, now=now)
    codes = delete_old_binding_codes(session, before=now - CODES_KEPT)
    return f"nonces={nonces} codes={codes}"


@scheduled(
    name="activate-rules",
    description="Show which rule versions are in force from today",
    hour=0,
    minute=5,
)
def activate_rules(session: Session, *, period: date, now: datetime) -> str:
    """Set the standing of rule versions by the day it is now, however late the run is."""
    done = activate_due(session, now=now)
    return f"activated={done.activated} superseded={done.superseded}"


@scheduled(
    name="release-late-records",
    description="Count records that were held for a stop that is over",
    hour=0,
    minute=15,
)
def release_records_of_past_stops(session: Session, *, period: date, now: datetime) -> str:
    """Count records that a batch held while its behaviour was being resumed."""
    return f"records={release_late_records(session, acting_user=SYSTEM, now=now)}"


@scheduled(
    name="city-totals",
    description="Add up the days whose records changed",
    hour=1,
    minute=30,
)
def add_the_city_up(session: Session, *, period: date, now: datetime) -> str:
    """Work out the totals of changed days, late records and reversals included."""
    return f"days={add_up(session, now=now)}"


@scheduled(
    name="member-figures",
    description="Tell what members did in parts of months that have been over for a week",
    hour=1,
    minute=50,
)
def tell_what_members_did(session: Session, *, period: date, now: datetime) -> str:
    """Add up what is left to add up, then tell: what is told once is not told again."""
    add_up(session, now=now)
    return f"parts={len(close_due(session, now=now))}"


@scheduled(
    name="control-totals",
    description="Compare each source's records of the day before with its answers and the books",
    hour=2,
    minute=0,
)
def check_control_totals(session: Session, *, period: date, now: datetime) -> str:
    """Count the day before the period's, which is whole by then."""
    checked = check_day(session, day=period - timedelta(days=1), now=now)
    return f"sources={checked.sources} differing={checked.differing}"


@scheduled(
    name="forget-uploads",
    description="Delete uploaded files that were not imported, and old lists of lines",
    hour=3,
    minute=40,
)
def forget_uploads(session: Session, *, period: date, now: datetime) -> str:
    """Delete files that nobody took up again, and lines with reasons after half a year."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    files = UploadFiles(settings.instance_path / "uploads")
    found = files.old(now_s=now.timestamp())
    if not is_dry_run(session):
        files.delete(found)
    return f"files={len(found)}"


@scheduled(
    name="settle-debts",
    description="Let later earnings pay what re-scorings could not take back",
    hour=0,
    minute=45,
)
def settle_open_debts(session: Session, *, period: date, now: datetime) -> str:
    """Take what people who owe grams or credits hold by now."""
    return f"payments={settle_debts(session, now=now)}"
