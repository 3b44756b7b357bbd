"""What this room does every day by itself."""

from datetime import date, datetime, timedelta

from sqlmodel import Session

from behaviors.source_keys import delete_expired_nonces
from behaviors.sources import delete_old_binding_codes
from carbonaccount.scheduler import scheduled

# A code that was used or has expired tells nothing after a day; the audit trail keeps the act.
CODES_KEPT = timedelta(days=1)


@scheduled(
    name="forget-signing-traces",
    description="Delete expired nonces and binding codes",
    hour=3,
    minute=20,
)
def forget_signing_traces(session: Session, *, period: date, now: datetime) -> str:
    """Delete nonces out of their window and binding codes that can no longer be used."""
    nonces = delete_expired_nonces(session, now=now)
    codes = delete_old_binding_codes(session, before=now - CODES_KEPT)
    return f"nonces={nonces} codes={codes}"
