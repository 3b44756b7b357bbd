"""What must hold in the books is asked every night."""

from datetime import date, datetime

import structlog
from sqlmodel import Session

from carbonaccount.ledger.verify import verify_everything
from carbonaccount.scheduler import scheduled

_log = structlog.stdlib.get_logger(__name__)


@scheduled(
    name="verify-books",
    description="Check every invariant of the books and of the rooms",
    hour=4,
    minute=0,
)
def verify_books(session: Session, *, period: date, now: datetime) -> str:
    """Count what breaks each invariant; what is broken is logged and named in the summary."""
    asked, broken = 0, []
    for code, _sentence, violations in verify_everything(session):
        asked += 1
        if violations:
            broken.append(f"{code}:{violations}")
            _log.error("invariant_broken", code=code, violations=violations)
    told = f" {','.join(broken)}" if broken else ""
    return f"invariants={asked} broken={len(broken)}{told}"[:500]
