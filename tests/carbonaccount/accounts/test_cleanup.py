"""The nightly cleaning deletes what is over and nothing else."""

from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session, select

from carbonaccount import scheduler
from carbonaccount.accounts.limits import CODES_PER_NUMBER, count_try
from carbonaccount.accounts.models import AccountKind, LoginSession, OneTimeCode, RateCount
from carbonaccount.accounts.services import open_account

NOW = datetime(2026, 11, 21, 19, 20, tzinfo=UTC)
DAY = date(2026, 11, 22)


def add_login(session: Session, account_id: int, name: str, **changes: datetime | None) -> None:
    """Add a session whose last sign of life was just now, but for the changes."""
    times: dict[str, datetime | None] = {
        "created_at": NOW - timedelta(days=100),
        "last_seen_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        **changes,
    }
    session.add(LoginSession(token_hash=name, account_id=account_id, **times))  # type: ignore[arg-type]


def test_what_is_over_goes_and_the_rest_stays(session: Session) -> None:
    for name, minutes in (("old", 5), ("living", 4)):
        issued = NOW - timedelta(minutes=minutes)
        session.add(
            OneTimeCode(
                request_hash=name,
                phone_index="i",
                phone_sealed=b"s",
                code_hash="h",
                created_at=issued,
                expires_at=issued + timedelta(minutes=5),
            )
        )
    minute, hour, _day = CODES_PER_NUMBER
    for limit in (minute, hour):
        count_try(session, limit=limit, key_index="k", now=NOW - timedelta(minutes=10))
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
    month = timedelta(days=30)
    add_login(session, account.stored_id, "living")
    add_login(session, account.stored_id, "revoked lately", revoked_at=NOW - timedelta(days=29))
    add_login(session, account.stored_id, "revoked", revoked_at=NOW - month)
    add_login(session, account.stored_id, "over", expires_at=NOW - month)
    add_login(session, account.stored_id, "silent", last_seen_at=NOW - month)
    session.commit()

    summary = scheduler.run_once(session, name="cleanup", period=DAY, now=NOW)
    session.commit()
    assert summary == "codes=1 counters=1 sessions=3"
    assert session.exec(select(OneTimeCode.request_hash)).all() == ["living"]
    assert session.exec(select(RateCount.scope)).all() == ["code_number_hour"]
    assert sorted(session.exec(select(LoginSession.token_hash))) == ["living", "revoked lately"]


def test_it_runs_once_a_day(session: Session) -> None:
    scheduler.run_once(session, name="cleanup", period=DAY, now=NOW)
    again = scheduler.run_once(session, name="cleanup", period=DAY, now=NOW)
    assert again.startswith("already done")
