"""Giving up a draft: nothing was published, its lots were only set apart."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from carbonaccount.audit import Actor
from carbonaccount.institutions.neutrality_models import (
    NeutralityStatement,
    StatementGap,
    StatementLot,
    StatementStatus,
    StatementUncertainty,
)
from carbonaccount.institutions.statement_rows import locked, noted


def discard(
    session: Session, *, statement: NeutralityStatement, acting_user: Actor, now: datetime
) -> None:
    """Delete a draft; its lots can be chosen elsewhere, the trail keeps that it was.

    Raises Conflict (statement_not_in_state): what is in review is taken back first, what was
    published is withdrawn.
    """
    row = locked(session, statement, StatementStatus.DRAFT)
    noted(session, "discard", row, None, acting_user, now)
    for table in (StatementLot, StatementUncertainty, StatementGap):
        session.exec(sa.delete(table).where(col(table.statement_id) == row.stored_id))
    session.delete(row)
    session.flush()
