"""How the columns of a file become records: a mapping in TOML, checked before the file is read."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from importlib import resources
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pint
import polars as pl
from polars import selectors
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from behaviors.intake.candidates import CANDIDATE_SCHEMA, FIELD_PREFIX
from behaviors.rulebook import RuleBook
from behaviors.units import DEFINITIONS, READABLE
from carbonaccount.errors import Invalid

_NANO = 10**9
_NUMBER = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,9})?$"
_UNIX_TEXT = r"^[0-9]{1,11}(\.0*)?$"
_THOUSANDS = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?$"
# RFC 3339, seconds may be missing: date, time, seconds, offset.
_ISO_TEXT = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})"
    r"(:[0-5][0-9](?:\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
)
_NAMED_FORMATS = ("unix", "iso")
_SAMPLE = datetime(2026, 3, 2, 8, 5, 9, tzinfo=UTC)
# %s would be taken for local time, which seconds since 1970 are not; %f for billionths, where
# others mean millionths (%.f is a fraction of any length).
_MISREAD = ("%s", "%f")
# Larger factors would leave the 128 bits in which amounts are multiplied.
_LARGEST_NUMERATOR = 10**13


ColumnName = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordMapping(_Part):
    """What tells records and subjects apart, and what kind of act a line is."""

    behavior: str = ""
    behavior_column: str = ""
    evidence: str = ""
    evidence_column: str = ""
    event_id: list[ColumnName] = Field(min_length=1)
    subject: list[ColumnName] = Field(min_length=1)
    device: str = ""

    @model_validator(mode="after")
    def _says_what_and_how_sure(self) -> "RecordMapping":
        for name in ("behavior", "evidence"):
            if bool(getattr(self, name)) == bool(getattr(self, f"{name}_column")):
                raise ValueError(f"needs either {name} or {name}_column")
        return self


class TimeMapping(_Part):
    """When it happened: `format` is unix (seconds), iso (RFC 3339), or a strptime pattern."""

    start: ColumnName
    end: str = ""
    format: str = "iso"
    zone: str = "Asia/Shanghai"
    year_offset: int = Field(default=0, ge=-10_000, le=10_000)

    @field_validator("format")
    @classmethod
    def _readable_format(cls, value: str) -> str:
        if value not in _NAMED_FORMATS:
            _sample_read_with(value)
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
            pl.Series([_SAMPLE.replace(tzinfo=None)]).dt.replace_time_zone(value)
        # Some names are files of the system and mean nothing to others.
        except (ZoneInfoNotFoundError, ValueError, OSError, pl.exceptions.PolarsError):
            raise ValueError(f"no such time zone: {value}") from None
        return value


@lru_cache
def _sample_read_with(pattern: str) -> datetime:
    """Return a known moment written and read with a pattern; aware when the pattern has an offset.

    ValueError when the pattern does not tell year, month and day, or is none.
    """
    if "%" in pattern and not any(misread in pattern for misread in _MISREAD):
        try:
            text = pl.Series([_SAMPLE]).dt.strftime(pattern)
            read = text.str.to_datetime(pattern, time_unit="us", strict=False).item()
        except pl.exceptions.PolarsError:
            read = None
        if isinstance(read, datetime) and read.date() == _SAMPLE.date():
            return read
    raise ValueError(f"does not tell year, month and day: {pattern}")


class FieldMapping(_Part):
    """Where a measured field is, and in which unit."""

    column: ColumnName
    unit: str = ""


class FileMapping(_Part):
    """A whole mapping; see docs/intake.md for an example of each key."""

    title_zh: str = ""
    title_en: str = ""
    # By the name of the file when empty.
    format: Literal["", "csv", "tsv", "xlsx", "ndjson"] = ""
    encoding: str = "utf-8"
    sheet: str = ""
    record: RecordMapping
    time: TimeMapping
    fields: dict[str, FieldMapping]

    def columns(self) -> list[str]:
        """Return the names of all columns that the mapping reads, each once."""
        named = [
            *self.record.event_id,
            *self.record.subject,
            self.record.behavior_column,
            self.record.evidence_column,
            self.record.device,
            self.time.start,
            self.time.end,
            *(field.column for field in self.fields.values()),
        ]
        return list(dict.fromkeys(name for name in named if name))


def parse_mapping(text: str) -> FileMapping:
    """Return a mapping from TOML. Raises Invalid (mapping_invalid, mapping_keys) saying why."""
    try:
        return FileMapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid("mapping_invalid", problem=str(error)) from None
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> Invalid:
    """Return what is wrong with a mapping; keys are named apart, so that they need no English."""
    found: dict[str, list[str]] = {"extra_forbidden": [], "missing": []}
    problems = []
    for part in error.errors():
        name = ".".join(map(str, part["loc"]))
        found.setdefault(part["type"], []).append(name)
        problems.append(f"{name}: {part['msg']}")
    if len(found) > 2:
        return Invalid("mapping_invalid", problem="; ".join(problems))
    unknown, missing = (", ".join(names) or "-" for names in found.values())
    return Invalid("mapping_keys", unknown=unknown, missing=missing)


@lru_cache
def ready_mappings() -> Mapping[str, str]:
    """Return the texts of the mappings that come with the product, by name."""
    folder = resources.files("behaviors.intake") / "mappings"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def canonical_mapping(columns: list[str]) -> FileMapping:
    """Return the mapping of a file whose columns carry the names of the API's items."""
    own = set(CANDIDATE_SCHEMA) - {"idx", "code", "detail"}
    return FileMapping(
        record=RecordMapping(
            behavior_column="behavior",
            evidence_column="evidence",
            event_id=["event_id"],
            subject=["subject"],
            device="device" if "device" in columns else "",
        ),
        time=TimeMapping(start="occurred_at", end="ended_at" if "ended_at" in columns else ""),
        fields={name: FieldMapping(column=name) for name in columns if name not in own},
    )


def find_mapping(columns: list[str]) -> tuple[str, FileMapping]:
    """Return the one mapping that fits a header, and its name.

    Raises Invalid (mapping_needed) when none fits, with the columns that were found.
    """
    for name, text in ready_mappings().items():
        mapping = parse_mapping(text)
        if set(mapping.columns()) <= set(columns):
            return name, mapping
    if {"event_id", "subject", "behavior", "occurred_at", "evidence"} <= set(columns):
        return "canonical", canonical_mapping(columns)
    raise Invalid("mapping_needed", columns=", ".join(columns)[:300])


def check_mapping(mapping: FileMapping, book: RuleBook) -> dict[str, Fraction]:
    """Check behaviours, fields and units against the rules, and return the unit factors.

    The result says for each field by what a value of the file is multiplied to be in the
    rule's unit. Raises Invalid (mapping_invalid) otherwise.
    """
    units = {
        spec.name: spec.unit
        for code in ([mapping.record.behavior] if mapping.record.behavior else book.behaviors)
        for rule in book.versions(code)
        for spec in rule.fields
    }
    if mapping.record.behavior and mapping.record.behavior not in book.behaviors:
        raise Invalid("mapping_invalid", problem=f"no such behavior: {mapping.record.behavior}")
    factors = {}
    for name, part in mapping.fields.items():
        if name not in units:
            raise Invalid("mapping_invalid", problem=f"no such field: {name}")
        factors[name] = _unit_factor(part.unit, units[name]) if part.unit else Fraction(1)
    return factors


@lru_cache
def _registry() -> "pint.UnitRegistry[Fraction]":
    # Exact: a factor of 1000 must not become 999.9999.
    units: pint.UnitRegistry[Fraction] = pint.UnitRegistry(non_int_type=Fraction)
    for definition in DEFINITIONS:
        units.define(definition)
    return units


def _unit_factor(unit: str, wanted: str) -> Fraction:
    if unit == wanted:
        return Fraction(1)
    if not READABLE.fullmatch(unit):
        raise Invalid("mapping_invalid", problem=f"no such unit: {unit}")
    registry = _registry()
    try:
        factor = Fraction(registry.Quantity(Fraction(1), unit).to(wanted).magnitude)
    except (pint.PintError, ValueError, TypeError):
        # The library cannot print its own errors when it counts in fractions.
        raise Invalid("mapping_invalid", problem=f"{unit} -> {wanted}") from None
    if not 0 < factor.numerator <= _LARGEST_NUMERATOR:
        raise Invalid("mapping_invalid", problem=f"{unit} -> {wanted}")
    return factor


def to_candidates(
    lines: pl.DataFrame, mapping: FileMapping, factors: Mapping[str, Fraction]
) -> pl.DataFrame:
    """Return the candidates of a file's lines: the first column numbers them, the rest is text."""
    record, time = mapping.record, mapping.time
    frame = lines.select(
        pl.nth(0).alias("idx"),
        event_id=pl.concat_str([_trimmed(name) for name in record.event_id], separator="-"),
        subject=pl.concat_str([_trimmed(name) for name in record.subject], separator="-"),
        behavior=_trimmed(record.behavior_column)
        if record.behavior_column
        else pl.lit(record.behavior),
        occurred_at=_moment(time, time.start),
        ended_at=_moment(time, time.end)
        if time.end
        else pl.lit(None, CANDIDATE_SCHEMA["ended_at"]),
        evidence=_trimmed(record.evidence_column)
        if record.evidence_column
        else pl.lit(record.evidence),
        device=_trimmed(record.device) if record.device else pl.lit(None, pl.String),
        code=pl.lit(None, pl.String),
        detail=pl.lit(None, pl.String),
        **{
            FIELD_PREFIX + name: _amount(part.column, factors[name])
            for name, part in mapping.fields.items()
        },
    )
    if time.end:
        # An end that is there but cannot be read must not become "no end".
        given = lines.select((_trimmed(time.end) != "").fill_null(value=False)).to_series()
        unread = pl.Series(given) & pl.col("ended_at").is_null()
        frame = frame.with_columns(
            code=pl.when(unread).then(pl.lit("time_format")).otherwise(pl.col("code")),
            detail=pl.when(unread).then(pl.lit(time.end)).otherwise(pl.col("detail")),
        )
    return frame


def _trimmed(column: str) -> pl.Expr:
    """Return a column's texts without blanks around them; what is empty then is missing.

    By its exact name: `pl.col` would take a column named * for all columns.
    """
    text = selectors.by_name(column).as_expr().str.strip_chars()
    return pl.when(text != "").then(text)


def _moment(time: TimeMapping, column: str) -> pl.Expr:
    """Read a column of times; what cannot be read is null."""
    text = _trimmed(column)
    if time.format == "unix":
        seconds = pl.when(text.str.contains(_UNIX_TEXT)).then(text.str.extract(r"^([0-9]+)"))
        moment = (seconds.cast(pl.Int64) * 1_000_000).cast(pl.Datetime("us", "UTC"))
    elif time.format == "iso":
        moment = _rfc3339(text)
    else:
        read = text.str.to_datetime(time.format, time_unit="us", strict=False)
        if _sample_read_with(time.format).tzinfo is None:
            return (
                read.dt.offset_by(f"{time.year_offset}y")
                .dt.replace_time_zone(time.zone, ambiguous="earliest", non_existent="null")
                .dt.convert_time_zone("UTC")
            )
        moment = read
    return moment.dt.offset_by(f"{time.year_offset}y") if time.year_offset else moment


def _rfc3339(text: pl.Expr) -> pl.Expr:
    """Read moments with an offset; a text without one is refused, its moment would be a guess.

    Written in one form first: a column may mix forms, and reading by guess takes the first for all.
    """
    one_form = (
        pl.when(text.str.contains(_ISO_TEXT))
        .then(text)
        .str.replace(_ISO_TEXT, "${1}T${2}${3};${4}")
        .str.replace("[Zz]$", "+0000")
        .str.replace("T([0-9:]{5});", "T${1}:00;")
    )
    return one_form.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f;%z", time_unit="us", strict=False)


def _amount(column: str, factor: Fraction) -> pl.Expr:
    """Return a column's decimal texts in the rule's unit, rounded down to nine decimals.

    Commas between thousands are taken out, no others: 1,5 may mean one and a half. A text that
    is no number stays as it is, so that the check of the field refuses it and the line shows it.
    """
    written = _trimmed(column)
    text = (
        pl.when(written.str.contains(_THOUSANDS))
        .then(written.str.replace_all(",", "", literal=True))
        .otherwise(written)
    )
    if factor == 1:
        return text
    nano = (
        pl.when(text.str.contains(_NUMBER))
        .then(text)
        .str.to_decimal(scale=9)
        .to_physical()
        .cast(pl.Int128)
    )
    scaled = nano * factor.numerator // factor.denominator
    fraction = (scaled % _NANO).cast(pl.String).str.pad_start(9, "0")
    converted = pl.concat_str([(scaled // _NANO).cast(pl.String), pl.lit("."), fraction])
    return pl.when(scaled >= 0).then(converted).otherwise(text)
