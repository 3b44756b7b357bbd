"""Sources that an event's plan declared and its account has no grams of. Pure.

The guide wants an account to be whole (article 7). A source that did not occur leaves it whole; one
that nobody could estimate does not, and an event with such a source is not called neutral.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carbonaccount.institutions.event_models import MissingKind, Source

# There are amounts, and the library has no factor for any of them.
NO_FACTOR = "no_factor"


@dataclass(frozen=True)
class Gap:
    """A source without grams: `kind` is a MissingKind, NO_FACTOR, or "" while nothing was said."""

    source: str
    kind: str
    why: str = ""

    @property
    def leaves_whole(self) -> bool:
        """Return whether the account is whole without it."""
        return self.kind == MissingKind.ABSENT


def gaps(
    by_source: Mapping[str, int | None], declared: Iterable[str], said: Mapping[str, Gap]
) -> tuple[Gap, ...]:
    """Return the gaps of an account, in the guide's order.

    by_source: grams of each source that has an amount, None where no amount has a factor.
    What was said of a source that has an amount by now does not count any more.
    """
    expected = set(declared) | {source for source, grams in by_source.items() if grams is None}
    found = []
    for source in Source:
        if source in by_source:
            if by_source[source] is None:
                found.append(Gap(source.value, NO_FACTOR))
        elif source in expected:
            found.append(said.get(source, Gap(source.value, "")))
    return tuple(found)


def left_out(found: Iterable[Gap]) -> list[Gap]:
    """Return the gaps because of which an event cannot be called neutral."""
    return [gap for gap in found if not gap.leaves_whole]


def beyond(by_source: Mapping[str, int | None], found: Sequence[Gap]) -> list[str]:
    """Return the sources of the guide that were neither declared nor accounted for."""
    known = {*by_source, *(gap.source for gap in found)}
    return [source.value for source in Source if source not in known]


def from_json(raw: Sequence[Mapping[str, Any]]) -> tuple[Gap, ...]:
    """Return the gaps that a text holds."""
    return tuple(Gap(**row) for row in raw)
