"""How the city's figures hang together, and which of them may be told."""

from collections import defaultdict
from collections.abc import Mapping

from behaviors.total_models import CityTotal
from carbonaccount.disclosure import Cell, Relation, withheld

# Dimension and group of a figure, as `city_total` keys it.
Key = tuple[str, str]
ALL: Key = ("all", "")


def mark_withheld(totals: Mapping[Key, CityTotal]) -> None:
    """Write down which of the city's figures may not be told."""
    cells = {key: Cell(row.people, row.records) for key, row in totals.items()}
    hidden = withheld(cells, relations(cells))
    for key, row in totals.items():
        row.withheld = key in hidden


def relations(cells: Mapping[Key, object]) -> list[Relation[Key]]:
    """Return every sum of published figures that is a published figure itself."""
    if ALL not in cells:
        return []
    of: dict[str, list[Key]] = defaultdict(list)
    for key in sorted(cells):
        of[key[0]].append(key)
    found = [
        Relation(ALL, tuple(of[name]), disjoint=name == "district")
        for name in ("behavior", "district", "evidence", "month", "year")
    ]
    for year in of["year"]:
        found.append(Relation(year, _starting(of["month"], f"{year[1]}-")))
        found.append(Relation(year, _starting(of["year_district"], f"{year[1]}/"), disjoint=True))
    for district in of["district"]:
        parts = [key for key in of["year_district"] if key[1].partition("/")[2] == district[1]]
        found.append(Relation(district, tuple(parts)))
    return found


def _starting(keys: list[Key], beginning: str) -> tuple[Key, ...]:
    return tuple(key for key in keys if key[1].startswith(beginning))
