"""A form's press counts once: what it makes gets its public id from the key of the form.

The unique key of the public id then decides, in any interleaving: whoever presses twice, or sends
the same form from two connections at the same moment, gets what the first press made.
"""

import hashlib
import re
from typing import Any, TypeVar

from sqlmodel import SQLModel

from carbonaccount.accounts.rules import CROCKFORD_ALPHABET, PUBLIC_ID_LENGTH
from carbonaccount.accounts.services import new_public_id
from carbonaccount.errors import Conflict, Invalid

_KEY = re.compile(r"[A-Za-z0-9-]{16,64}")
R = TypeVar("R", bound=SQLModel)


def public_id_of(request_key: str, *, owner: str) -> str:
    """Return the public id of what a press makes; a random one when there is no key.

    owner: whose key it is, so that nobody meets another's.  Raises Invalid (request_key_bad).
    """
    if not request_key:
        return new_public_id()
    if not _KEY.fullmatch(request_key):
        raise Invalid("request_key_bad")
    number = int.from_bytes(hashlib.sha256(f"{owner}\n{request_key}".encode()).digest())
    signs = []
    for _sign in range(PUBLIC_ID_LENGTH):
        number, sign = divmod(number, len(CROCKFORD_ALPHABET))
        signs.append(CROCKFORD_ALPHABET[sign])
    return "".join(signs)


def the_same(made: R, **content: Any) -> R:
    """Return what an earlier press of the same form made.

    Raises Conflict (request_key_used) when that press said something else.
    """
    if any(getattr(made, name) != value for name, value in content.items()):
        raise Conflict("request_key_used")
    return made
