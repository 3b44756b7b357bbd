"""The way to neutrality: the plan with its measures, and what a year comes to. Arithmetic is pure.

Reduce first; then certificates take kilowatt-hours off the power line; then lots of grams make
good what is left. Neutral is a year whose lots are at least its emissions after the certificates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_DOWN, Context, Decimal
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import Actor
from carbonaccount.errors import Invalid, NotFound
from carbonaccount.institutions.footprint import Block
from carbonaccount.institutions.inventory_results import YearAccount
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality_models import MeasureArea, NeutralityPlan, PlanMeasure
from carbonaccount.institutions.offset_rules import KWH_PER_CERTIFICATE
from carbonaccount.institutions.seen import check_seen
from carbonaccount.institutions.trail import note

G_PER_KG = 1000
FIRST_YEAR, LAST_YEAR = 2000, 2100
LARGEST_EFFECT_G = 10**15
_LIMITS = {"aim": 1000, "title": 120, "basis": 500}
_EXACT = Context(prec=60)


class NetPower(NamedTuple):
    """Electricity of one factor version that certificates may still cover, in kWh."""

    factor_code: str
    factor_version: int
    factor_value: Decimal
    net_kwh: Decimal


class Covered(NamedTuple):
    """What certificates cover of one factor's electricity, and the grams that are gone with it."""

    factor_code: str
    factor_version: int
    kwh: Decimal
    grams: int


@dataclass(frozen=True)
class Balance:
    """A year in grams: the account, what certificates and lots take off it, and what remains.

    certificates_kwh is what was retired, covered_kwh what of it met electricity of the account.
    """

    emissions_g: int
    certificates_kwh: int
    covered: tuple[Covered, ...]
    offsets_g: int

    @property
    def covered_kwh(self) -> Decimal:
        """Return the electricity that certificates cover."""
        return sum((item.kwh for item in self.covered), Decimal(0))

    @property
    def power_reduction_g(self) -> int:
        """Return what the certificates take off the power line."""
        return sum(item.grams for item in self.covered)

    @property
    def after_power_g(self) -> int:
        """Return what lots of grams have to make good."""
        return self.emissions_g - self.power_reduction_g

    @property
    def remaining_g(self) -> int:
        """Return what nothing makes good yet."""
        return max(0, self.after_power_g - self.offsets_g)

    @property
    def is_neutral(self) -> bool:
        """Return whether the lots are at least the emissions after the certificates."""
        return self.offsets_g >= self.after_power_g


def net_power(account: YearAccount) -> list[NetPower]:
    """Return the electricity of a year that green power and re-supply leave, by factor version.

    Lines are floored one by one, as in the account. The smallest factor first: certificates are
    counted where they take off least.
    """
    sums: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}
    for line in account.lines:
        if line.block is Block.POWER:
            key = (line.factor_code, line.factor_version)
            _, known = sums.get(key, (line.factor_value, Decimal(0)))
            sums[key] = (line.factor_value, known + line.counted)
    found = [NetPower(*key, value, kwh) for key, (value, kwh) in sums.items()]
    return sorted(found, key=lambda item: (item.factor_value, item.factor_code))


def cover(power: Sequence[NetPower], kwh: int) -> tuple[Covered, ...]:
    """Return what certificates over so many kWh take off, each rounded down to the gram."""
    left, found = Decimal(kwh), []
    for item in power:
        part = min(left, item.net_kwh)
        if part > 0:
            exact = _EXACT.multiply(_EXACT.multiply(part, item.factor_value), Decimal(G_PER_KG))
            grams = int(exact.to_integral_value(rounding=ROUND_DOWN))
            found.append(Covered(item.factor_code, item.factor_version, part, grams))
            left -= part
    return tuple(found)


def certificates_needed(power: Sequence[NetPower]) -> int:
    """Return how many certificates cover all electricity; the last may cover less than it could."""
    total = sum((item.net_kwh for item in power), Decimal(0))
    return int((total / KWH_PER_CERTIFICATE).to_integral_value(rounding=ROUND_CEILING))


def balance(account: YearAccount, *, certificates_kwh: int, offsets_g: int) -> Balance:
    """Return how a year stands with so many kWh of certificates and grams of lots."""
    return Balance(
        emissions_g=grams_of(account.total_kg),
        certificates_kwh=certificates_kwh,
        covered=cover(net_power(account), certificates_kwh),
        offsets_g=offsets_g,
    )


def grams_of(kilograms: Decimal) -> int:
    """Return kilograms with three decimals as grams."""
    return int(kilograms * G_PER_KG)


def grade_shares(account: YearAccount) -> dict[str, int]:
    """Return the grams of the account by the evidence grade of their activity data, A to D."""
    shares: dict[str, int] = {}
    for line in account.lines:
        if line.block is not Block.OPTIONAL:
            shares[line.grade] = shares.get(line.grade, 0) + grams_of(line.emission_kg)
    return dict(sorted(shares.items()))


# --- the plan ---


@dataclass(frozen=True)
class MeasureContent:
    """What a person writes about a measure of a year; effects in grams, None while unknown."""

    year: int
    area: str
    title: str
    expected_g: int
    achieved_g: int | None
    basis: str


def plan_of(session: Session, *, institution_id: int) -> NeutralityPlan | None:
    """Return an institution's plan, None when it has none."""
    return session.get(NeutralityPlan, institution_id)


def write_plan(
    session: Session,
    *,
    institution: Institution,
    base_year: int,
    target_year: int,
    reduce_permille: int,
    aim: str,
    seen: str | None = None,
    acting_user: Actor,
    now: datetime,
) -> NeutralityPlan:
    """Write the plan, or write it anew; `seen` is what the form carried, see `check_seen`.

    Raises Invalid (plan_years, plan_share, plan_text), Conflict (changed_meanwhile).
    """
    if not FIRST_YEAR <= base_year < target_year <= LAST_YEAR:
        raise Invalid("plan_years", field="target_year")
    if not 0 <= reduce_permille <= 1000:
        raise Invalid("plan_share", field="reduce")
    if len(aim.strip()) > _LIMITS["aim"]:
        raise Invalid("plan_text", field="aim", limit=_LIMITS["aim"])
    plan = session.get(
        NeutralityPlan, institution.stored_id, with_for_update=True, populate_existing=True
    )
    check_seen(seen, None if plan is None else plan.changed_at)
    if plan is None:
        plan = NeutralityPlan(
            institution_id=institution.stored_id,
            base_year=base_year,
            target_year=target_year,
            reduce_permille=reduce_permille,
            changed_at=now,
        )
        session.add(plan)
    plan.base_year, plan.target_year = base_year, target_year
    plan.reduce_permille, plan.aim, plan.changed_at = reduce_permille, aim.strip(), now
    note(session, institution, "neutrality.plan", acting_user=acting_user, now=now)
    session.flush()
    return plan


def measures_of(
    session: Session, *, institution_id: int, year: int | None = None
) -> list[PlanMeasure]:
    """Return the measures of an institution, of one year or all, the newest year first."""
    wanted = select(PlanMeasure).where(col(PlanMeasure.institution_id) == institution_id)
    if year is not None:
        wanted = wanted.where(col(PlanMeasure.year) == year)
    return list(session.exec(wanted.order_by(col(PlanMeasure.year).desc(), col(PlanMeasure.id))))


def write_measure(
    session: Session,
    *,
    institution: Institution,
    content: MeasureContent,
    public_id: str = "",
    seen: str | None = None,
    acting_user: Actor,
    now: datetime,
) -> PlanMeasure:
    """Add a measure, or write the one with `public_id` anew, `seen` as its form carried it.

    Raises Invalid (measure_year, measure_area, measure_title, measure_effect, measure_basis),
    NotFound (unknown_plan_measure), Conflict (changed_meanwhile).
    """
    _check_measure(content)
    columns: dict[str, Any] = {
        "year": content.year,
        "area": content.area,
        "title": content.title.strip(),
        "expected_g": content.expected_g,
        "achieved_g": content.achieved_g,
        "basis": content.basis.strip(),
        "changed_at": now,
    }
    if public_id:
        row = measure_at(session, institution, public_id)
        session.refresh(row, with_for_update=True)
        check_seen(seen, row.changed_at)
        row.sqlmodel_update(columns)
    else:
        row = PlanMeasure(
            public_id=new_public_id(), institution_id=institution.stored_id, **columns
        )
    session.add(row)
    note(session, institution, "neutrality.measure", acting_user=acting_user, now=now)
    session.flush()
    return row


def measure_at(session: Session, institution: Institution, public_id: str) -> PlanMeasure:
    """Return a measure of an institution. Raises NotFound (unknown_plan_measure)."""
    row = session.exec(
        select(PlanMeasure).where(
            col(PlanMeasure.public_id) == public_id,
            col(PlanMeasure.institution_id) == institution.stored_id,
        )
    ).first()
    if row is None:
        raise NotFound("unknown_plan_measure")
    return row


def remove_measure(
    session: Session, *, institution: Institution, public_id: str, acting_user: Actor, now: datetime
) -> None:
    """Take a measure off the plan; statements keep what they said of it."""
    session.delete(measure_at(session, institution, public_id))
    note(session, institution, "neutrality.measure_removed", acting_user=acting_user, now=now)


def _check_measure(content: MeasureContent) -> None:
    if not FIRST_YEAR <= content.year <= LAST_YEAR:
        raise Invalid("measure_year", field="year")
    if content.area not in set(MeasureArea):
        raise Invalid("measure_area", field="area")
    if not 1 <= len(content.title.strip()) <= _LIMITS["title"]:
        raise Invalid("measure_title", field="title", limit=_LIMITS["title"])
    for name, grams in (("expected", content.expected_g), ("achieved", content.achieved_g)):
        if grams is not None and not 0 <= grams <= LARGEST_EFFECT_G:
            raise Invalid("measure_effect", field=name)
    if len(content.basis.strip()) > _LIMITS["basis"]:
        raise Invalid("plan_text", field="basis", limit=_LIMITS["basis"])
    # An effect that was achieved can be checked only when it is told how it was found.
    if content.achieved_g is not None and not content.basis.strip():
        raise Invalid("measure_basis", field="basis")
