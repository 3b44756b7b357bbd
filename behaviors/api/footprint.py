"""POST /api/v1/footprint: what energy use comes to after JS/T 303-2026. Nothing is stored."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from flask import Response
from pydantic import BaseModel, BeforeValidator, Field
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError
from sqlmodel import Session

from behaviors.api.answers import json_answer
from behaviors.api.bodies import takes_json
from behaviors.api.schemas import Amount, Day, Wire
from behaviors.models import EmissionFactor
from behaviors.rule_queries import factor_on
from carbonaccount.clock import business_day, utc_now
from carbonaccount.database import open_session, reading
from carbonaccount.errors import Invalid, NotFound
from carbonaccount.institutions import conversion, footprint
from carbonaccount.institutions.footprint import LineResult
from carbonaccount.web.database import engine

MOST_LINES = 200
STANDARD = "JS/T 303-2026"


def _units_in_schema(schema: JsonDict) -> None:
    schema.pop("default")  # An empty text is refused where it is sent.
    schema["enum"] = list(conversion.UNITS)


def _not_empty(lines: object) -> object:
    if lines == []:
        raise PydanticCustomError("no_lines", "no lines")
    return lines


class FootprintLine(Wire):
    """Activity data of one kind of energy."""

    factor: Annotated[
        str,
        Field(
            max_length=64,
            description=(
                "Code of a factor of the city's library: fuel., grid. or heat.; told apart and not "
                "part of the total: water., paper., travel. and accommodation. (business travel, "
                "e.g. travel.train per person and kilometre), commuting."
            ),
            examples=["grid.shandong"],
        ),
    ]
    amount: Annotated[
        Amount, Field(description="In `unit`, else in the unit of the factor, e.g. kWh")
    ]
    green_power: Annotated[Amount, Field(description="Of the amount, covered by green power")] = "0"
    resupplied: Annotated[Amount, Field(description="Of the amount, passed on to others")] = "0"
    unit: Annotated[
        str,
        # Null says as little as an empty text: only who leaves the unit out means the factor's.
        BeforeValidator(lambda unit: "" if unit is None else unit),
        Field(
            max_length=20,
            description="Unit of the three amounts; one that fits the factor's, e.g. MWh or therm; "
            "left out: the unit of the factor",
            examples=["MWh"],
            json_schema_extra=_units_in_schema,
        ),
    ] = ""


class FootprintRequest(Wire):
    """What was used in a period."""

    on: Annotated[
        Day | None, Field(description="The day whose factors hold; today when left out")
    ] = None
    lines: Annotated[
        list[FootprintLine],
        BeforeValidator(_not_empty),
        Field(min_length=1, max_length=MOST_LINES),
    ]


class FootprintLineView(BaseModel):
    """What one line comes to, with the numbers anyone needs to recompute it."""

    factor: str
    block: str = Field(description="direct, power, heat or optional (not part of the total)")
    amount: str = Field(description="In `unit`, also when it was given in another one")
    green_power: str
    resupplied: str
    counted: str = Field(description="What is multiplied by the factor")
    unit: str
    factor_value: str
    factor_unit: str
    valid_from: date | None
    data_year: int | None
    grade: str
    source: str = Field(description="Where the factor comes from, in English")
    source_zh: str = Field(description="The same in Chinese")
    emission_kg: str
    floored: bool = Field(description="More was deducted than purchased: counted as 0")


class FootprintView(BaseModel):
    """The account of the lines."""

    standard: str
    on: date
    direct_kg: str
    power_kg: str
    heat_kg: str
    total_kg: str
    optional_kg: str = Field(
        description="Water, paper, business travel, commuting: told apart, not part of the total"
    )
    lines: list[FootprintLineView]


@takes_json
def footprint_of(body: FootprintRequest) -> Response:
    """Work out what energy use emits; nothing is stored."""
    with open_session(reading(engine())) as session:
        return json_answer(accounted(session, body, today=business_day(utc_now())), store=False)


def accounted(session: Session, asked: FootprintRequest, *, today: date) -> FootprintView:
    """Return the account of the lines with the factors of the day.

    Raises Invalid naming the field of the line that is wrong.
    """
    day = asked.on or today
    versions: dict[str, EmissionFactor] = {}
    for number, line in enumerate(asked.lines):
        if line.factor not in versions:
            versions[line.factor] = _version(session, line.factor, day, number)
    result = footprint.account(
        [_line(line, versions[line.factor], number) for number, line in enumerate(asked.lines)]
    )
    return FootprintView(
        standard=STANDARD,
        on=day,
        direct_kg=str(result.direct_kg),
        power_kg=str(result.power_kg),
        heat_kg=str(result.heat_kg),
        total_kg=str(result.total_kg),
        optional_kg=str(result.optional_kg),
        lines=[_line_view(item, versions[item.line.factor.code]) for item in result.lines],
    )


def _version(session: Session, code: str, day: date, number: int) -> EmissionFactor:
    """Return the factor's version of the day; Invalid names the line that asks for it."""
    field = f"lines.{number}.factor"
    try:
        footprint.block_of(code)
        return factor_on(session, code, day)
    except (NotFound, Invalid) as error:
        raise Invalid(error.code, **{**error.params, "field": field}) from None


def _line(line: FootprintLine, version: EmissionFactor, number: int) -> footprint.Line:
    wanted = footprint.activity_unit(version.unit)

    def read(name: str) -> Decimal:
        field = f"lines.{number}.{name}"
        amount = footprint.read_amount(getattr(line, name), field=field)
        if "unit" not in line.model_fields_set:
            return amount
        return conversion.convert(
            f"{amount:f}",
            unit=line.unit,
            wanted=wanted,
            factor_code=version.code,
            field=f"lines.{number}.unit",
        ).amount

    return footprint.Line(
        factor=footprint.Factor(version.code, Decimal(version.value), wanted),
        amount=read("amount"),
        green_power=read("green_power"),
        resupplied=read("resupplied"),
    )


def _line_view(item: LineResult, version: EmissionFactor) -> FootprintLineView:
    return FootprintLineView(
        factor=version.code,
        block=item.block.value,
        amount=_plain(item.line.amount),
        green_power=_plain(item.line.green_power),
        resupplied=_plain(item.line.resupplied),
        counted=_plain(item.counted),
        unit=item.line.factor.activity_unit,
        factor_value=version.value,
        factor_unit=version.unit,
        valid_from=version.valid_from,
        data_year=version.data_year,
        grade=version.grade,
        source=version.source or version.source_zh,
        source_zh=version.source_zh or version.source,
        emission_kg=str(item.emission_kg),
        floored=item.floored,
    )


def _plain(amount: Decimal) -> str:
    return f"{amount:f}"
