"""Sample bus trips of the demonstration: made up by a rule that anyone can follow, and said so.

No published record of bus trips names its riders apart, so there is none to try a bus rule on.
These trips stand in for them. They come in under a source whose name says that they are samples,
and pages that count them say so too; nothing here was measured.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from sqlmodel import Session, col, select

from behaviors.intake import door
from behaviors.models import ActivityRecord, Behavior, Channel, Source, SourceSubject
from behaviors.sources import add_source, bind_subject
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import CITY_ZONE, business_day

CODE = "demo-bus"
NAME_ZH, NAME_EN = "演示公交（示例数据）", "Demo Bus (sample data)"
BEHAVIOR = "bus_trip"
RIDERS, DAYS = 48, 60
# Every fourth rider tells of trips that nobody metered, every twelfth rides far.
DECLARING, FAR = 4, 12


def load_sample_trips(session: Session, *, now: datetime) -> int:
    """Let 48 pseudonymous residents ride the bus for the 60 days before; returns how many trips.

    Comes in through the one door, in the caller's transaction. Does nothing when it was done.
    """
    if sample_source(session) is not None:
        return 0
    accounts = _pseudonyms(session)
    source = add_source(
        session,
        code=CODE,
        name_zh=NAME_ZH,
        name_en=NAME_EN,
        behaviors=[BEHAVIOR],
        bindable=False,
        acting_user=SYSTEM,
        now=now,
    )
    for rider, account in enumerate(accounts):
        bind_subject(
            session,
            source=source,
            subject=_subject(rider),
            account_public_id=account.public_id,
            acting_user=SYSTEM,
            now=now,
        )
    trips = [trip for rider in range(len(accounts)) for trip in sample_trips(rider, now)]
    batch = door.take_items(
        session, source=source, channel=Channel.FILE, items=trips, acting_user=SYSTEM, now=now
    )
    return batch.accepted


def sample_source(session: Session) -> Source | None:
    """Return the source of the sample trips, None when there are none."""
    return session.exec(select(Source).where(col(Source.code) == CODE)).first()


def sample_of(session: Session, behavior_id: int) -> Source | None:
    """Return the source of sample records that a behaviour's history holds, None for none."""
    return session.exec(
        select(Source)
        .join(Behavior, col(Behavior.code) == BEHAVIOR)
        .where(
            col(Source.code) == CODE,
            col(Behavior.id) == behavior_id,
            select(col(ActivityRecord.id))
            .where(col(ActivityRecord.source_id) == Source.id)
            .exists(),
        )
    ).first()


def _pseudonyms(session: Session) -> list[Account]:
    """Return the first riders of the published bike trips, in the order of their bikes."""
    return list(
        session.exec(
            select(Account)
            .join(SourceSubject, col(SourceSubject.account_id) == col(Account.id))
            .join(Source, col(Source.id) == col(SourceSubject.source_id))
            .where(col(Source.code) == "demo-bike", col(Account.kind) == AccountKind.PSEUDONYM)
            .order_by(col(SourceSubject.subject))
            .limit(RIDERS)
        ).all()
    )


def sample_trips(rider: int, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield a rider's trips of the 60 days before `now`, as a partner would send them.

    A hash of the rider's number and the day's distance from `now` decides everything: on 90 days
    of 256 there is a trip, of 2.0 to 13.9 km, four times as long for those who ride far.
    """
    today = business_day(now)
    for back in range(1, DAYS + 1):
        digest = hashlib.sha256(f"{rider}:{back}".encode()).digest()
        if digest[0] >= 90:
            continue
        tenths = (20 + digest[1] % 120) * (4 if rider % FAR == 0 else 1)
        at = time(7 + digest[2] % 13, digest[3] % 60)
        moment = datetime.combine(today - timedelta(days=back), at, tzinfo=CITY_ZONE)
        yield {
            "event_id": f"sample-{rider}-{back}",
            "subject": _subject(rider),
            "behavior": BEHAVIOR,
            "occurred_at": moment.isoformat(),
            "activity": {"distance_km": f"{tenths // 10}.{tenths % 10}"},
            "evidence": "D" if rider % DECLARING == DECLARING - 1 else "A",
        }


def _subject(rider: int) -> str:
    return f"SAMPLE-{rider + 1:02}"
