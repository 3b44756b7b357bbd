"""What pages read about re-scorings: their rows, and the debts they make or would make."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import Behavior, RuleVersion
from behaviors.rule_models import Rescore, RescoreLine
from behaviors.rulebook import PUBLISHED
from carbonaccount.accounts.models import Staff
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit


class RescoreRow(NamedTuple):
    """A re-scoring with its behaviour, the version it scores with, and who proposed it."""

    rescore: Rescore
    behavior: Behavior
    version: RuleVersion
    staff: Staff


class Debts(NamedTuple):
    """What people cannot give back because they spent it, and what of it they have paid since."""

    people: int
    grams: int
    credits: int
    paid_grams: int = 0
    paid_credits: int = 0


def rescorings(session: Session, *, behavior: str = "", status: str = "") -> list[RescoreRow]:
    """Return re-scorings, the newest first; an empty filter lets all through."""
    wanted = (
        select(Rescore, Behavior, RuleVersion, Staff)
        .join(Behavior, col(Behavior.id) == col(Rescore.behavior_id))
        .join(RuleVersion, col(RuleVersion.id) == col(Rescore.rule_version_id))
        .join(Staff, col(Staff.id) == col(Rescore.proposed_by))
        .order_by(col(Rescore.id).desc())
    )
    if behavior:
        wanted = wanted.where(col(Behavior.code) == behavior)
    if status:
        wanted = wanted.where(col(Rescore.status) == status)
    return [RescoreRow(*row) for row in session.exec(wanted).all()]


def published_versions(session: Session, behavior_id: int) -> list[RuleVersion]:
    """Return the versions that records can be scored again with, the newest first."""
    return list(
        session.exec(
            select(RuleVersion)
            .where(
                col(RuleVersion.behavior_id) == behavior_id,
                col(RuleVersion.status).in_(PUBLISHED),
            )
            .order_by(col(RuleVersion.version).desc())
        ).all()
    )


def line_count(session: Session, rescore: Rescore) -> int:
    """Return how many people a re-scoring concerns."""
    counted = select(sa.func.count()).select_from(RescoreLine)
    return session.exec(counted.where(col(RescoreLine.rescore_id) == rescore.id)).one()


def expected_debts(session: Session, rescore: Rescore) -> Debts:
    """Return the debts that booking would make by what people hold now."""
    grams, credited = _missing(Unit.G), _missing(Unit.CREDIT)
    lines = (
        sa.select(grams.label("grams"), credited.label("credits"))
        .where(col(RescoreLine.rescore_id) == rescore.id)
        .subquery()
    )
    return _debts(session, lines, lines.c.grams, lines.c.credits)


def _missing(unit: Unit) -> sa.ColumnElement[int]:
    """Return by how much a line takes back more of a unit than its person holds."""
    difference = RescoreLine.difference_g if unit is Unit.G else RescoreLine.difference_credits
    held = (
        sa.select(sa.func.coalesce(sa.func.sum(col(LedgerAccount.balance)), 0))
        .where(
            col(LedgerAccount.owner_id) == col(RescoreLine.account_id),
            col(LedgerAccount.kind) == int(LedgerKind.RESIDENT),
            col(LedgerAccount.unit) == int(unit),
        )
        .scalar_subquery()
    )
    missing = -col(difference) - held
    return sa.case((missing > 0, missing), else_=0)


def debts_of(session: Session, rescore: Rescore) -> Debts:
    """Return the debts that a booked re-scoring made."""
    lines = (
        sa.select(
            col(RescoreLine.debt_g).label("grams"),
            col(RescoreLine.debt_credits).label("credits"),
            col(RescoreLine.paid_g).label("paid_grams"),
            col(RescoreLine.paid_credits).label("paid_credits"),
        )
        .where(col(RescoreLine.rescore_id) == rescore.id)
        .subquery()
    )
    return _debts(session, lines, *lines.c)


def _debts(session: Session, lines: sa.Subquery, *amounts: sa.ColumnElement[int]) -> Debts:
    owing = sa.or_(lines.c.grams > 0, lines.c.credits > 0)
    sums = [sa.func.coalesce(sa.func.sum(amount), 0) for amount in amounts]
    row = session.execute(sa.select(sa.func.count(), *sums).select_from(lines).where(owing)).one()
    return Debts(*(int(number) for number in row))
