"""Requests that a partner has signed: who sent this, checked before anything of it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from flask import current_app, request
from sqlmodel import Session

from behaviors import source_keys
from behaviors.api.bodies import read_raw
from behaviors.api.transactions import in_transaction
from behaviors.models import Source
from behaviors.source_keys import SignedRequest
from carbonaccount.audit import Actor
from carbonaccount.clock import utc_now
from carbonaccount.crypto import Vault
from carbonaccount.database import open_session, reading
from carbonaccount.web.database import engine

T = TypeVar("T")


@dataclass(frozen=True)
class Verified:
    """A signed request whose signature holds; its nonce is not used up yet."""

    request: SignedRequest
    source: Source
    received_at: datetime

    @property
    def actor(self) -> Actor:
        """The partner's key, as the one who acts."""
        return Actor("partner", self.request.key_id, self.source.id)

    def once(self, work: Callable[[Session], T]) -> T:
        """Use up the nonce and run `work`, both or neither.

        Raises NotAuthenticated for a nonce that was used before, RequestRefused 503 when others
        were in the way three times.
        """

        def nonce_and_work(session: Session) -> T:
            source_keys.use_nonce(session, request=self.request, now=self.received_at)
            result = work(session)
            source_keys.note_use(session, key_id=self.request.key_id, now=self.received_at)
            return result

        return in_transaction(nonce_and_work)


def verified(limit_bytes: int) -> Verified:
    """Read the content as sent and check who signed it; nothing of it is parsed before.

    Checked in a reading transaction: a stranger never makes a writer wait. Raises
    NotAuthenticated, or RequestRefused when the content is too large to be looked at.
    """
    signed, now = _signed_request(read_raw(limit_bytes)), utc_now()
    vault: Vault = current_app.extensions["carbonaccount.vault"]
    with open_session(reading(engine())) as session:
        source = source_keys.verify_request(session, vault=vault, request=signed, now=now)
    return Verified(signed, source, now)


def _signed_request(body: bytes) -> SignedRequest:
    header = request.headers.get
    query = request.query_string.decode("latin-1")
    path = request.root_path.rstrip("/") + request.path
    return SignedRequest(
        method=request.method,
        target=f"{path}?{query}" if query else path,
        key_id=header("X-Key-Id", ""),
        timestamp=header("X-Timestamp", ""),
        nonce=header("X-Nonce", ""),
        signature=header("X-Signature", ""),
        body=body,
    )
