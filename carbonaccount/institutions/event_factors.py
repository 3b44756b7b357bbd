"""What an event's account is made of: distances, ways to travel, items; and their factors.

Everything but the factors stands in data/events.toml, which names the factor of the city's library
that each takes; what has none there is not counted, which is shown.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from carbonaccount.errors import Invalid, NotFound
from carbonaccount.factors import FactorBook
from carbonaccount.institutions.event_models import Source

_FILE = Path(__file__).parent / "data" / "events.toml"
# An origin that is a district of the city is written with its code after this.
DISTRICT = "district:"
SAME_DISTRICT, OTHER_DISTRICT = "same_district", "other_district"
CITY_ONLY, BEYOND_ONLY = "city", "beyond"
LONGEST_STAY = 60


@dataclass(frozen=True)
class Distance:
    """How far people travel one way from a kind of place, and why so far."""

    code: str
    km: int
    name_zh: str
    name_en: str
    basis_zh: str
    basis_en: str


@dataclass(frozen=True)
class Mode:
    """A way to travel; `only` says city or beyond where it makes no sense elsewhere.

    `library` is the code of its factor in the city's library.
    """

    code: str
    icon: str
    name_zh: str
    name_en: str
    library: str
    only: str = ""


@dataclass(frozen=True)
class Item:
    """Something with an amount; `asked` when it comes from participants; `library` as of a mode."""

    code: str
    source: Source
    name_zh: str
    name_en: str
    amount_unit: str
    library: str
    green: bool = False
    asked: bool = False


@dataclass(frozen=True)
class UsedFactor:
    """The factor an amount was multiplied with: `value` kg per unit.

    Version 0 stands in accounts that were closed while a file had values of its own.
    """

    code: str
    version: int
    value: Decimal
    unit: str
    grade: str
    source: str
    source_zh: str = ""


@dataclass(frozen=True)
class Catalogue:
    """All that stands in the file, by code."""

    distances: Mapping[str, Distance]
    modes: Mapping[str, Mode]
    items: Mapping[str, Item]

    def mode(self, code: str) -> Mode:
        """Return a way to travel. Raises Invalid (event_mode)."""
        if code not in self.modes:
            raise Invalid("event_mode", field="mode")
        return self.modes[code]

    def item(self, code: str) -> Item:
        """Return an item that organisers enter. Raises Invalid (event_item)."""
        found = self.items.get(code)
        if found is None or found.asked:
            raise Invalid("event_item", field="item")
        return found

    def distance(self, origin: str, event_district: str) -> Distance:
        """Return how far it is from an origin. Raises Invalid (event_origin)."""
        if origin.startswith(DISTRICT):
            same = origin == DISTRICT + event_district
            return self.distances[SAME_DISTRICT if same else OTHER_DISTRICT]
        if origin not in self.distances or origin in (SAME_DISTRICT, OTHER_DISTRICT):
            raise Invalid("event_origin", field="origin")
        return self.distances[origin]

    def beyond(self) -> list[Distance]:
        """Return the origins outside the city, the nearest first as in the file."""
        return [
            item
            for item in self.distances.values()
            if item.code not in (SAME_DISTRICT, OTHER_DISTRICT)
        ]


def in_city(origin: str) -> bool:
    """Return whether an origin is a district of the city."""
    return origin.startswith(DISTRICT)


@cache
def catalogue() -> Catalogue:
    """Return what the file holds; read once."""
    rows = tomllib.loads(_FILE.read_text("utf-8"))
    return Catalogue(
        distances={row["code"]: Distance(**row) for row in rows["distance"]},
        modes={row["code"]: Mode(**row) for row in rows["mode"]},
        items={row["code"]: _item(row) for row in rows["item"]},
    )


def _item(row: dict[str, Any]) -> Item:
    return Item(**{**row, "source": Source(row["source"])})


def used_factor(book: FactorBook, code: str, on: date) -> UsedFactor | None:
    """Return the factor of the library that holds on a day, None when it has none."""
    try:
        found = book.on(code, on)
    except NotFound:
        return None
    return UsedFactor(
        found.code,
        found.version,
        found.value,
        found.unit,
        found.grade,
        found.source,
        found.source_zh,
    )
