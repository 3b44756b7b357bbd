"""Keys of sources and the signatures made with them.

What is signed: `METHOD\\nPATH\\nTIMESTAMP\\nNONCE\\nHEX_SHA256_OF_BODY_AS_SENT\\n`, with
`?query` in the path when there is one. Either lower-case hex HMAC-SHA256 with the secret's text
as key, or base64 Ed25519.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from behaviors.models import Source, SourceKey, SourceNonce
from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault, random_token
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Invalid, NotAuthenticated, NotFound

WINDOW = timedelta(seconds=300)
# A nonce outlives its window, so that clocks set back by an operator cannot revive a request.
NONCE_KEPT = timedelta(hours=1)
DEFAULT_OVERLAP_DAYS = 7
MAX_OVERLAP_DAYS = 90
# `last_used_at` says roughly when; writing it for each request would queue a partner's requests.
USED_GRANULARITY = timedelta(minutes=10)

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_NONCE = re.compile(r"[!-~]{1,64}")
_TIMESTAMP = re.compile(r"\d{1,11}", re.ASCII)
_HEX_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class Algorithm(StrEnum):
    """How a source signs."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"


@dataclass(frozen=True)
class SignedRequest:
    """What a signature is checked against; `target` is the path with its query."""

    method: str
    target: str
    key_id: str
    timestamp: str
    nonce: str
    signature: str
    body: bytes

    @property
    def body_sha256(self) -> str:
        """The hex digest of the body as it was sent."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def message(self) -> bytes:
        """The text that was signed."""
        parts = (self.method, self.target, self.timestamp, self.nonce, self.body_sha256)
        return "".join(f"{part}\n" for part in parts).encode()


@dataclass(frozen=True)
class NewKey:
    """A key as its owner gets to see it, once; no secret when the owner keeps the private key."""

    key_id: str
    secret: str | None


def add_key(
    session: Session,
    *,
    vault: Vault,
    source: Source,
    algorithm: str = Algorithm.HMAC_SHA256,
    public_key: str | None = None,
    acting_user: Actor,
    now: datetime,
) -> NewKey:
    """Give a source a key.

    For ed25519 the source hands in its public key (32 bytes in base64); for hmac-sha256 a
    secret is made, stored sealed and shown once. Raises Invalid.
    """
    if algorithm not in tuple(Algorithm):
        raise Invalid("bad_algorithm")
    key_id = f"k_{secrets.token_hex(10)}"
    secret = random_token() if algorithm == Algorithm.HMAC_SHA256 else None
    if (secret is None) != (public_key is not None):
        raise Invalid("bad_public_key")
    material = _public_key(public_key or "") if secret is None else _sealed(vault, key_id, secret)
    session.add(
        SourceKey(
            key_id=key_id,
            source_id=source.stored_id,
            algorithm=algorithm,
            material=material,
            created_at=now,
        )
    )
    _audit(session, "source_key.add", source.code, key_id, acting_user, now)
    return NewKey(key_id, secret)


def rotate_key(
    session: Session,
    *,
    vault: Vault,
    source: Source,
    overlap_days: int = DEFAULT_OVERLAP_DAYS,
    algorithm: str = Algorithm.HMAC_SHA256,
    public_key: str | None = None,
    acting_user: Actor,
    now: datetime,
) -> NewKey:
    """Give a source a new key; the ones before it end after the overlap, not later.

    Raises Invalid.
    """
    if not 0 <= overlap_days <= MAX_OVERLAP_DAYS:
        raise Invalid("bad_overlap", limit=MAX_OVERLAP_DAYS)
    end = now + timedelta(days=overlap_days)
    for key in _live_keys(session, source, now):
        key.expires_at = min(key.expires_at or end, end)
        session.add(key)
        _audit(session, "source_key.end", source.code, key.key_id, acting_user, now)
    return add_key(
        session,
        vault=vault,
        source=source,
        algorithm=algorithm,
        public_key=public_key,
        acting_user=acting_user,
        now=now,
    )


def revoke_key(session: Session, *, key_id: str, acting_user: Actor, now: datetime) -> SourceKey:
    """Make a key useless at once; revoking again changes nothing. Raises NotFound."""
    key = session.get(SourceKey, key_id)
    if key is None:
        raise NotFound("unknown_key", key_id=key_id[:32])
    if key.revoked_at is None:
        source = session.get_one(Source, key.source_id)
        key.revoked_at = now
        session.add(key)
        _audit(session, "source_key.revoke", source.code, key_id, acting_user, now)
    return key


def verify_request(
    session: Session, *, vault: Vault, request: SignedRequest, now: datetime
) -> Source:
    """Return the source that signed the request; reads only.

    Raises NotAuthenticated, the same for every cause: unknown, expired or revoked key, source
    switched off, time outside 300 s, malformed header, wrong signature.
    """
    if not _well_formed(request) or not _in_window(request.timestamp, now):
        raise NotAuthenticated
    key = session.get(SourceKey, request.key_id)
    source = session.get(Source, key.source_id) if key else None
    if key is None or source is None or not source.active or not _is_live(key, now):
        raise NotAuthenticated
    if not _signature_holds(vault, key, request):
        raise NotAuthenticated
    return source


def use_nonce(session: Session, *, request: SignedRequest, now: datetime) -> None:
    """Use up the nonce of a verified request and check once more that its key still lives.

    The nonce is kept or lost together with what the request does: after a failure the same
    request may be sent again. Raises NotAuthenticated when the nonce was used before or the key
    was revoked in between.
    """
    row = {"key_id": request.key_id, "nonce": request.nonce, "expires_at": now + NONCE_KEPT}
    # Not through INSERT and IntegrityError: on PostgreSQL that would end the transaction.
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    once = insert(SourceNonce).values(**row).on_conflict_do_nothing()
    if session.execute(once.returning(col(SourceNonce.nonce))).first() is None:
        raise NotAuthenticated
    key = session.get_one(SourceKey, request.key_id, populate_existing=True)
    if not _is_live(key, now):
        raise NotAuthenticated


def note_use(session: Session, *, key_id: str, now: datetime) -> None:
    """Remember roughly when the key was used; the last thing before the commit, so that the row
    is held for a moment only.
    """
    session.execute(
        sa.update(SourceKey)
        .where(
            col(SourceKey.key_id) == key_id,
            sa.or_(
                col(SourceKey.last_used_at).is_(None),
                col(SourceKey.last_used_at) < now - USED_GRANULARITY,
            ),
        )
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )


def delete_expired_nonces(session: Session, *, now: datetime) -> int:
    """Remove nonces whose requests are long out of their window; returns how many."""
    done = session.execute(sa.delete(SourceNonce).where(col(SourceNonce.expires_at) < now))
    return int(done.rowcount)  # type: ignore[attr-defined]


def sign(secret: str, request: SignedRequest) -> str:
    """Return the HMAC-SHA256 signature of a request, as a partner makes it."""
    return hmac.new(secret.encode(), request.message, hashlib.sha256).hexdigest()


def _well_formed(request: SignedRequest) -> bool:
    return bool(
        _KEY_ID.fullmatch(request.key_id)
        and _NONCE.fullmatch(request.nonce)
        and _TIMESTAMP.fullmatch(request.timestamp)
    )


def _in_window(timestamp: str, now: datetime) -> bool:
    return abs(datetime.fromtimestamp(int(timestamp), UTC) - now) <= WINDOW


def _is_live(key: SourceKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _signature_holds(vault: Vault, key: SourceKey, request: SignedRequest) -> bool:
    if key.algorithm == Algorithm.ED25519:
        return _ed25519_holds(key.material, request)
    if not _HEX_SIGNATURE.fullmatch(request.signature):
        return False
    secret = vault.open(key.material, purpose=_purpose(key.key_id))
    return hmac.compare_digest(sign(secret, request), request.signature)


def _ed25519_holds(material: bytes, request: SignedRequest) -> bool:
    try:
        signature = base64.b64decode(request.signature, validate=True)
        Ed25519PublicKey.from_public_bytes(material).verify(signature, request.message)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _public_key(text: str) -> bytes:
    try:
        material = base64.b64decode(text, validate=True)
        Ed25519PublicKey.from_public_bytes(material)
    except (binascii.Error, ValueError):
        raise Invalid("bad_public_key") from None
    return material


def _sealed(vault: Vault, key_id: str, secret: str) -> bytes:
    return vault.seal(secret, purpose=_purpose(key_id))


def _purpose(key_id: str) -> str:
    return f"source-key:{key_id}"


def _live_keys(session: Session, source: Source, now: datetime) -> list[SourceKey]:
    keys = session.exec(select(SourceKey).where(col(SourceKey.source_id) == source.id))
    return [key for key in keys if _is_live(key, now)]


def _audit(
    session: Session, action: str, source_code: str, key_id: str, acting_user: Actor, now: datetime
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"source:{source_code}",
        now=now,
        key_id=key_id,
    )
