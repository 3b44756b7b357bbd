"""Which institutions are neutral or on the way, as they have published it themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.institutions.models import Institution, InstitutionStatus
from carbonaccount.institutions.neutrality_models import (
    NeutralityPlan,
    NeutralityStatement,
    StatementStatus,
)


@dataclass(frozen=True)
class Neutral:
    """An institution and the published statement of its newest year."""

    institution: Institution
    statement: NeutralityStatement


@dataclass(frozen=True)
class Standing:
    """How the institutions of the city stand.

    published: of each the newest published statement, by name.  planned: how many others have a
    plan of neutrality.  active: how many there are at all.
    """

    active: int
    planned: int
    published: Sequence[Neutral]

    @property
    def neutral(self) -> Sequence[Neutral]:
        """Return those whose newest published year is neutral."""
        return [item for item in self.published if item.statement.is_neutral]

    @property
    def on_the_way(self) -> int:
        """Return how many have published or planned something and are not neutral yet."""
        return len(self.published) - len(self.neutral) + self.planned


def standing(session: Session, *, year: int | None = None) -> Standing:
    """Return how institutions stand, by their newest published statement or that of a year.

    Reads a row an institution, whatever its history.
    """
    published = published_statements(session, year=year)
    ids = {item.institution.id for item in published}
    planned = session.exec(
        select(col(NeutralityPlan.institution_id))
        .join(Institution, col(Institution.id) == col(NeutralityPlan.institution_id))
        .where(col(Institution.status) == InstitutionStatus.ACTIVE)
    ).all()
    active = session.exec(
        select(sa.func.count())
        .select_from(Institution)
        .where(col(Institution.status) == InstitutionStatus.ACTIVE)
    ).one()
    return Standing(active, len(set(planned) - ids), published)


def published_statements(session: Session, *, year: int | None = None) -> list[Neutral]:
    """Return of each active institution the published statement of its newest year, or a year."""
    told = [col(NeutralityStatement.status) == StatementStatus.PUBLISHED]
    if year is not None:
        told.append(col(NeutralityStatement.year) == year)
    newest = (
        select(
            col(NeutralityStatement.institution_id),
            sa.func.max(col(NeutralityStatement.year)).label("year"),
        )
        .where(*told)
        .group_by(col(NeutralityStatement.institution_id))
        .subquery()
    )
    rows = session.exec(
        select(Institution, NeutralityStatement)
        .join(NeutralityStatement, col(NeutralityStatement.institution_id) == col(Institution.id))
        .join(
            newest,
            (newest.c.institution_id == col(NeutralityStatement.institution_id))
            & (newest.c.year == col(NeutralityStatement.year)),
        )
        .where(col(Institution.status) == InstitutionStatus.ACTIVE, *told)
        .order_by(col(Institution.name_zh), col(Institution.id))
    )
    return [Neutral(institution, statement) for institution, statement in rows]
