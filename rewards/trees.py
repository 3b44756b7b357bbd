"""Adopting a real tree: an accepted one, each once; what becomes of those that die.

The number of adopted trees of a plot is guarded by the statement that raises it, so that it never
exceeds the accepted ones, however many people adopt at the same time.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.services import new_public_id
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, Refused
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.holdings import account_of, available
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from carbonaccount.messages.services import send
from rewards.beneficiaries import APPROVERS, EDITORS, check_reason
from rewards.giving_models import PlotPaper, TreeAdoption, TreePlot
from rewards.models import Coupon
from rewards.plots import NOTHING, PHOTO, REPLANT, SURVIVAL, locked_plot

LIVING, DEAD, REPLANTED, REFUNDED = "living", "dead", "replanted", "refunded"


def adopt(session: Session, *, coupon: Coupon, acting_user: Actor, now: datetime) -> TreeAdoption:
    """Give the holder of a coupon a free accepted tree of a plot of its reward.

    The plot planted first comes first. The same coupon again is the same tree. Raises Conflict
    with `no_tree_left` when every accepted tree is adopted. Does not touch the coupon or the
    books, and does not commit.
    """
    known = session.exec(
        select(TreeAdoption).where(col(TreeAdoption.coupon_id) == coupon.stored_id)
    ).first()
    if known is not None:
        return known
    plot_id, number = _free_tree(session, coupon.reward_id)
    adoption = TreeAdoption(
        public_id=new_public_id(),
        plot_id=plot_id,
        account_id=coupon.account_id,
        coupon_id=coupon.stored_id,
        number=number,
        adopted_at=now,
    )
    session.add(adoption)
    session.flush()  # The id is what certificates and messages name.
    _tell(session, adoption, "tree_adopted", now=now)
    audit.record(
        session,
        acting_user=acting_user,
        action="tree.adopt",
        subject=f"adoption:{adoption.id}",
        now=now,
        plot=plot_id,
        number=number,
    )
    return adoption


def _free_tree(session: Session, reward_id: int) -> tuple[int, int]:
    """Take the next tree; returns its plot and its number in it."""
    plots = session.exec(
        select(TreePlot.id)
        .where(col(TreePlot.reward_id) == reward_id, col(TreePlot.adopted) < col(TreePlot.accepted))
        .order_by(col(TreePlot.planted_on), col(TreePlot.id))
    ).all()
    for plot_id in plots:
        number = session.execute(
            sa.update(TreePlot)
            .where(col(TreePlot.id) == plot_id, col(TreePlot.adopted) < col(TreePlot.accepted))
            .values(adopted=col(TreePlot.adopted) + 1)
            .returning(col(TreePlot.adopted))
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if number is not None and plot_id is not None:
            return plot_id, number
    raise Conflict("no_tree_left")


def report_dead(
    session: Session,
    *,
    plot_id: int,
    numbers: Collection[int],
    died_on: date,
    acting_user: Actor,
    now: datetime,
) -> list[TreeAdoption]:
    """Write down which adopted trees of a plot have died; their adopters are told.

    No more trees can be dead than the newest approved survival report saw missing. Raises
    Invalid (tree_numbers, tree_died_on), Conflict (no_survival_report; more_dead_than_reported
    with `missing`), NotFound, Refused for anybody but an editor of rewards.
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    plot = locked_plot(session, plot_id)
    if not plot.planted_on <= died_on <= business_day(now):
        raise Invalid("tree_died_on", field="died_on")
    dead = _adoptions(session, plot_id, numbers, LIVING, REPLANTED)
    if len(dead) != len(set(numbers)) or not dead:
        raise Invalid("tree_numbers", field="numbers")
    missing = _missing(session, plot)
    known = session.exec(
        select(sa.func.count()).where(
            col(TreeAdoption.plot_id) == plot_id,
            col(TreeAdoption.status).in_((DEAD, REFUNDED)),
        )
    ).one()
    if known + len(dead) > missing:
        raise Conflict("more_dead_than_reported", field="numbers", missing=missing, known=known)
    for adoption in dead:
        adoption.status, adoption.died_on = DEAD, died_on
        adoption.reported_by = str(acting_user)
        _tell(session, adoption, "tree_died", now=now, rule=plot.refund_rule)
    _audit(session, "dead", plot, [item.number for item in dead], acting_user, now)
    return dead


def _missing(session: Session, plot: TreePlot) -> int:
    """Return how many trees of a plot its newest approved survival report did not see alive."""
    living = session.exec(
        select(PlotPaper.living)
        .where(
            col(PlotPaper.plot_id) == plot.id,
            col(PlotPaper.kind).in_(SURVIVAL),
            col(PlotPaper.approved_at).is_not(None),
        )
        .order_by(col(PlotPaper.made_on).desc(), col(PlotPaper.id).desc())
    ).first()
    if living is None:
        raise Conflict("no_survival_report", field="numbers")
    return plot.planted - living


def make_good(
    session: Session,
    *,
    plot_id: int,
    numbers: Collection[int],
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> list[TreeAdoption]:
    """Do for dead trees what their plot's rule promises: planted again, or credits back.

    By somebody else than who reported them. Credits come back as credits of this year, so that
    they do not end at once. Planting again needs a photo of the plot made after the trees died.
    Raises Invalid (tree_numbers, reason_needed), Conflict (nothing_promised, no_new_photo),
    Refused (own_work; role_missing), NotFound.
    """
    require_role(session, acting_user=acting_user, roles=APPROVERS)
    check_reason(reason)
    _lock_purses(session, plot_id, numbers)
    plot = locked_plot(session, plot_id)
    if plot.refund_rule == NOTHING:
        raise Conflict("nothing_promised")
    dead = _adoptions(session, plot_id, numbers, DEAD)
    if len(dead) != len(set(numbers)) or not dead:
        raise Invalid("tree_numbers", field="numbers")
    if any(item.reported_by == str(acting_user) for item in dead):
        raise Refused("own_work")
    if plot.refund_rule == REPLANT:
        _replant(session, plot, dead, now)
    else:
        _give_back(session, dead, now)
    _audit(
        session, plot.refund_rule, plot, [item.number for item in dead], acting_user, now, reason
    )
    return dead


def _lock_purses(session: Session, plot_id: int, numbers: Collection[int]) -> None:
    """Lock what the adopters hold before the plot: whoever redeems a tree locks in this order."""
    owners = session.exec(
        select(col(TreeAdoption.account_id))
        .where(col(TreeAdoption.plot_id) == plot_id, col(TreeAdoption.number).in_(numbers))
        .order_by(col(TreeAdoption.account_id))
        .distinct()
    ).all()
    for account_id in owners:
        available(session, account_id=account_id, unit=Unit.CREDIT)


def _replant(session: Session, plot: TreePlot, dead: Sequence[TreeAdoption], now: datetime) -> None:
    newest = session.exec(
        select(sa.func.max(col(PlotPaper.made_on))).where(
            col(PlotPaper.plot_id) == plot.id, col(PlotPaper.kind) == PHOTO
        )
    ).one()
    if newest is None or newest <= max(item.died_on or date.max for item in dead):
        raise Conflict("no_new_photo")
    for adoption in dead:
        adoption.status = REPLANTED
        _tell(session, adoption, "tree_replanted", now=now)


def _give_back(session: Session, dead: Sequence[TreeAdoption], now: datetime) -> None:
    """Give the price of each tree back, as credits of the year in which they come."""
    vintage = business_day(now).year
    issuance = ledger.issuance_account(session, unit=Unit.CREDIT, vintage=vintage)
    postings = []
    for adoption in dead:
        price = session.get_one(Coupon, adoption.coupon_id).price_credits
        adoption.status = REFUNDED
        target = account_of(
            session, adoption.account_id, LedgerKind.RESIDENT, unit=Unit.CREDIT, vintage=vintage
        )
        postings.append(
            ledger.Posting(
                debit_id=issuance,
                credit_id=target,
                amount=price,
                unit=Unit.CREDIT,
                kind=TransferKind.ADJUST,
                cause=Cause.ADOPTION,
                cause_id=adoption.id or 0,
                revision=0,
                business_day=business_day(now),
                occurred_at=now,
            )
        )
        _tell(session, adoption, "tree_refunded", now=now, credits=price)
    ledger.post_few(session, postings=postings, computed=frozenset({issuance}), booked_at=now)


def _adoptions(
    session: Session, plot_id: int, numbers: Collection[int], *statuses: str
) -> list[TreeAdoption]:
    """Return the adoptions of a locked plot with these numbers that stand so."""
    return list(
        session.exec(
            select(TreeAdoption)
            .where(
                col(TreeAdoption.plot_id) == plot_id,
                col(TreeAdoption.number).in_(numbers),
                col(TreeAdoption.status).in_(statuses),
            )
            .order_by(col(TreeAdoption.number))
            .execution_options(populate_existing=True)
        )
    )


def _tell(
    session: Session, adoption: TreeAdoption, kind: str, *, now: datetime, **params: object
) -> None:
    send(
        session,
        account_id=adoption.account_id,
        kind=kind,
        cause=f"adoption:{adoption.id}:{adoption.died_on or ''}",
        params={"tree": adoption.public_id, "number": adoption.number, **params},
        now=now,
    )


def _audit(
    session: Session,
    step: str,
    plot: TreePlot,
    numbers: list[int],
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=f"tree.{step}",
        subject=f"plot:{plot.id}",
        now=now,
        reason=reason.strip() if reason else None,
        trees=numbers,
    )
