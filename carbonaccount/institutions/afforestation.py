"""Plantations: what was planted, how it lives, and one lot a year from what is proved to live.

A year counts when it is over, the trees stood the whole of it, and a survival check accepted by
the city's officer was made in it or later. Young trees count in part (`offset_rules.UPTAKE`).
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from carbonaccount import audit
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import new_public_id
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import inventory, lots
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.offset_files import Paper
from carbonaccount.institutions.offset_models import (
    CheckStatus,
    LotKind,
    LotStatus,
    OffsetLot,
    Plantation,
    SurvivalCheck,
)
from carbonaccount.institutions.offset_rules import UPTAKE
from carbonaccount.institutions.trail import read_reason, tell_owners

OFFICERS = frozenset({Role.INSTITUTION_OFFICER})
MOST_TREES = 10_000_000
MOST_M2 = 100_000_000
EARLIEST = date(1980, 1, 1)
# How many years a survival check tells of: the one it was made in and those right before it.
YEARS_A_CHECK = 5
_LIMITS = {"place": 200, "species": 80}


@dataclass(frozen=True)
class Planted:
    """What a person writes about a plantation; the area in square metres."""

    place: str
    species: str
    area_m2: int
    trees: int
    planted_on: date | None


@dataclass(frozen=True)
class YearOfGrowth:
    """What a year of a plantation comes to, and why not when it does not.

    obstacle: "" or a code: year_not_over, too_young, no_check, check_waiting, lot_made_before.
    """

    year: int
    age: int
    permille: int
    check: SurvivalCheck | None
    uptake_g: int
    obstacle: str


def plant(
    session: Session,
    *,
    institution: Institution,
    planted: Planted,
    paper: Paper,
    acting_user: Actor,
    now: datetime,
) -> Plantation:
    """Write down a plantation.

    Raises Invalid (planted_*), Conflict (offset_file_used, plantation_known).
    """
    _check(planted, business_day(now))
    assert planted.planted_on is not None
    # The same form sent twice at once waits here, and then finds the first.
    inventory.one_at_a_time(session, institution.stored_id)
    _check_new(session, planted)
    row = Plantation(
        public_id=new_public_id(),
        institution_id=institution.stored_id,
        place=planted.place.strip(),
        species=planted.species.strip(),
        area_m2=planted.area_m2,
        trees=planted.trees,
        planted_on=planted.planted_on,
        likeness=likeness(planted),
        evidence_sha256=paper.sha256,
        evidence_file=paper.file_name,
        added_at=now,
    )
    _add_once(session, row, planted=planted)
    _audit(session, "plantation.add", row.public_id, acting_user, now)
    return row


def _check(planted: Planted, today: date) -> None:
    for name, limit in _LIMITS.items():
        if not 1 <= len(str(getattr(planted, name)).strip()) <= limit:
            raise Invalid("planted_text", field=name, limit=limit)
    if not 1 <= planted.area_m2 <= MOST_M2:
        raise Invalid("planted_area", field="area")
    if not 1 <= planted.trees <= MOST_TREES:
        raise Invalid("planted_trees", field="trees", limit=MOST_TREES)
    if planted.planted_on is None or not EARLIEST <= planted.planted_on <= today:
        raise Invalid("planted_on", field="planted_on")


def likeness(planted: Planted) -> str:
    """Return what equal plantations have in common, whoever writes them down: 64 hex digits.

    The migration that introduced it (0005) works it out in the same way for older rows.
    """
    assert planted.planted_on is not None
    parts = (
        planted.planted_on.isoformat(),
        str(planted.area_m2),
        _bare(planted.place),
        _bare(planted.species),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _bare(text: str) -> str:
    """Return the letters and digits of a text: widths, case, blanks and signs do not tell apart."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in plain if sign.isalnum())


def _check_new(session: Session, planted: Planted) -> None:
    """Refuse what anybody in the city wrote down before, whatever paper comes with it."""
    alike = select(col(Plantation.id)).where(col(Plantation.likeness) == likeness(planted))
    if session.exec(alike).first() is not None:
        raise Conflict("plantation_known", field="place")


def _add_once(session: Session, row: SQLModel, *, planted: Planted | None = None) -> None:
    """Add a row whose paper proves nothing else in the city; a plantation that is no other's."""
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()  # What is there already shows itself here, inside the savepoint.
    except IntegrityError:
        if planted is not None:
            # Another institution was faster by a moment: its row can be seen now.
            _check_new(session, planted)
        raise Conflict("offset_file_used", field="file") from None


def file_check(
    session: Session,
    *,
    plantation: Plantation,
    checked_on: date | None,
    living: int,
    paper: Paper,
    acting_user: Actor,
    now: datetime,
) -> SurvivalCheck:
    """File a survival check, which waits for the city's officer.

    Raises Invalid (checked_on, checked_living), Conflict (offset_file_used).
    """
    today = business_day(now)
    if checked_on is None or not plantation.planted_on <= checked_on <= today:
        raise Invalid("checked_on", field="checked_on")
    if not 0 <= living <= plantation.trees:
        raise Invalid("checked_living", field="living", limit=plantation.trees)
    row = SurvivalCheck(
        plantation_id=plantation.id or 0,
        checked_on=checked_on,
        living=living,
        evidence_sha256=paper.sha256,
        evidence_file=paper.file_name,
        added_at=now,
    )
    _add_once(session, row)
    _audit(session, "survival.file", plantation.public_id, acting_user, now)
    return row


def decide_check(
    session: Session,
    *,
    check_id: int,
    accepted: bool,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> SurvivalCheck:
    """Accept or refuse a survival check with a reason.

    Raises Refused (role_missing), NotFound (unknown_check), Conflict (check_decided), Invalid
    (reason_length).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    decision = read_reason(reason)
    row = session.exec(
        select(SurvivalCheck)
        .where(col(SurvivalCheck.id) == check_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise NotFound("unknown_check")
    if row.status != CheckStatus.WAITING:
        raise Conflict("check_decided")
    row.status = (CheckStatus.ACCEPTED if accepted else CheckStatus.REFUSED).value
    row.decided_by, row.decided_at, row.decision = staff_id, now, decision
    session.flush()
    plantation = session.get_one(Plantation, row.plantation_id)
    _audit(session, f"survival.{row.status}", plantation.public_id, acting_user, now, decision)
    tell_owners(
        session,
        session.get_one(Institution, plantation.institution_id),
        f"survival_{row.status}",
        cause=f"survival:{row.id}",
        now=now,
        plantation=plantation.public_id,
        day=row.checked_on.isoformat(),
    )
    return row


def plantations_of(session: Session, *, institution_id: int) -> list[Plantation]:
    """Return the plantations of an institution, the oldest first."""
    return list(
        session.exec(
            select(Plantation)
            .where(col(Plantation.institution_id) == institution_id)
            .order_by(col(Plantation.planted_on), col(Plantation.id))
        )
    )


def plantation_at(session: Session, *, institution_id: int, public_id: str) -> Plantation:
    """Return a plantation of an institution. Raises NotFound (unknown_plantation)."""
    row = session.exec(
        select(Plantation).where(
            col(Plantation.public_id) == public_id,
            col(Plantation.institution_id) == institution_id,
        )
    ).first()
    if row is None:
        raise NotFound("unknown_plantation")
    return row


def checks_of(session: Session, *, plantation_id: int) -> list[SurvivalCheck]:
    """Return the survival checks of a plantation, the newest first."""
    return list(
        session.exec(
            select(SurvivalCheck)
            .where(col(SurvivalCheck.plantation_id) == plantation_id)
            .order_by(col(SurvivalCheck.checked_on).desc(), col(SurvivalCheck.id).desc())
        )
    )


def years_of(session: Session, *, plantation: Plantation, today: date) -> list[YearOfGrowth]:
    """Return what each year since planting comes to, the newest first."""
    checks = checks_of(session, plantation_id=plantation.id or 0)
    made = set(
        session.exec(
            select(col(OffsetLot.origin)).where(
                col(OffsetLot.kind) == LotKind.AFFORESTATION,
                col(OffsetLot.institution_id) == plantation.institution_id,
                col(OffsetLot.parent_id).is_(None),
                col(OffsetLot.status) != LotStatus.WITHDRAWN,
            )
        )
    )
    years = range(today.year, plantation.planted_on.year, -1)
    return [growth_of(plantation, year, checks, made, today) for year in years]


def growth_of(
    plantation: Plantation,
    year: int,
    checks: Sequence[SurvivalCheck],
    made: set[str],
    today: date,
) -> YearOfGrowth:
    """Work out a whole year; the trees are as old as the birthdays they have had before it."""
    age = year - 1 - plantation.planted_on.year
    permille = UPTAKE.permille(age)
    check = _proof(checks, year)
    uptake_g = (
        UPTAKE.uptake_g(
            area_m2=plantation.area_m2, age=age, living=check.living, trees=plantation.trees
        )
        if check is not None
        else 0
    )
    if year >= today.year:
        obstacle = "year_not_over"
    elif origin_of(plantation, year) in made:
        obstacle = "lot_made_before"
    elif not permille:
        obstacle = "too_young"
    elif check is not None and _is_doubted(checks, year, check.living):
        obstacle = "check_waiting"
    else:
        obstacle = "" if uptake_g else "no_check"
    return YearOfGrowth(year, age, permille, check, uptake_g, obstacle)


def _proof(checks: Sequence[SurvivalCheck], year: int) -> SurvivalCheck | None:
    """Return the accepted check that saw the fewest alive, of those made in the year or later.

    None unless one of them was made soon enough to tell of the year.
    """
    good = [
        check
        for check in checks
        if check.status == CheckStatus.ACCEPTED and check.checked_on.year >= year
    ]
    if not any(check.checked_on.year - year < YEARS_A_CHECK for check in good):
        return None
    return min(good, key=lambda check: check.living)


def _is_doubted(checks: Sequence[SurvivalCheck], year: int, living: int) -> bool:
    """Return whether a check that waits saw fewer alive than a lot of the year would count."""
    return any(
        check.status == CheckStatus.WAITING
        and check.checked_on.year >= year
        and check.living < living
        for check in checks
    )


def origin_of(plantation: Plantation, year: int) -> str:
    """Return what a year's lot names as its origin."""
    return f"plantation:{plantation.public_id}:{year}"


def make_lot(
    session: Session, *, plantation: Plantation, year: int, acting_user: Actor, now: datetime
) -> OffsetLot:
    """Make the lot of a year, once.

    Raises Invalid (growth_year), Conflict with the obstacle of the year as its code.
    """
    years = years_of(session, plantation=plantation, today=business_day(now))
    growth = next((item for item in years if item.year == year), None)
    if growth is None:
        raise Invalid("growth_year", field="year")
    if growth.obstacle or growth.check is None:
        raise Conflict(growth.obstacle or "no_check", field="year")
    return lots.add(
        session,
        institution_id=plantation.institution_id,
        new=lots.NewLot(
            kind=LotKind.AFFORESTATION,
            vintage=year,
            title=f"{plantation.species} · {plantation.place}"[:120],
            amount_g=growth.uptake_g,
            origin=origin_of(plantation, year),
            evidence_sha256=growth.check.evidence_sha256 if growth.check.evidence_file else "",
            evidence_file=growth.check.evidence_file,
        ),
        grams_from=lots.ISSUED,
        acting_user=acting_user,
        now=now,
    )


def _audit(
    session: Session,
    action: str,
    public_id: str,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"plantation:{public_id}",
        now=now,
        reason=reason,
    )
