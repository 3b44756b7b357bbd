"""How far institutions are: neutral in their latest stated year, on the way, or not begun."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from carbonaccount.institutions.models import Institution, InstitutionKind, InstitutionStatus
from carbonaccount.institutions.neutrality_models import (
    NeutralityPlan,
    NeutralityStatement,
    StatementStatus,
)
from carbonaccount.institutions.statement_corrections import Correction, corrections


class NeutralityState(StrEnum):
    """How far an institution is."""

    NEUTRAL = "neutral"  # its latest published statement says neutral
    ON_THE_WAY = "on_the_way"  # a plan, or a statement that leaves something over
    NOT_BEGUN = "not_begun"
    # Said neutral, but a correction of the inventory left its lots short; counted as on the way.
    CORRECTED_SHORT = "corrected_short"


class StateCount(NamedTuple):
    """How many active institutions of a kind in a district ("" for none told) are how far."""

    district_code: str
    kind: str
    state: NeutralityState
    institutions: int


class PublicLine(NamedTuple):
    """A line of the public list: an institution, its latest published statement, its plan.

    `correction` is there when the statement says neutral and its inventory was corrected since.
    """

    institution: Institution
    statement: NeutralityStatement | None
    plan: NeutralityPlan | None
    correction: Correction | None = None

    @property
    def state(self) -> NeutralityState:
        """Return how far the institution is."""
        if self.correction is not None and not self.correction.is_enough:
            return NeutralityState.CORRECTED_SHORT
        if self.statement is not None and self.statement.is_neutral:
            return NeutralityState.NEUTRAL
        return NeutralityState.ON_THE_WAY


def _latest() -> sa.Subquery:
    """Return the latest published year of each institution."""
    return (
        sa.select(
            col(NeutralityStatement.institution_id).label("institution_id"),
            sa.func.max(col(NeutralityStatement.year)).label("year"),
        )
        .where(col(NeutralityStatement.status) == StatementStatus.PUBLISHED)
        .group_by(col(NeutralityStatement.institution_id))
        .subquery()
    )


def _with_statement(latest: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(NeutralityStatement.institution_id) == latest.c.institution_id,
        col(NeutralityStatement.year) == latest.c.year,
        col(NeutralityStatement.status) == StatementStatus.PUBLISHED,
    )


def neutrality_states(session: Session) -> list[StateCount]:
    """Return how many active institutions are how far, by district and kind; four queries at most.

    A statement that a correction left short counts as on the way. Counts of institutions, not of
    people: nothing is withheld, families are counted like others.
    """
    latest = _latest()
    short = [key for key, found in corrections(session).items() if not found.is_enough]
    stays = sa.and_(col(NeutralityStatement.is_neutral), col(NeutralityStatement.id).not_in(short))
    state = sa.case(
        (stays, NeutralityState.NEUTRAL.value),
        (
            sa.or_(
                col(NeutralityStatement.id).is_not(None),
                col(NeutralityPlan.institution_id).is_not(None),
            ),
            NeutralityState.ON_THE_WAY.value,
        ),
        else_=NeutralityState.NOT_BEGUN.value,
    )
    district = sa.func.coalesce(col(Institution.district_code), "")
    by = (district, col(Institution.kind), state)
    rows = session.execute(
        sa.select(*by, sa.func.count())
        .select_from(Institution)
        .outerjoin(latest, latest.c.institution_id == col(Institution.id))
        .outerjoin(NeutralityStatement, _with_statement(latest))
        .outerjoin(NeutralityPlan, col(NeutralityPlan.institution_id) == col(Institution.id))
        .where(col(Institution.status) == InstitutionStatus.ACTIVE)
        .group_by(*by)
        .order_by(*by)
    )
    return [
        StateCount(code, kind, NeutralityState(how), int(count)) for code, kind, how, count in rows
    ]


def public_lines(
    session: Session,
    *,
    district_code: str = "",
    kind: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> Sequence[PublicLine]:
    """Return institutions that are neutral or on the way, by name; families stay private.

    The texts of their statements are not read. Four queries at most, however many lines.
    """
    wanted = _public(district_code, kind).order_by(col(Institution.name_zh), col(Institution.id))
    rows = session.exec(wanted.limit(limit).offset(offset)).all()
    found = corrections(session) if rows else {}
    return [
        PublicLine(place, said, plan, found.get(said.stored_id) if said else None)
        for place, said, plan in rows
    ]


def public_count(session: Session, *, district_code: str = "", kind: str = "") -> int:
    """Return how many lines the public list has."""
    lines = _public(district_code, kind).with_only_columns(col(Institution.id)).subquery()
    return int(session.execute(sa.select(sa.func.count()).select_from(lines)).scalar_one())


def _public(
    district_code: str, kind: str
) -> Select[Institution, NeutralityStatement, NeutralityPlan]:
    latest = _latest()
    wanted = (
        select(Institution, NeutralityStatement, NeutralityPlan)
        .options(defer(NeutralityStatement.content))  # type: ignore[arg-type]
        .outerjoin(latest, latest.c.institution_id == col(Institution.id))
        .outerjoin(NeutralityStatement, _with_statement(latest))
        .outerjoin(NeutralityPlan, col(NeutralityPlan.institution_id) == col(Institution.id))
        .where(
            col(Institution.status) == InstitutionStatus.ACTIVE,
            col(Institution.kind) != InstitutionKind.FAMILY,
            sa.or_(
                col(NeutralityStatement.id).is_not(None),
                col(NeutralityPlan.institution_id).is_not(None),
            ),
        )
    )
    if district_code:
        wanted = wanted.where(col(Institution.district_code) == district_code)
    if kind:
        wanted = wanted.where(col(Institution.kind) == kind)
    return wanted
