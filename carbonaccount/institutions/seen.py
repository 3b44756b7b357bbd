"""Two people at one row: whoever saves says what they saw, and is told when it is not so any more.

A form carries the moment at which the row was last written. The service compares it under the lock
of the row; what differs is shown beside what was typed, and saving again is then a decision.
"""

from datetime import datetime

from carbonaccount.errors import Conflict

_MICROSECONDS = 1_000_000


def seen_at(changed_at: datetime | None) -> str:
    """Return what a form carries of a row that was written at a moment; "" before the first."""
    return "" if changed_at is None else str(round(changed_at.timestamp() * _MICROSECONDS))


def check_seen(seen: str | None, changed_at: datetime | None) -> None:
    """Refuse to write over what somebody else wrote meanwhile.

    seen: what the form carried, None where there is no form (files, commands). Raises Conflict
    (changed_meanwhile).
    """
    if seen is not None and seen != seen_at(changed_at):
        raise Conflict("changed_meanwhile")
