"""The emission factors in force, told to rooms that may not ask for them themselves.

The room that keeps the factor library registers how it is read; inventories and events ask here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlmodel import Session

from carbonaccount.errors import NotFound, Unavailable


@dataclass(frozen=True)
class FactorVersion:
    """One version of an emission factor: `value` in `unit`, e.g. 0.6191 kgCO2/kWh.

    `source` tells in English where it comes from, `source_zh` in Chinese.
    """

    code: str
    version: int
    name_zh: str
    name_en: str
    value: Decimal
    unit: str
    valid_from: date | None
    valid_to: date | None
    data_year: int | None
    grade: str
    source: str
    source_zh: str = ""


Library = Callable[[Session], Sequence[FactorVersion]]


@dataclass
class _Registered:
    library: Library | None = None


_registered = _Registered()


def register(library: Library) -> Library:
    """Say how all versions in force are read, of all factors; once for the application."""
    if _registered.library not in (None, library):
        raise ValueError("two rooms tell the emission factors")
    _registered.library = library
    return library


@dataclass(frozen=True)
class FactorBook:
    """All versions in force, read once: asking for a factor costs no query."""

    versions: Sequence[FactorVersion]

    @classmethod
    def load(cls, session: Session) -> "FactorBook":
        """Read the library. Raises Unavailable (no_factor_room) when no room keeps one."""
        if _registered.library is None:
            raise Unavailable("no_factor_room")
        return cls(tuple(_registered.library(session)))

    def on(self, code: str, day: date) -> FactorVersion:
        """Return the version that holds on a day; the oldest also serves earlier days.

        Raises NotFound (unknown_factor) when there is none in force.
        """
        found = sorted(
            (item for item in self.versions if item.code == code),
            key=lambda item: (item.valid_from or date.min, item.version),
        )
        if not found:
            raise NotFound("unknown_factor", factor=code[:64])
        begun = [item for item in found if (item.valid_from or date.min) <= day]
        return begun[-1] if begun else found[0]

    def all_on(self, day: date) -> list[FactorVersion]:
        """Return the version of each factor that holds on a day, by code."""
        return [self.on(code, day) for code in sorted({item.code for item in self.versions})]

    def version(self, code: str, version: int) -> FactorVersion | None:
        """Return a version by its number, None when it is not in force any more."""
        for item in self.versions:
            if (item.code, item.version) == (code, version):
                return item
        return None


def factor_on(session: Session, code: str, day: date) -> FactorVersion:
    """Return the version of one factor that holds on a day, as `FactorBook.on` does."""
    return FactorBook.load(session).on(code, day)
