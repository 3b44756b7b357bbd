"""Offsets of the demonstration's school: lots of several kinds, a plan, one published statement.

Everything is marked 示例. Numbers begin with DEMO, which no registry gives out; there are no
papers behind them.
"""

import hashlib
from datetime import date, datetime

from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Staff, StaffRole
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import add_staff, generate_password, staff_actor
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.institutions import (
    afforestation,
    inventory,
    inventory_lines,
    lots,
    neutrality,
    retiring,
    statement_uncertainty,
    statements,
)
from carbonaccount.institutions.afforestation import Planted
from carbonaccount.institutions.inventory_entries import Entry
from carbonaccount.institutions.inventory_results import year_account
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality import MeasureContent
from carbonaccount.institutions.neutrality_models import NeutralityStatement
from carbonaccount.institutions.offset_files import Paper
from carbonaccount.institutions.offset_models import LotKind, OffsetLot
from carbonaccount.institutions.offset_rules import (
    G_PER_TONNE,
    KWH_PER_CERTIFICATE,
    certificate_end,
)
from carbonaccount.institutions.serial_numbers import parse_serials
from carbonaccount.institutions.statement_rows import account_of
from carbonaccount.institutions.statement_uncertainty import Stated

OFFICER_LOGIN, OFFICER_NAME = "demo-officer", "示例审核员"
CERTIFICATES = 40
# So many tonnes are left to the plantation's lot, of which a number is a gram.
_OF_THE_FOREST_T = 3


def load(
    session: Session,
    *,
    institution: Institution,
    owner: Actor,
    clerk: Actor,
    vault: Vault,
    now: datetime,
) -> int:
    """Load the offsets of an institution that has none; returns how many statements it has.

    owner and clerk are two people with these seats. The caller commits.
    """
    held = session.exec(
        select(col(NeutralityStatement.id)).where(
            col(NeutralityStatement.institution_id) == institution.stored_id
        )
    ).all()
    if held:
        return len(held)
    officer = _officer(session, vault, now)
    year = business_day(now).year - 1
    _inventory(session, institution, year, owner, clerk, now)
    _bought(session, institution, year, clerk, now)
    _trees(session, institution, year, clerk, officer, now)
    _plan(session, institution, year, clerk, now)
    _statement(session, institution, year, (owner, clerk, officer), vault, now)
    return 1


def _officer(session: Session, vault: Vault, now: datetime) -> Actor:
    """Return a member of staff who reviews; opened with a password that nobody is told."""
    known = session.exec(
        select(Staff)
        .join(StaffRole, col(StaffRole.staff_id) == col(Staff.id))
        .where(col(StaffRole.role) == Role.INSTITUTION_OFFICER, col(Staff.active))
        .order_by(col(Staff.id))
    ).first()
    if known is not None:
        return staff_actor(known)
    added = add_staff(
        session,
        login=OFFICER_LOGIN,
        display_name=OFFICER_NAME,
        password=generate_password(),
        roles=frozenset({Role.INSTITUTION_OFFICER}),
        vault=vault,
        acting_user=SYSTEM,
        now=now,
    )
    return staff_actor(added.staff)


def _inventory(
    session: Session,
    institution: Institution,
    year: int,
    owner: Actor,
    clerk: Actor,
    now: datetime,
) -> None:
    """Lock an inventory of the year when there is none."""
    institution_id = institution.stored_id
    known = year_account(session, institution_id=institution_id, year=year, locked_only=True)
    if known is not None:
        return
    inventory.open_year(
        session, institution=institution, year=year, acting_user=clerk, now=now, origin="示例"
    )
    at_work = inventory.at_work(session, institution_id=institution_id, year=year)
    for entry in (
        Entry(0, "fuel.petrol", "1200", "L", note="示例"),
        Entry(0, "grid.shandong", "100000", "kWh", green_power="20000", note="示例"),
        Entry(0, "heat.purchased", "300", "GJ", note="示例"),
    ):
        inventory_lines.add_line(
            session, inventory=at_work, entry=entry, acting_user=clerk, now=now
        )
    inventory.submit(session, inventory=at_work, acting_user=clerk, now=now)
    inventory.lock(session, inventory=at_work, acting_user=owner, now=now)
    session.flush()


def _bought(
    session: Session, institution: Institution, year: int, clerk: Actor, now: datetime
) -> None:
    """Buy more certificates than are used, and nearly as many tonnes as are needed."""
    account = year_account(
        session, institution_id=institution.stored_id, year=year, locked_only=True
    )
    assert account is not None
    need = neutrality.balance(
        account, certificates_kwh=CERTIFICATES * KWH_PER_CERTIFICATE, offsets_g=0
    )
    held_g = sum(
        lot.amount_g
        for lot in retiring.usable(
            session, institution_id=institution.stored_id, on=business_day(now)
        )
    )
    tonnes = max(1, (need.after_power_g - held_g) // G_PER_TONNE - _OF_THE_FOREST_T)
    produced = date(year, 6, 15)
    for new in (
        lots.NewLot(
            kind=LotKind.GREEN_CERTIFICATE,
            vintage=year,
            title="示例：风电绿证",
            registry="gec",
            serials=parse_serials("DEMO-GEC-000001", f"DEMO-GEC-{CERTIFICATES + 20:06d}"),
            serial_g=0,
            serial_kwh=KWH_PER_CERTIFICATE,
            valid_until=certificate_end(produced),
        ),
        lots.NewLot(
            kind=LotKind.CCER,
            vintage=year,
            title="示例：并网海上风电",
            registry="ccer",
            serials=parse_serials("DEMO-CCER-000001", f"DEMO-CCER-{tonnes:06d}"),
            serial_g=G_PER_TONNE,
        ),
    ):
        is_certificate = new.kind is LotKind.GREEN_CERTIFICATE
        lots.add(
            session,
            institution_id=institution.stored_id,
            new=new,
            grams_from=None if is_certificate else lots.ISSUED,
            acting_user=clerk,
            now=now,
        )


def _trees(
    session: Session,
    institution: Institution,
    year: int,
    clerk: Actor,
    officer: Actor,
    now: datetime,
) -> OffsetLot:
    """Plant ten-year-old trees, accept a check that saw nine of ten alive, make the year's lot."""
    planted = Planted("示例：泗水县圣水峪镇", "侧柏（示例）", 20_000, 2_000, date(year - 11, 3, 12))
    plantation = afforestation.plant(
        session,
        institution=institution,
        planted=planted,
        paper=_no_paper(f"plantation {institution.public_id}"),
        acting_user=clerk,
        now=now,
    )
    check = afforestation.file_check(
        session,
        plantation=plantation,
        checked_on=date(year, 12, 20),
        living=1_800,
        paper=_no_paper(f"survival {institution.public_id}"),
        acting_user=clerk,
        now=now,
    )
    afforestation.decide_check(
        session,
        check_id=check.id or 0,
        accepted=True,
        reason="示例：抽样核查属实",
        acting_user=officer,
        now=now,
    )
    return afforestation.make_lot(
        session, plantation=plantation, year=year, acting_user=clerk, now=now
    )


def _no_paper(what: str) -> Paper:
    """Return what stands for a paper that the demonstration does not have: no file is offered."""
    return Paper(hashlib.sha256(f"示例 {what}".encode()).hexdigest(), "", b"")


def _plan(
    session: Session, institution: Institution, year: int, clerk: Actor, now: datetime
) -> None:
    neutrality.write_plan(
        session,
        institution=institution,
        base_year=year,
        target_year=year + 5,
        reduce_permille=300,
        aim="示例：先换灯、控温和光伏，再用绿电，剩下的抵消。",
        acting_user=clerk,
        now=now,
    )
    for content in (
        MeasureContent(
            year, "power", "示例：教室更换 LED 灯具", 5_000_000, 4_600_000, "电表前后对比"
        ),
        MeasureContent(year + 1, "heat", "示例：供热分时分区控制", 8_000_000, None, ""),
    ):
        neutrality.write_measure(
            session, institution=institution, content=content, acting_user=clerk, now=now
        )


def _statement(
    session: Session,
    institution: Institution,
    year: int,
    people: tuple[Actor, Actor, Actor],
    vault: Vault,
    now: datetime,
) -> None:
    owner, clerk, officer = people
    row = statements.draft(
        session,
        institution=institution,
        year=year,
        account_id=clerk.id or 0,
        acting_user=clerk,
        now=now,
    )
    statements.write(
        session,
        statement=row,
        note_text="示例：演示用的数据，不是真实单位。",
        uncertainty="",
        acting_user=clerk,
        now=now,
    )
    statements.pick(
        session,
        statement=row,
        certificates=CERTIFICATES,
        offset_g=None,
        acting_user=clerk,
        now=now,
    )
    _how_sure(session, row, clerk, now)
    statements.submit(session, statement=row, acting_user=clerk, now=now)
    statements.review(session, statement=row, reason="示例：已核对", acting_user=officer, now=now)
    statements.publish(
        session,
        statement=row,
        account_id=owner.id or 0,
        vault=vault,
        acting_user=owner,
        now=now,
    )


def _how_sure(session: Session, row: NeutralityStatement, clerk: Actor, now: datetime) -> None:
    """State percentages that stand for none of any real meter or factor, and say so."""
    sure = Stated(200, "示例：计量器具 2 级", 500, "示例：演示用的百分数，没有出处")
    for code in statement_uncertainty.codes_of(account_of(session, row)):
        statement_uncertainty.state(
            session,
            statement=row,
            factor_code=code,
            stated=sure,
            account_id=clerk.id or 0,
            acting_user=clerk,
            now=now,
        )
