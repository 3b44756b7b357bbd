"""Which institutions are neutral or on the way, as they have published it themselves.

Families stay private: they are counted in nothing here and never named.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.clock import day_start
from carbonaccount.institutions.models import Institution, InstitutionKind, InstitutionStatus
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.neutrality_states import (
    NeutralityState,
    PublicLine,
    neutrality_states,
    public_lines,
)
from carbonaccount.institutions.statement_corrections import corrections


class Neutral(NamedTuple):
    """An institution, its published statement of a year, and whether that year is neutral.

    A statement that said so is not any more when a corrected inventory left its lots short.
    """

    institution: Institution
    statement: NeutralityStatement
    is_neutral: bool


@dataclass(frozen=True)
class Standing:
    """How the institutions of the city stand; `lines` are those that have begun, by name."""

    active: int
    neutral: int
    on_the_way: int
    lines: Sequence[PublicLine]


def standing(session: Session) -> Standing:
    """Return how institutions stand; reads a row an institution, whatever its history."""
    counts: Counter[NeutralityState] = Counter()
    for item in neutrality_states(session):
        if item.kind != InstitutionKind.FAMILY:
            counts[item.state] += item.institutions
    return Standing(
        active=counts.total(),
        neutral=counts[NeutralityState.NEUTRAL],
        on_the_way=counts[NeutralityState.ON_THE_WAY],
        lines=public_lines(session),
    )


def stood_in(year: int) -> sa.ColumnElement[bool]:
    """Return the condition of institutions, families left out, that were there in a year.

    They were admitted before it ended, or have published what they were in it since. Who has
    closed is on no public page.
    """
    admitted = sa.func.coalesce(col(Institution.decided_at), col(Institution.applied_at))
    of_the_year = sa.select(col(NeutralityStatement.institution_id)).where(
        col(NeutralityStatement.status) == StatementStatus.PUBLISHED,
        col(NeutralityStatement.year) == year,
    )
    stated = col(Institution.id).in_(of_the_year)
    return sa.and_(
        col(Institution.status) == InstitutionStatus.ACTIVE,
        col(Institution.kind) != InstitutionKind.FAMILY,
        sa.or_(admitted < day_start(date(year + 1, 1, 1)), stated),
    )


def stated_years(session: Session) -> list[int]:
    """Return the years of which institutions, families left out, have published statements."""
    rows = session.exec(
        select(col(NeutralityStatement.year))
        .join(Institution, col(Institution.id) == col(NeutralityStatement.institution_id))
        .where(
            col(Institution.status) == InstitutionStatus.ACTIVE,
            col(Institution.kind) != InstitutionKind.FAMILY,
            col(NeutralityStatement.status) == StatementStatus.PUBLISHED,
        )
        .distinct()
    )
    return list(rows)


def published_in(session: Session, year: int) -> list[Neutral]:
    """Return the published statements of a year of the institutions of that year, by name."""
    rows = session.exec(
        select(Institution, NeutralityStatement)
        .join(NeutralityStatement, col(NeutralityStatement.institution_id) == col(Institution.id))
        .where(
            stood_in(year),
            col(NeutralityStatement.status) == StatementStatus.PUBLISHED,
            col(NeutralityStatement.year) == year,
        )
        .order_by(col(Institution.name_zh), col(Institution.id))
    ).all()
    said = [row.stored_id for _place, row in rows if row.is_neutral]
    found = corrections(session, statement_ids=said) if said else {}
    short = {key for key, correction in found.items() if not correction.is_enough}
    return [Neutral(place, row, row.is_neutral and row.id not in short) for place, row in rows]
