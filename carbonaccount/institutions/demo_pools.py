"""A pool of the demonstration that residents can join, for the demonstration's school."""

from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Staff, StaffRole
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import add_staff, generate_password
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.institutions import pools
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.pool_models import Pool
from carbonaccount.institutions.pools import PoolContent

DRAFTER_LOGIN = "demo-pools"
OPEN_FOR = timedelta(days=60)


def load(
    session: Session,
    *,
    institution: Institution,
    owner: Actor,
    clerk: Actor,
    vault: Vault,
    now: datetime,
) -> int:
    """Draft and open a pool for an institution that has none; returns how many there are.

    Drafted by one officer and opened by another, as in life; whoever signs in as an officer of the
    demonstration can gather it. The caller commits.
    """
    wanted = select(col(Pool.id)).where(col(Pool.buyer_id) == institution.stored_id)
    if session.exec(wanted).first() is not None:
        return 1
    drafter = _officer(session, DRAFTER_LOGIN, vault, now)
    pool = pools.draft(
        session, content=_content(institution, business_day(now)), acting_user=drafter, now=now
    )
    opener = _other(session, drafter) or _officer(session, f"{DRAFTER_LOGIN}-2", vault, now)
    pools.open_pool(session, public_id=pool.public_id, acting_user=opener, now=now)
    return 1


def _content(institution: Institution, today: date) -> PoolContent:
    yesterday = today - timedelta(days=1)
    return PoolContent(
        texts={
            "title": ("今年的绿色出行减排池（示例）", "Green trips of this year (example)"),
            "purpose": (
                "抵消学校今年运动会的排放（示例）",
                "To make this year's school sports day good (example)",
            ),
            "proceeds": (
                "用于校门口的自行车停车架（示例）",
                "for bicycle racks at the gate (example)",
            ),
        },
        first_day=date(yesterday.year, 1, 1),
        last_day=yesterday,
        joins_until=today + OPEN_FOR,
        buyer=institution.public_id,
        buyer_name=("", ""),
        price_fen_per_t=6000,
    )


def _officer(session: Session, login: str, vault: Vault, now: datetime) -> Actor:
    """Add a member of staff with a password that nobody is told."""
    added = add_staff(
        session,
        login=login,
        display_name=login,
        password=generate_password(),
        roles=frozenset({Role.INSTITUTION_OFFICER}),
        vault=vault,
        acting_user=SYSTEM,
        now=now,
    )
    return Actor("staff", login, added.staff.stored_id)


def _other(session: Session, drafter: Actor) -> Actor | None:
    """Return another officer, if there is one."""
    found = session.exec(
        select(Staff)
        .join(StaffRole, col(StaffRole.staff_id) == col(Staff.id))
        .where(
            col(StaffRole.role) == Role.INSTITUTION_OFFICER,
            col(Staff.active),
            col(Staff.id) != drafter.id,
        )
        .order_by(col(Staff.id))
    ).first()
    return Actor("staff", found.login, found.stored_id) if found else None
