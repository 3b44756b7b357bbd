"""The demonstration's beneficiaries: a class that takes credits, an event that takes grams too.

Marked as examples (示例) and published by the system, as the demonstration's rewards are.
"""

from datetime import date, datetime

from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import new_public_id, open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day
from rewards.beneficiaries import BOTH, CREDITS, PUBLISHED
from rewards.giving_models import Beneficiary

_REASON = "demonstration"
# (kind, takes, goals in credits and grams, Chinese and English title, text, use)
_EXAMPLES = (
    (
        "class",
        CREDITS,
        (50_000, None),
        (
            "示例小学三年级一班种植角",
            "孩子们在校园里种菜、观察植物。示例项目，只作演示。",
            "积分换成种子、工具和一次农场参观，学期末公布清单。",
        ),
        (
            "Example primary school garden",
            "Children grow vegetables at school. An example for show.",
            "Credits become seeds, tools and a visit to a farm; the list is published each term.",
        ),
    ),
    (
        "event",
        BOTH,
        (None, 2_000_000),
        (
            "示例城市马拉松碳中和",
            "一场想做碳中和的公共活动。示例项目，只作演示。",
            "认捐的减排量只用于抵消活动当天场馆用电的排放，用多少、何时用都会公布。",
        ),
        (
            "Example city marathon",
            "A public event that wants to be carbon neutral. An example for show.",
            "Grams offset the power used on the day only; how much and when is published.",
        ),
    ),
)


def load(session: Session, *, now: datetime) -> int:
    """Add the examples unless there are beneficiaries; returns how many. The caller commits."""
    if session.exec(select(col(Beneficiary.id)).limit(1)).first() is not None:
        return 0
    for kind, takes, goals, zh, en in _EXAMPLES:
        _add(session, kind, takes, goals, {"zh": zh, "en": en}, now)
    return len(_EXAMPLES)


def _add(
    session: Session,
    kind: str,
    takes: str,
    goals: tuple[int | None, int | None],
    told: dict[str, tuple[str, str, str]],
    now: datetime,
) -> None:
    account = open_account(session, kind=AccountKind.BENEFICIARY, district_code=None, now=now)
    day = business_day(now)
    row = Beneficiary(
        public_id=new_public_id(),
        account_id=account.stored_id,
        kind=kind,
        takes=takes,
        texts={
            code: dict(zip(("title", "text", "use"), parts, strict=True))
            for code, parts in told.items()
        },
        status=PUBLISHED,
        goal_credits=goals[0],
        goal_g=goals[1],
        open_from=day,
        open_until=date(day.year + 1, 12, 31),
        created_at=now,
        published_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        acting_user=SYSTEM,
        action="beneficiary.publish",
        subject=f"beneficiary:{row.id}",
        now=now,
        reason=_REASON,
    )
