"""What goes over the wire, as the OpenAPI document shows it."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
Text = dict[str, str]  # by language: zh, en


def _day(value: object) -> date:
    """Only a date as written: pydantic alone would also take a number of seconds."""
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("not_a_date", "not a date")


def _moment(value: object) -> datetime:
    """Only RFC 3339 with an offset: anything else leaves open which moment is meant."""
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("not_a_moment", "not a moment")


def _grade(value: object) -> object:
    if value not in ("A", "B", "C", "D"):
        raise PydanticCustomError("unknown_evidence", "unknown evidence grade")
    return value


Day = Annotated[date, BeforeValidator(_day)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Grade = Annotated[Literal["A", "B", "C", "D"], BeforeValidator(_grade)]
Amount = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string"}],
            "description": "A decimal number; as text it keeps every digit.",
            "examples": ["10", 3.25],
        }
    ),
]
Activity = Annotated[
    dict[str, Amount],
    Field(
        description="The behaviour's fields by name; see GET /api/v1/behaviors/{code}.",
        examples=[{"distance_km": "10"}],
    ),
]


class Wire(BaseModel):
    """Base of what is received: a misspelt field is an error, not a default."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(BaseModel):
    """One field that is wrong."""

    field: str
    code: str
    detail: str


class Problem(BaseModel):
    """An error as RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, for programs")
    errors: list[FieldProblem] | None = Field(default=None, description="The fields concerned")


class ParameterView(BaseModel):
    """A number of the factor expression, with where it comes from."""

    name: str
    value: str
    unit: str
    grade: str
    source: str
    factor: str | None = Field(description="Code in the emission-factor library")


class FieldView(BaseModel):
    """A measured amount of an act and its limits for one record."""

    name: str
    unit: str
    minimum: str
    maximum: str
    step: str
    label: Text


class RuleSummary(BaseModel):
    """Which version of a rule applies, and when."""

    version: int
    valid_from: date
    valid_to: date | None = Field(description="The last day it scores")
    withdrawn_from: date | None = Field(description="The day on which it was taken out of force")
    grade: str
    citation: str


class RuleView(RuleSummary):
    """One version of a behaviour's rule, complete."""

    formula: str = Field(description="Kilograms of CO2e; of a habit, what is counted")
    quantity_expression: str
    quantity_unit: str
    factor_expression: str
    unit_factor: str = Field(description="Factor expression, rounded down to 9 decimals")
    unit_factor_unit: str
    parameters: list[ParameterView]
    fields: list[FieldView]
    daily_cap: str | None = Field(description="Counts at most, a person and day")
    double_count_group: str | None
    multipliers: Text = Field(description="Share of the credits by evidence grade")
    grams_for: list[str] = Field(description="Evidence grades whose grams are recorded")
    credits_per_gram: str
    credits_per_act: int
    credits_per_act_basis: Literal["record", "unit"]
    certifiable: bool


class BehaviorView(BaseModel):
    """A kind of act, what people read about it, and every version of its rule."""

    code: str
    name: Text
    family: str
    category: str
    enabled: bool
    self_report: bool
    habit_ends_on: date | None = Field(description="Last day on which a habit earns credits")
    texts: dict[str, Text] = Field(description="What counts and what does not, by language")
    current_version: int | None = Field(description="The version in force today")
    versions: list[RuleView]


class BehaviorList(BaseModel):
    """Every behaviour, in the order people see them."""

    behaviors: list[BehaviorView]


class BehaviorPath(BaseModel):
    """Which behaviour."""

    code: str = Field(max_length=64, examples=["bus_trip"])


class ScoreRequest(Wire):
    """An act to be scored; nothing of it is stored."""

    behavior: str = Field(max_length=64, examples=["bus_trip"])
    activity: Activity
    occurred_on: Day | None = Field(
        default=None, description="Day in the city; by default today", examples=["2026-03-01"]
    )
    evidence: Grade = "A"


class ScoreView(BaseModel):
    """What an act earns, and how a person can work it out again."""

    behavior: str
    occurred_on: date
    evidence: Grade
    reduction_g: int = Field(ge=0, description="Grams of CO2e that would be recorded")
    credits: int = Field(ge=0)
    unit_factor: str
    unit_factor_unit: str
    quantity: str
    counted_quantity: str = Field(description="What the daily cap leaves of the quantity")
    quantity_unit: str
    capped: bool
    habit_ended: bool = Field(description="The day is after the last on which the habit earns")
    rule: RuleSummary
    formula: str
    formula_with_numbers: str
    calculation: str
    parameters: list[ParameterView]
    multiplier: str
    certified: bool


class ActivityItem(Wire):
    """One act as a partner reports it."""

    event_id: str = Field(description="Unique within the source", examples=["trip-89853"])
    subject: str = Field(description="The partner's name for its customer, never personal data")
    behavior: str
    occurred_at: str = Field(description="RFC 3339 with offset")
    ended_at: str | None = Field(default=None, description="RFC 3339 with offset")
    activity: Activity
    evidence: str
    device: str | None = Field(default=None, description="The vehicle or device, if told apart")


class ItemResult(BaseModel):
    """What became of one item."""

    event_id: str | None
    status: Literal["accepted", "duplicate", "rejected", "conflict", "held"]
    code: str
    reduction_g: int
    credits: int
    detail: str | None = Field(default=None, description="The key or field that is wrong")


class BatchView(BaseModel):
    """What became of a batch: five numbers that add up to its length, and each item in order."""

    accepted: int
    duplicate: int
    rejected: int
    conflict: int
    held: int
    items: list[ItemResult]


class BindingRequest(Wire):
    """A resident's binding code, and the partner's name for that customer."""

    code: str = Field(max_length=32, examples=["7KQ2M9XA"])
    subject: str = Field(max_length=200, examples=["u-3f9a"])


class BindingView(BaseModel):
    """A subject and whether its records are taken."""

    subject: str
    active: bool
    changed_at: datetime


class BindingsQuery(BaseModel):
    """Which bindings: those that changed since a moment, page by page."""

    since: Moment | None = Field(default=None, description="RFC 3339 with offset")
    after: int = Field(default=0, ge=0, le=2**62, description="`next_after` of the page before")


class BindingsPage(BaseModel):
    """Some of a source's bindings."""

    bindings: list[BindingView]
    next_after: int | None = Field(description="Ask again with it; null on the last page")
