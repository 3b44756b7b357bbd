"""Everything of the demonstration that this room has, in the order in which it builds on itself."""

from datetime import datetime
from pathlib import Path

from sqlmodel import Session, func, select

from carbonaccount.crypto import Vault
from rewards import demo_giving, demo_merchants, demo_trees
from rewards.models import Reward
from rewards.plots import plot_folder


def load(session: Session, *, now: datetime, vault: Vault, instance_path: Path) -> int:
    """Load all examples; returns how many rewards there are. Again changes nothing.

    The caller commits.
    """
    demo_merchants.load(session, now=now, vault=vault)
    demo_trees.load(session, now=now, folder=plot_folder(instance_path))
    demo_giving.load(session, now=now)
    return session.exec(select(func.count()).select_from(Reward)).one()
