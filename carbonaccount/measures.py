"""What is counted for monitoring below the web; nothing here knows Flask or names a person."""

from collections.abc import Mapping

from prometheus_client import REGISTRY, Counter
from sqlalchemy import event
from sqlalchemy.orm import Session as AnySession
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

ITEMS = Counter(
    "carbon_intake_items",
    "Items through the door, by source, channel and what became of them",
    ["source", "channel", "status"],
    registry=REGISTRY,
)
_WAITING = "counted_items"


def count_items_on_commit(
    session: Session, *, source: str, channel: str, counts: Mapping[str, int]
) -> None:
    """Count a batch's items by status as soon as the transaction is committed, else never."""
    session.info.setdefault(_WAITING, []).append((source, channel, dict(counts)))


@event.listens_for(AnySession, "after_commit")
def _count_waiting(session: AnySession) -> None:
    if session.in_nested_transaction():
        return  # A savepoint; what is around it may still be undone.
    waiting: list[tuple[str, str, dict[str, int]]] = session.info.pop(_WAITING, [])
    for source, channel, counts in waiting:
        for status, count in counts.items():
            ITEMS.labels(source, channel, status).inc(count)


@event.listens_for(AnySession, "after_transaction_end")
def _forget_waiting(session: AnySession, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_WAITING, None)
