"""Unified social credit codes (GB 32100-2015): 17 characters and one that checks them.

Two characters tell who registered it and as what, six digits where, nine characters are the
organisation code. The letters I, O, S, V and Z do not occur, so that they cannot be misread.
"""

import re

from carbonaccount.errors import Invalid

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LENGTH = 18
_MODULUS = 31
_WEIGHTS = tuple(pow(3, place, _MODULUS) for place in range(LENGTH - 1))
_SHAPE = re.compile(f"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}", re.ASCII)
_BLANKS = re.compile(r"[\s\-]+")
# What Chinese input methods write for digits and letters.
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)}


def check_character(first: str) -> str:
    """Return the character that checks the first 17: 31 - (weighted sum mod 31), 31 being 0."""
    total = sum(ALPHABET.index(sign) * weight for sign, weight in zip(first, _WEIGHTS, strict=True))
    return ALPHABET[(_MODULUS - total % _MODULUS) % _MODULUS]


def read_credit_code(text: str) -> str:
    """Return a code in capital letters, without blanks.

    Raises Invalid at the field credit_code: credit_code_shape, credit_code_check (a character was
    mistyped or two were exchanged).
    """
    code = _BLANKS.sub("", text.translate(_FULL_WIDTH)).upper()
    if not _SHAPE.fullmatch(code):
        raise Invalid("credit_code_shape", field="credit_code", length=LENGTH)
    if check_character(code[:-1]) != code[-1]:
        raise Invalid("credit_code_check", field="credit_code")
    return code
