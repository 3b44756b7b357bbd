"""Codes that people read out or type: drawn from letters that are not misread."""

import secrets

from carbonaccount.accounts.rules import CROCKFORD_ALPHABET

# What people write for letters that Crockford's base 32 leaves out.
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0"})


def new_code(length: int) -> str:
    """Return a random code."""
    return "".join(secrets.choice(CROCKFORD_ALPHABET) for _ in range(length))


def cleaned(text: str) -> str:
    """Return what was meant by a typed code: capitals, no blanks, nothing misread."""
    written = text.upper().translate(_MISREAD)
    return "".join(sign for sign in written if sign in CROCKFORD_ALPHABET)


def grouped(code: str) -> str:
    """Return a code in groups of four, as it is printed and read out."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))
