"""What residents do themselves: report an act, which is a batch of one through the same door."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from behaviors import photo_matching
from behaviors.intake.door import ItemResult, take_items
from behaviors.models import Channel, Source, SourceSubject
from behaviors.photos import clean_photo, store_photo
from carbonaccount.accounts.models import Account
from carbonaccount.audit import Actor
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid, NotFound

SELF_SOURCE = "self"


def report_act(
    session: Session,
    *,
    account_id: int,
    behavior: str,
    activity: Mapping[str, object],
    occurred_at: datetime,
    photo: bytes | None,
    photo_folder: Path,
    form_token: str,
    acting_user: Actor,
    now: datetime,
) -> ItemResult:
    """Record a resident's own report; `form_token` makes a button pressed twice book once.

    Without a photo the evidence is D; with one it is C, and the record is held until a person
    has looked at it. Raises Invalid with the code of the item (and `field`) when it cannot be
    taken, Conflict when the same form was sent before with another content. Does not commit.
    """
    cleaned = clean_photo(photo) if photo is not None else None
    source = self_source(session)
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("unknown_account")
    ensure_self_subject(session, source=source, account=account, now=now)
    batch = take_items(
        session,
        source=source,
        channel=Channel.SELF,
        items=[
            {
                "event_id": form_token,
                "subject": account.public_id,
                "behavior": behavior,
                "occurred_at": occurred_at.isoformat(),
                "activity": activity,
                "evidence": "C" if cleaned else "D",
            }
        ],
        acting_user=acting_user,
        now=now,
    )
    (result,) = batch.results()
    if result.status == "conflict":
        raise Conflict("form_sent_before")
    if result.status == "rejected":
        raise Invalid(result.code, field=batch.frame["detail"].item())
    if cleaned and result.status == "held" and result.record_id is not None:
        photo_matching.add_photo(
            session,
            record_id=result.record_id,
            photo=cleaned,
            file_name=store_photo(cleaned, photo_folder),
            now=now,
        )
    return result


def self_source(session: Session) -> Source:
    """Return the source that stands for residents' own reports."""
    return session.exec(select(Source).where(col(Source.code) == SELF_SOURCE)).one()


def ensure_self_subject(
    session: Session, *, source: Source, account: Account, now: datetime
) -> None:
    """Bind the account to its own reports; doing it again, or at the same time, changes nothing.

    Who withdrew everything and came back reports again: that is what switches it on.
    """
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.connection().execute(
        insert(SourceSubject.__table__)  # type: ignore[attr-defined]
        .values(
            source_id=source.id,
            subject=account.public_id,
            account_id=account.id,
            active=True,
            bound_at=now,
        )
        .on_conflict_do_update(
            index_elements=["source_id", "subject"], set_={"active": True, "unbound_at": None}
        )
    )
