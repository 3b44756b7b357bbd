"""What papers that can be checked share: canonical text, a keyed seal, numbers people type."""

import hmac
import json
from collections.abc import Mapping
from typing import Any

from carbonaccount.crypto import Vault

# What people misread, after Crockford.
_MISREAD = str.maketrans("OIL", "011")


def canonical(payload: Mapping[str, Any]) -> str:
    """Return JSON with sorted keys and no spaces: the same content gives the same bytes."""
    return json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def seal_of(text: str, vault: Vault, *, purpose: str) -> str:
    """Return the keyed hash over a text: 64 hex characters."""
    return vault.index(text, purpose=purpose)


def seal_holds(text: str, seal: str, vault: Vault, *, purpose: str) -> bool:
    """Return whether a text is stored as it was sealed."""
    return hmac.compare_digest(seal_of(text, vault, purpose=purpose), seal)


def normal_number(text: str) -> str:
    """Return a paper's number as it is stored: no spaces and dashes, misread letters mended."""
    kept = "".join(sign for sign in text.upper() if sign.isalnum())
    return kept.translate(_MISREAD)


def printed_number(number: str) -> str:
    """Return a number in groups of four, as it stands on paper."""
    return "-".join(number[start : start + 4] for start in range(0, len(number), 4))
