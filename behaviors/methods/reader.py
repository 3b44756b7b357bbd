"""Reads the packaged TOML files into the library."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import TypeVar

from behaviors import definitions as read
from behaviors.definitions import RuleError
from behaviors.methods.expansion import expand_rules
from behaviors.methods.library import (
    Behavior,
    DoubleCountGroup,
    EmissionFactor,
    Library,
    LibraryError,
    ParameterSource,
    Texts,
)
from behaviors.rules import DEFAULT_GRAMS_FOR, DEFAULT_MULTIPLIERS, field_of
from behaviors.units import check_units

# The order in which people see the families.
FAMILIES = ("transport", "energy", "waste", "consumption", "office", "nature", "habits")

_BEHAVIOR_KEYS = {part.name for part in fields(Behavior)} - {"family", "sort"}
T = TypeVar("T")
Table = Mapping[str, object]


def load_library() -> Library:
    """Read and check everything that ships, down to the units of every rule.

    LibraryError, RuleError or FormulaError, each naming the place.
    """
    library = Library(
        behaviors=tuple(_behaviors()),
        emission_factors=_emission_factors(_toml("emission_factors")),
        double_count_groups=_double_count_groups(_toml("double_count_groups")),
    )
    for rule in expand_rules(library):
        check_units(rule)
    return library


@cache
def sources_in_chinese() -> Mapping[str, str]:
    """Return the Chinese source of the shipped factors by the English one; read once.

    A rule's parameter keeps the English text of the factor that it was taken from.
    """
    factors = _emission_factors(_toml("emission_factors"))
    return {item.source: item.source_zh for item in factors}


def _toml(name: str) -> dict[str, object]:
    text = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _behaviors() -> Iterable[Behavior]:
    sort = 0
    for family in FAMILIES:
        tables = _toml(family)
        if tables.get("family") != family:
            raise LibraryError("wrong_family", at=family)
        for table in read.mappings_of(tables, "behavior"):
            sort += 10
            yield _placed(str(table.get("code")), _behavior, table, family, sort)


def _placed(at: str, reads: Callable[..., T], *arguments: object) -> T:
    """Say where in the files a part is malformed."""
    try:
        return reads(*arguments)
    except LibraryError:
        raise
    except RuleError as error:
        raise LibraryError(error.code, at=at, **error.params) from None


def _behavior(table: Table, family: str, sort: int) -> Behavior:
    if unknown := set(table) - _BEHAVIOR_KEYS:
        raise LibraryError("unknown_key", at=str(table.get("code")), keys=sorted(unknown))
    optional = {"quantity_expression": "", "quantity_unit": "", "factor_expression": ""}
    defaults: Table = {"credits_per_gram": "1", "credits_per_act": 0, "counts_acts": False}
    full = {**optional, **defaults, "parameters": [], **table}
    has_cap = full.get("daily_cap") is not None
    return Behavior(
        code=read.text_of(full, "code"),
        family=family,
        sort=sort,
        name_zh=read.text_of(full, "name_zh"),
        name_en=read.text_of(full, "name_en"),
        category=read.text_of(full, "category"),
        enabled=read.truth_of(full, "enabled"),
        self_report=read.truth_of(full, "self_report"),
        self_report_evidence=read.text_of(full, "self_report_evidence"),
        evidence=tuple(read.texts_of(full, "evidence")),
        certifiable=read.truth_of(full, "certifiable"),
        fields=tuple(map(field_of, read.mappings_of(full, "fields"))),
        quantity_expression=read.text_of(full, "quantity_expression"),
        quantity_unit=read.text_of(full, "quantity_unit"),
        factor_expression=read.text_of(full, "factor_expression"),
        parameters=tuple(map(_parameter, read.mappings_of(full, "parameters"))),
        daily_cap=read.decimal_of(full, "daily_cap") if has_cap else None,
        double_count_group=read.optional_text_of(full, "double_count_group"),
        multipliers=_multipliers(full),
        grams_for=_grams_for(full),
        credits_per_gram=read.decimal_of(full, "credits_per_gram"),
        credits_per_act=read.whole_of(full, "credits_per_act"),
        counts_acts=read.truth_of(full, "counts_acts"),
        texts=_texts(full),
        grade=read.text_of(full, "grade"),
        source=read.text_of(full, "source"),
    )


def _multipliers(table: Table) -> Mapping[str, Decimal]:
    if "multipliers" not in table:
        return DEFAULT_MULTIPLIERS
    shares = read.mapping_of(table, "multipliers")
    return {grade: read.decimal_of(shares, grade) for grade in shares}


def _grams_for(table: Table) -> frozenset[str]:
    if "grams_for" not in table:
        return DEFAULT_GRAMS_FOR
    return frozenset(read.texts_of(table, "grams_for"))


def _texts(table: Table) -> dict[str, Texts]:
    by_language = read.mapping_of(table, "texts")
    return {language: _text(read.mapping_of(by_language, language)) for language in by_language}


def _text(table: Table) -> Texts:
    return Texts(
        counts=read.text_of(table, "counts"),
        excludes=read.text_of(table, "excludes"),
        baseline=read.text_of(table, "baseline"),
        not_combined=read.text_of(table, "not_combined"),
    )


def _parameter(table: Table) -> ParameterSource:
    """Either a value with grade and source, or the code of a factor that has its own."""
    pointed = "factor" in table
    if pointed == ("value" in table):
        raise LibraryError("value_or_factor", at=read.text_of(table, "name"))
    return ParameterSource(
        name=read.text_of(table, "name"),
        unit=read.text_of(table, "unit"),
        value=None if pointed else read.decimal_of(table, "value"),
        factor=read.text_of(table, "factor") if pointed else None,
        grade="" if pointed else read.text_of(table, "grade"),
        source="" if pointed else read.text_of(table, "source"),
    )


def _emission_factors(tables: Table) -> tuple[EmissionFactor, ...]:
    """All versions, by code in the order of the file, then by validity."""
    rows = read.mappings_of(tables, "emission_factor")
    codes = dict.fromkeys(read.text_of(row, "code") for row in rows)
    return tuple(
        _placed(code, _emission_factor, row, version)
        for code in codes
        for version, row in enumerate(_versions(rows, code), start=1)
    )


def _versions(rows: list[Table], code: str) -> list[Table]:
    own = [row for row in rows if row["code"] == code]
    return sorted(own, key=lambda row: read.optional_day_of(row, "valid_from") or date.min)


def _emission_factor(row: Table, version: int) -> EmissionFactor:
    return EmissionFactor(
        code=read.text_of(row, "code"),
        version=version,
        name_zh=read.text_of(row, "name_zh"),
        name_en=read.text_of(row, "name_en"),
        value=read.decimal_of(row, "value"),
        unit=read.text_of(row, "unit"),
        gas=read.text_of(row, "gas"),
        valid_from=read.optional_day_of(row, "valid_from"),
        valid_to=read.optional_day_of(row, "valid_to"),
        data_year=read.optional_whole_of(row, "data_year"),
        grade=read.text_of(row, "grade"),
        source=read.text_of(row, "source"),
        source_zh=read.text_of(row, "source_zh"),
    )


def _double_count_groups(tables: Table) -> tuple[DoubleCountGroup, ...]:
    return tuple(
        DoubleCountGroup(
            code=read.text_of(row, "code"),
            kind=read.text_of(row, "kind"),
            name_zh=read.text_of(row, "name_zh"),
            name_en=read.text_of(row, "name_en"),
        )
        for row in read.mappings_of(tables, "group")
    )
