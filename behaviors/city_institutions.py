"""Which institutions are neutral or on the way, as they have published it themselves.

Families stay private: they are counted in nothing here and never named.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlmodel import Session, col, select

from carbonaccount.institutions.models import Institution, InstitutionKind, InstitutionStatus
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.neutrality_states import (
    NeutralityState,
    PublicLine,
    neutrality_states,
    public_lines,
)


class Neutral(NamedTuple):
    """An institution and its published statement of a year."""

    institution: Institution
    statement: NeutralityStatement


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


def published_in(session: Session, year: int) -> list[Neutral]:
    """Return the published statements of a year of active institutions, by name."""
    rows = session.exec(
        select(Institution, NeutralityStatement)
        .join(NeutralityStatement, col(NeutralityStatement.institution_id) == col(Institution.id))
        .where(
            col(Institution.status) == InstitutionStatus.ACTIVE,
            col(Institution.kind) != InstitutionKind.FAMILY,
            col(NeutralityStatement.status) == StatementStatus.PUBLISHED,
            col(NeutralityStatement.year) == year,
        )
        .order_by(col(Institution.name_zh), col(Institution.id))
    )
    return [Neutral(*row) for row in rows]
