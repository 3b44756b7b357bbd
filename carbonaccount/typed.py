"""What people type: Chinese keyboards give full-width digits and signs, spreadsheets ㎥ and ㎡."""

import unicodedata

# U+FF01 to U+FF5E are ASCII from ! to ~, U+3000 is the space.
_HALF = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def half_width(text: str) -> str:
    """Return a text with full-width letters, digits and signs as ASCII; the rest stays.

    For numbers: a superscript is not read as a digit, as NFKC would.
    """
    return text.translate(_HALF)


def comparable(text: str) -> str:
    """Return what two texts have alike that differ in case, width or blanks only."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
