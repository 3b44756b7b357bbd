"""How a draw decides, so that anybody can do it again: pure functions over public texts.

The seed is 64 hexadecimal digits. Before the first entry its SHA-256 is published (commitment).
At closing the SHA-256 of all tickets, sorted and joined by line feeds, is published, so that no
entry can be added or taken away after it. The seed is published with the draw; each ticket's lot
is the SHA-256 of `seed:entries:ticket`, and the smallest lots win. docs/draws.md says the same to
people.
"""

import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

TICKET_BYTES: Final = 8
SEED_BYTES: Final = 32


def new_seed() -> str:
    """Return a fresh seed: 256 random bits as 64 hexadecimal digits."""
    return secrets.token_hex(SEED_BYTES)


def new_ticket() -> str:
    """Return a fresh ticket: 64 random bits as 16 hexadecimal digits."""
    return secrets.token_hex(TICKET_BYTES)


def commitment_of(seed: str) -> str:
    """Return what is published of a seed before the draw."""
    return _digest(seed)


def entries_text(tickets: Iterable[str]) -> str:
    """Return the tickets as they are hashed and published: sorted, one a line, none after the last.

    No ticket at all is the empty text.
    """
    return "\n".join(sorted(tickets))


def entries_digest(tickets: Iterable[str]) -> str:
    """Return what is published of the entries at closing."""
    return _digest(entries_text(tickets))


def lot(seed: str, entries_sha256: str, ticket: str) -> str:
    """Return a ticket's lot as 64 hexadecimal digits; the smallest is drawn first."""
    return _digest(f"{seed}:{entries_sha256}:{ticket}")


def drawn_order(seed: str, tickets: Iterable[str]) -> list[str]:
    """Return all tickets in the order in which they are drawn."""
    known = list(tickets)
    digest = entries_digest(known)
    return sorted(known, key=lambda ticket: lot(seed, digest, ticket))


def _digest(text: str) -> str:
    return sha256(text.encode("ascii")).hexdigest()
