"""Keeping secrets at rest: sealed fields, blind indexes, and codes that are stored as hashes."""

import hashlib
import hmac
import os
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_VERSION = b"\x01"


class Vault:
    """Seals short texts with AES-256-GCM and makes blind indexes with HMAC-SHA256.

    The two keys are derived from the one data key with different labels, so that an index never
    helps to open a sealed field.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(_derive(key, b"seal"))
        self._index_key = _derive(key, b"index")

    def seal(self, text: str, *, purpose: str) -> bytes:
        """Return the sealed text; `purpose` is bound to it and must be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, text.encode(), purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> str:
        """Return the text; raises cryptography's InvalidTag when key or purpose is another."""
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        return self._cipher.decrypt(nonce, body, purpose.encode()).decode()

    def index(self, text: str, *, purpose: str) -> str:
        """Return a blind index: 64 hex characters, equal for equal texts of one purpose."""
        message = purpose.encode() + b"\x00" + text.encode()
        return hmac.new(self._index_key, message, hashlib.sha256).hexdigest()


def _derive(key: bytes, label: bytes) -> bytes:
    return hmac.new(key, b"carbonaccount/" + label, hashlib.sha256).digest()


def random_token() -> str:
    """Return 256 random bits as URL-safe text."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what is stored of a token: its SHA-256 in hex. Tokens are random, so no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
