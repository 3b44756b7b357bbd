"""Reads of the panel about giving, trees and certificates."""

from collections import defaultdict
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import AuditEntry
from carbonaccount.errors import NotFound
from carbonaccount.institutions.models import Institution
from rewards import giving_queries
from rewards.giving_models import (
    Beneficiary,
    Certificate,
    Gift,
    PlotPaper,
    TreeAdoption,
    TreePlot,
)
from rewards.giving_queries import Received
from rewards.models import Reward, RewardClass
from rewards.plots import next_report


class BeneficiaryLine(NamedTuple):
    """A beneficiary and what it was given."""

    row: Beneficiary
    received: Received


class PlotLine(NamedTuple):
    """A plot, its reward, how many of its papers wait, and the report that is made next."""

    plot: TreePlot
    reward: Reward | None
    waiting: int
    next: tuple[str, date] | None


def beneficiary_lines(session: Session) -> list[BeneficiaryLine]:
    """Return every beneficiary, the newest first."""
    rows = session.exec(select(Beneficiary).order_by(col(Beneficiary.id).desc())).all()
    found = giving_queries.received(session, [row.id or 0 for row in rows])
    return [BeneficiaryLine(row, found[row.id or 0]) for row in rows]


def find_beneficiary(session: Session, beneficiary_id: int) -> Beneficiary:
    """Return a beneficiary. Raises NotFound (unknown_beneficiary)."""
    found = session.get(Beneficiary, beneficiary_id)
    if found is None:
        raise NotFound("unknown_beneficiary")
    return found


def institution_number(session: Session, row: Beneficiary) -> str:
    """Return the number of the institution that a beneficiary stands for, "" for none."""
    found = session.get(Institution, row.institution_id) if row.institution_id else None
    return found.public_id if found else ""


def gifts_to(session: Session, beneficiary_id: int) -> list[Gift]:
    """Return what a beneficiary was given, the newest first; givers are not told."""
    return list(
        session.exec(
            select(Gift)
            .where(col(Gift.beneficiary_id) == beneficiary_id)
            .order_by(col(Gift.id).desc())
        )
    )


def plot_lines(session: Session) -> list[PlotLine]:
    """Return every plot, the newest first."""
    waiting = (
        sa.select(col(PlotPaper.plot_id), sa.func.count().label("papers"))
        .where(col(PlotPaper.kind) != "photo", col(PlotPaper.approved_at).is_(None))
        .group_by(col(PlotPaper.plot_id))
        .subquery()
    )
    rows = session.execute(
        sa.select(TreePlot, Reward, sa.func.coalesce(waiting.c.papers, 0))
        .outerjoin(Reward, col(Reward.id) == col(TreePlot.reward_id))
        .outerjoin(waiting, waiting.c.plot_id == col(TreePlot.id))
        .order_by(col(TreePlot.id).desc())
    )
    approved = _approved_kinds(session)
    return [
        PlotLine(plot, reward, int(papers), next_report(plot.planted_on, approved[plot.id or 0]))
        for plot, reward, papers in rows
    ]


def _approved_kinds(session: Session) -> dict[int, set[str]]:
    """Return the kinds of approved reports by plot."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = session.exec(
        select(col(PlotPaper.plot_id), col(PlotPaper.kind)).where(
            col(PlotPaper.approved_at).is_not(None)
        )
    )
    for plot_id, kind in rows:
        found[plot_id].add(kind)
    return found


def find_plot(session: Session, plot_id: int) -> TreePlot:
    """Return a plot. Raises NotFound (unknown_plot)."""
    found = session.get(TreePlot, plot_id)
    if found is None:
        raise NotFound("unknown_plot")
    return found


def find_paper(session: Session, paper_id: int) -> PlotPaper:
    """Return a paper of a plot. Raises NotFound (unknown_paper)."""
    found = session.get(PlotPaper, paper_id)
    if found is None:
        raise NotFound("unknown_paper")
    return found


def papers_of(session: Session, plot_id: int) -> list[PlotPaper]:
    """Return a plot's papers, those that wait too, the newest first."""
    return list(
        session.exec(
            select(PlotPaper)
            .where(col(PlotPaper.plot_id) == plot_id)
            .order_by(col(PlotPaper.id).desc())
        )
    )


def adoptions_of(session: Session, plot_id: int) -> list[TreeAdoption]:
    """Return the adopted trees of a plot by their numbers; adopters are not told."""
    return list(
        session.exec(
            select(TreeAdoption)
            .where(col(TreeAdoption.plot_id) == plot_id)
            .order_by(col(TreeAdoption.number))
        )
    )


def tree_rewards(session: Session) -> list[Reward]:
    """Return the rewards of the class tree that have not ended."""
    return list(
        session.exec(
            select(Reward)
            .where(col(Reward.reward_class) == RewardClass.TREE, col(Reward.ended_at).is_(None))
            .order_by(col(Reward.id).desc())
        )
    )


def certificates(*, q: str, kind: str, state: str) -> sa.Select[Any]:
    """Return the statement of the certificates that a filter lets through."""
    wanted = sa.select(Certificate)
    if q:
        wanted = wanted.where(col(Certificate.number).contains(q, autoescape=True))
    if kind:
        wanted = wanted.where(col(Certificate.kind) == kind)
    if state:
        wanted = wanted.where(col(Certificate.withdrawn_why) == ("" if state == "valid" else state))
    return wanted


def find_certificate(session: Session, number: str) -> Certificate:
    """Return a certificate. Raises NotFound (unknown_certificate)."""
    found = session.exec(select(Certificate).where(col(Certificate.number) == number)).first()
    if found is None:
        raise NotFound("unknown_certificate")
    return found


def trail_of(session: Session, subject: str, *, limit: int = 30) -> list[AuditEntry]:
    """Return what was done to something, the newest first."""
    return list(
        session.exec(
            select(AuditEntry)
            .where(col(AuditEntry.subject) == subject)
            .order_by(col(AuditEntry.id).desc())
            .limit(limit)
        )
    )
