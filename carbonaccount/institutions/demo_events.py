"""Events of the demonstration: one that was made good, one that runs today, one being planned."""

from datetime import date, datetime, timedelta

from sqlmodel import Session

from carbonaccount.audit import Actor
from carbonaccount.clock import business_day, day_start
from carbonaccount.crypto import Vault, random_token
from carbonaccount.institutions import (
    event_accounting,
    event_answers,
    event_certificates,
    event_plans,
    events,
    lots,
)
from carbonaccount.institutions.event_factors import DISTRICT
from carbonaccount.institutions.event_models import Event, Source
from carbonaccount.institutions.events import EventDraft
from carbonaccount.institutions.lots import ISSUED, NewLot
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.offset_models import LotKind
from carbonaccount.institutions.serial_numbers import parse_serials

_DISTRICT = "370811"
_HERE = f"{DISTRICT}{_DISTRICT}"
_NOON = timedelta(hours=12)
# Who came to the forum: people, where from, how, nights.
_FORUM = (
    (18, _HERE, "bus", 0),
    (11, f"{DISTRICT}370881", "car", 0),
    (14, "province", "train", 1),
    (3, "band_1000", "plane", 2),
)
_MARKET = ((9, _HERE, "walk", 0), (12, _HERE, "bike", 0), (4, f"{DISTRICT}370812", "nev", 0))


def load(
    session: Session,
    *,
    institution: Institution,
    owner: Actor,
    clerk: Actor,
    vault: Vault,
    now: datetime,
) -> int:
    """Load the events of an institution that has none; returns how many there are.

    owner and clerk are two people with these seats. The caller commits.
    """
    found = events.events_of(session, institution_id=institution.stored_id)
    if found:
        return len(found)
    today = business_day(now)
    _forum(session, institution, owner, clerk, vault, today - timedelta(days=60))
    _market(session, institution, clerk, today)
    _concert(session, institution, clerk, today + timedelta(days=30), now)
    return 3


def _forum(
    session: Session,
    institution: Institution,
    owner: Actor,
    clerk: Actor,
    vault: Vault,
    day: date,
) -> None:
    """A meeting that was planned, held, accounted for, made good and published."""
    planned, held = day_start(day - timedelta(days=14)), day_start(day) + _NOON
    event = _event(
        session, institution, clerk, planned,
        "meeting", "绿色校园论坛（示例）", "Green campus forum (example)", day, 2, 80, daily=True,
    )  # fmt: skip
    _plan(
        session, event, clerk, planned, {Source.TRAVEL: 6_000_000, Source.ENERGY: 800_000},
        "开通高铁站接驳大巴", Source.TRAVEL, 900_000,
    )  # fmt: skip
    _answers(session, event, _FORUM, held)
    event_answers.enter_group(
        session, event=event, origin=_HERE, mode="walk", nights=0, people=10,
        acting_user=clerk, now=held,
    )  # fmt: skip
    after = held + timedelta(days=3)
    events.end(session, event=event, acting_user=clerk, now=after)
    event_answers.set_head_count(session, event=event, head_count=70, acting_user=clerk, now=after)
    for item, amount, green in (
        ("power", "1200", "300"),
        ("paper", "500", ""),
        ("meal", "140", ""),
    ):
        event_accounting.add_line(
            session, event=event, item=item, amount=amount, green=green, evidence="示例",
            acting_user=clerk, now=after,
        )  # fmt: skip
    event_accounting.settle(session, event=event, acting_user=clerk, now=after)
    _lot(session, institution, owner, after)
    event_certificates.make_good(session, event=event, acting_user=owner, now=after)
    event_certificates.publish(session, event=event, vault=vault, acting_user=owner, now=after)


def _lot(session: Session, institution: Institution, owner: Actor, now: datetime) -> None:
    prefix = f"EXAMPLE-{institution.public_id}-"
    lots.add(
        session,
        institution_id=institution.stored_id,
        new=NewLot(
            kind=LotKind.CCER,
            vintage=2025,
            title="示例项目",
            registry="ccer",
            serials=parse_serials(f"{prefix}0001", f"{prefix}0010"),
            amount_g=10_000_000,
            serial_g=1_000_000,
        ),
        grams_from=ISSUED,
        acting_user=owner,
        now=now,
    )


def _market(session: Session, institution: Institution, clerk: Actor, today: date) -> None:
    """A market that runs today, with a poster to scan."""
    morning = day_start(today)
    event = _event(
        session, institution, clerk, morning,
        "market", "旧物集市（示例）", "Second-hand market (example)", today, 3, 300, daily=False,
    )  # fmt: skip
    _plan(
        session, event, clerk, morning, {Source.TRAVEL: None, Source.WASTE: None},
        "不提供一次性餐具", Source.WASTE, 30_000,
    )  # fmt: skip
    _answers(session, event, _MARKET, morning)


def _concert(
    session: Session, institution: Institution, clerk: Actor, day: date, now: datetime
) -> None:
    """A performance whose plan is being written."""
    _event(
        session, institution, clerk, now,
        "performance", "新年音乐会（示例）", "New Year concert (example)", day, 1, 500, daily=False,
    )  # fmt: skip


def _event(
    session: Session,
    institution: Institution,
    clerk: Actor,
    now: datetime,
    kind: str,
    name_zh: str,
    name_en: str,
    first_day: date,
    days: int,
    people: int,
    *,
    daily: bool,
) -> Event:
    draft = EventDraft(
        kind=kind,
        name_zh=name_zh,
        name_en=name_en,
        place="市文化中心",
        district_code=_DISTRICT,
        first_day=first_day,
        last_day=first_day + timedelta(days=days - 1),
        expected_people=people,
        open_to_public=True,
        daily_return=daily,
    )
    return events.create(session, institution=institution, draft=draft, acting_user=clerk, now=now)


def _plan(
    session: Session,
    event: Event,
    clerk: Actor,
    now: datetime,
    sources: dict[Source, int | None],
    what: str,
    source: Source,
    expected_g: int,
) -> None:
    event_plans.set_plan(
        session, event=event, sources=sources, offset_plan="优先使用本地核证减排量（示例）",
        acting_user=clerk, now=now,
    )  # fmt: skip
    event_plans.add_measure(
        session, event=event, source=source.value, what=what, basis="按往年人数估算（示例）",
        expected_g=expected_g, acting_user=clerk, now=now,
    )  # fmt: skip
    event_plans.begin(session, event=event, acting_user=clerk, now=now)


def _answers(
    session: Session,
    event: Event,
    groups: tuple[tuple[int, str, str, int], ...],
    now: datetime,
) -> None:
    for people, origin, mode, nights in groups:
        for _ in range(people):
            event_answers.answer(
                session, event=event, token=random_token(), origin=origin, mode=mode,
                nights=nights, now=now,
            )  # fmt: skip
