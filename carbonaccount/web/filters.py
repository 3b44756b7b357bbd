"""What the address asks a list for; a value that means nothing there is left out and told.

A page tells it above its content (`unknown_filters` in the shells); a file, which has no place for
it, is refused by `tables.table_file`.
"""

from collections.abc import Container

from flask import g, request

from carbonaccount.errors import Invalid

LONGEST = 60


def chosen(name: str, known: Container[str], label: str) -> str:
    """Return the value of a filter, "" when none is given or it is not known.

    label: what the filter is called on the page.
    """
    value = request.args.get(name, "").strip()
    if not value or value in known:
        return value
    not_understood(label, value)
    return ""


def chosen_year(name: str, label: str) -> str:
    """Return a year of four digits, "" when none is given or it is no year."""
    value = request.args.get(name, "").strip()
    if not value or (value.isascii() and value.isdigit() and len(value) == 4 and value[0] == "2"):
        return value
    not_understood(label, value)
    return ""


def not_understood(label: str, value: str) -> None:
    """Let the page tell that a filter's value means nothing and was not used."""
    unknown_filters()[str(label)] = value[:LONGEST]


def unknown_filters() -> dict[str, str]:
    """Return the values of this request that were not used, by what their filters are called."""
    if "unknown_filters" not in g:
        g.unknown_filters = {}
    found: dict[str, str] = g.unknown_filters
    return found


def refuse_unknown() -> None:
    """Refuse a file of a list that would be narrowed otherwise than asked.

    Raises Invalid (unknown_filter).
    """
    for name, value in unknown_filters().items():
        raise Invalid("unknown_filter", name=name, value=value)
