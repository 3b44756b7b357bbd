"""Adopting a real tree: an accepted one, each once; what becomes of those that die.

The number of adopted trees of a plot is guarded by the statement that raises it, so that it never
exceeds the accepted ones, however many people adopt at the same time.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict
from carbonaccount.messages.services import send
from rewards.giving_models import TreeAdoption, TreePlot
from rewards.models import Coupon


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


def _tell(session: Session, adoption: TreeAdoption, kind: str, *, now: datetime) -> None:
    send(
        session,
        account_id=adoption.account_id,
        kind=kind,
        cause=f"adoption:{adoption.id}",
        params={"tree": adoption.public_id, "number": adoption.number},
        now=now,
    )
