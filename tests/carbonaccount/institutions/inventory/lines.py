"""Lines of an inventory as the product would write them, without a database."""

from datetime import UTC, datetime
from itertools import count

from carbonaccount.factors import FactorBook
from carbonaccount.institutions.inventory_entries import Entry, prepared
from carbonaccount.institutions.inventory_models import InventoryLine

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
_ids = count(1)


def line(
    month: int,
    code: str,
    amount: str,
    *,
    book: FactorBook,
    unit: str = "kWh",
    green: str = "",
    place: str = "",
    year: int = 2026,
) -> InventoryLine:
    """Return one line of a year."""
    entry = Entry(month, code, amount, unit, green_power=green, place=place)
    fields = prepared(entry, year=year, book=book)
    return InventoryLine(id=next(_ids), inventory_id=1, changed_at=NOW, **fields)  # type: ignore[arg-type]
