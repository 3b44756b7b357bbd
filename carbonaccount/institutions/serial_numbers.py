"""Serial numbers as people write them, and when two of them are one number. Pure.

A number is groups of letters and of digits. What stands between the groups, zeros in front of a
group of digits, "No." and the register's own letters make no other number of it.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from carbonaccount.errors import Invalid
from carbonaccount.institutions.offset_rules import OWN_REGISTRY, REGISTRIES

# Numbers longer than this are not counted numbers; they also fit into 64 bits.
MOST_DIGITS = 18
LONGEST_PREFIX = 48
# How wide registers print a group with zeros in front; of more groups in one go than these nobody
# could say where they end.
WIDEST_GROUP, MOST_GROUPS = 12, 4

_TO_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣⁃", "-"),
        **dict.fromkeys("·•‧・∙。", "."),
        "°": "O",  # N° is No.
        "\\": "/",
    }
)
_TOKENS = re.compile(r"[A-Z]+|[0-9]+", re.ASCII)
_NUMBER = re.compile(r"([0-9A-Z ./_:#-]*?)([0-9]+)", re.ASCII)
_ORNAMENT = "NO"
_LOOK_ALIKES = str.maketrans("OIL", "011")


class Serials(NamedTuple):
    """A range of numbers after a prefix that does not end in a digit."""

    prefix: str
    first: int
    last: int
    width: int


def parse_serials(first: str, last: str) -> Serials:
    """Return the range between two whole serial numbers as they are printed.

    The digits at the end count, what stands before them is the prefix. The letters O, I and L in
    the place of digits are read as 0 and 1. Raises Invalid (serial_number, serial_range).
    """
    prefix, first_number, width = _number(first, "serial_first")
    other, last_number, _width = _number(last, "serial_last")
    if _series(prefix, ()) != _series(other, ()) or first_number > last_number:
        raise Invalid("serial_range", field="serial_last")
    return Serials(prefix, first_number, last_number, width)


def _number(text: str, field: str) -> tuple[str, int, int]:
    found = _NUMBER.fullmatch(with_digits(_plain(text)))
    if found is None or len(found[2]) > MOST_DIGITS or len(found[1]) > LONGEST_PREFIX:
        raise Invalid("serial_number", field=field)
    return found[1], int(found[2]), len(found[2])


def _plain(text: str) -> str:
    """Return a number in capital ASCII letters; blanks only where nothing else separates."""
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf")
    plain = unicodedata.normalize("NFKC", seen).translate(_TO_PLAIN).upper()
    return re.sub(r" *([./_:#-]) *", r"\1", " ".join(plain.split()))


def _all_tags() -> list[str]:
    return [tag for registry in REGISTRIES.values() for tag in registry.tags]


def with_digits(plain: str) -> str:
    """Return a number whose O, I and L are 0 and 1 where they stand among digits.

    They do when a run of letters, without "No" and a register's letters in front, is nothing else
    and touches a digit.
    """
    lead = re.compile(f"(?:{'|'.join([_ORNAMENT, *_all_tags()])})*")

    def read(run: re.Match[str]) -> str:
        before, after = plain[: run.start()][-1:], plain[run.end() :][:1]
        kept = lead.match(run[0])
        rest = run[0][kept.end() if kept else 0 :]
        whole = rest == run[0]
        if set(rest) <= set("OIL") and (after.isdigit() or (whole and before.isdigit())):
            return run[0][: len(run[0]) - len(rest)] + rest.translate(_LOOK_ALIKES)
        return run[0]

    return re.sub("[A-Z]+", read, plain)


def foreign_registry(registry: str, serials: Serials) -> str:
    """Return the code of another register whose letters a number begins with, "" for none.

    Registers issue numbers of their own, so equal ones under two registers may be two things; but
    a number that begins with CCER is one of the CCER registry and of no other.
    """
    found = re.match(f"(?:{_ORNAMENT})?[^0-9A-Z]*([A-Z]+)", serials.prefix)
    begins = found[1] if found else ""
    others = {code: row for code, row in REGISTRIES.items() if code != registry}
    return next((code for code, row in others.items() if begins in row.names), "")


class SeriesKeys(NamedTuple):
    """What a range is compared by, however its separators, zeros and tag are written.

    `series` is what stands before the counted digits, in groups; two ranges of one series meet
    when their numbers do. `joined` and the joined numbers are the digits written in one go, as
    wide as they were typed, where "2025-000150" is 2025000150.
    """

    series: str
    joined: str
    joined_first: int
    joined_last: int


def series_keys(registry: str, serials: Serials) -> SeriesKeys:
    """Return what a range of a register is compared by; the city's own are written in one way."""
    if registry == OWN_REGISTRY:
        return SeriesKeys(serials.prefix, serials.prefix, serials.first, serials.last)
    tags = REGISTRIES[registry].tags
    tokens = _TOKENS.findall(serials.prefix)
    digits = ""
    while tokens and _is_joined(tokens[-1], tags):
        token = tokens.pop()
        digits = token + digits if token.isdigit() else digits
    digits = digits.lstrip("0")
    width = max(serials.width, len(str(serials.last)))
    # What is beyond 64 bits is compared as text.
    kept = digits[max(0, len(digits) + width - MOST_DIGITS) :]
    base = int(kept or "0") * 10**width
    return SeriesKeys(
        series=_series(serials.prefix, tags),
        joined=_key(tokens, tags) + digits[: len(digits) - len(kept)],
        joined_first=base + serials.first,
        joined_last=base + serials.last,
    )


def _is_joined(token: str, tags: Iterable[str]) -> bool:
    return token.isdigit() or not _letters(token, tags)


def _series(prefix: str, tags: Iterable[str]) -> str:
    key = _key(_TOKENS.findall(prefix), tags)
    return f"{key}." if key[-1:].isdigit() else key


def _key(tokens: Iterable[str], tags: Iterable[str]) -> str:
    """Return groups as one text: numbers without zeros in front, a dot between two of them."""
    groups: list[str] = []
    for token in tokens:
        if not token.isdigit() and groups and not groups[-1].isdigit():
            groups[-1] += token
        else:
            groups.append(token)
    key = ""
    for group in groups:
        if group.isdigit():
            key += ("." if key[-1:].isdigit() else "") + str(int(group))
        else:
            key += _letters(group, tags)
    return key


def _letters(group: str, tags: Iterable[str]) -> str:
    """Return letters without "No" and the register's own at either end."""
    ornaments = "|".join([_ORNAMENT, *tags])
    return re.sub(f"^(?:{ornaments})+|(?:{ornaments})+$", "", group)


class Numbers(NamedTuple):
    """The numbers of a lot: their series, as `SeriesKeys` has it, and the counted digits."""

    series: str
    first: int
    last: int

    @property
    def boundaries(self) -> int:
        """Return at how many places two groups of digits meet."""
        return self.series.count(".")


def same_number(one: Numbers, other: Numbers) -> bool:
    """Return whether two ranges of a register have a number in common.

    Of one series their numbers do. Of two that are divided into groups differently (2025-150 and
    2025000150) it is enough that some zeros in front of groups make them alike in one go.
    """
    if one.series == other.series:
        return one.first <= other.last and one.last >= other.first
    if one.boundaries == other.boundaries or _outline(one) != _outline(other):
        return False
    a, b = _blocks(one), _blocks(other)
    pairs = zip(a, b, strict=True)
    return all(_meet(_spellings(*x), _spellings(*y)) for x, y in pairs)


def _outline(numbers: Numbers) -> str:
    return re.sub("[0-9.]+", "#", f"{numbers.series}0")


def _blocks(numbers: Numbers) -> list[tuple[list[int], int, int]]:
    """Return each block of digits: its leading groups, and the range of its last."""
    *inner, tail = re.findall("[0-9.]+", f"{numbers.series}0")
    found = []
    for block in inner:
        *lead, last = map(int, block.split("."))
        found.append((lead, last, last))
    lead = [int(group) for group in tail.split(".")[:-1]]
    return [*found, (lead, numbers.first, numbers.last)]


def _spellings(lead: list[int], first: int, last: int) -> list[tuple[int, int]]:
    """Return the ranges that a block can be in one go, by how wide its groups are printed."""
    if len(lead) >= MOST_GROUPS:
        return []
    if not lead:
        return [(first, last)]
    bases = [lead[0]]
    for group in lead[1:]:
        widths = range(len(str(group)), WIDEST_GROUP + 1)
        bases = [base * 10**width + group for base in bases for width in widths]
    return [
        (base * 10**width + first, base * 10**width + min(last, 10**width - 1))
        for base in bases
        for width in range(len(str(first)), max(WIDEST_GROUP, len(str(last))) + 1)
    ]


def _meet(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> bool:
    return any(a <= d and b >= c for a, b in some for c, d in others)
