"""How the columns of a published list become institutions with inventories: a mapping in TOML."""

import tomllib
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from carbonaccount.errors import Invalid
from carbonaccount.institutions import conversion
from carbonaccount.institutions.inventory_entries import LONGEST_NOTE
from carbonaccount.institutions.inventory_models import Basis
from carbonaccount.institutions.models import InstitutionKind

Column = Annotated[str, Field(min_length=1, max_length=120)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InstitutionColumns(_Part):
    """Which institution a line is about."""

    source: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    number: Column
    name: Column
    kind: str = ""
    kinds: dict[str, InstitutionKind] = Field(default_factory=dict)
    kind_otherwise: InstitutionKind = InstitutionKind.PUBLIC
    floor_area: str = ""
    floor_area_unit: str = "m2"
    head_count: str = ""

    @field_validator("floor_area_unit")
    @classmethod
    def _is_an_area(cls, unit: str) -> str:
        try:
            conversion.ratio_of(unit=unit, wanted="m2")
        except Invalid:
            raise ValueError(f"no unit of area: {unit}") from None
        return unit

    def area_ratio(self) -> Fraction:
        """Return square metres in one unit of the list's areas."""
        return conversion.ratio_of(unit=self.floor_area_unit, wanted="m2")[0]


class FlagColumn(_Part):
    """What the list itself says of a line; any value that is not accepted is reported and kept.

    Under one of `missing` a 0 of an expected energy means that it was not reported; under one of
    `estimated` figures may be default values, which nobody metered.
    """

    column: Column
    accepted: tuple[str, ...]
    missing: tuple[str, ...] = ()
    estimated: tuple[str, ...] = ()

    def basis_of(self, value: str) -> Basis:
        """Return where the figures of a line with this value come from."""
        return Basis.ESTIMATED if value in self.estimated else Basis.METERED

    def mark_of(self, value: str) -> str:
        """Return the note that each figure of such a line keeps; empty for an accepted one."""
        return "" if value in self.accepted else f"{self.column}: {value or '-'}"[:LONGEST_NOTE]


class EnergyColumn(_Part):
    """A column of activity data, its unit, and the factor it is counted with."""

    column: Column
    unit: str
    factor: str
    expected: bool = False


class ListingMapping(_Part):
    """A whole mapping."""

    title_zh: str = ""
    title_en: str = ""
    institution: InstitutionColumns
    flag: FlagColumn | None = None
    energy: tuple[EnergyColumn, ...] = Field(min_length=1)

    def columns(self) -> set[str]:
        """Return the names of the columns that the mapping reads."""
        place = self.institution
        named = {place.number, place.name, place.kind, place.floor_area, place.head_count}
        named |= {item.column for item in self.energy}
        return {name for name in named | ({self.flag.column} if self.flag else set()) if name}


def parse_mapping(text: str) -> ListingMapping:
    """Return a mapping from TOML. Raises Invalid (listing_mapping) saying why."""
    try:
        return ListingMapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid("listing_mapping", problem=str(error)) from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise Invalid("listing_mapping", problem="; ".join(problems)[:300]) from None


@lru_cache
def ready_mappings() -> Mapping[str, str]:
    """Return the texts of the mappings that come with the product, by name."""
    folder = resources.files("carbonaccount.institutions") / "mappings"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def find_mapping(columns: tuple[str, ...]) -> tuple[str, ListingMapping]:
    """Return the ready mapping that fits a header, and its name.

    Raises Invalid (listing_mapping_needed) when none fits, with the columns that were found.
    """
    for name, text in ready_mappings().items():
        mapping = parse_mapping(text)
        if mapping.columns() <= set(columns):
            return name, mapping
    raise Invalid("listing_mapping_needed", columns=", ".join(columns)[:200])
