"""GET /api/v1/public/summary: what the city adds up to, no persons."""

from datetime import datetime

from flask import Response
from pydantic import BaseModel, Field

from behaviors import city, demo_samples
from behaviors.api.answers import json_answer
from carbonaccount.web.database import current_session


class GroupView(BaseModel):
    """The total of a group; a group of fewer than ten people is withheld and has no numbers."""

    key: str
    withheld: bool
    records: int | None
    people: int | None
    reduction_g: int | None
    credits: int | None


class SummaryView(BaseModel):
    """The city's totals as of the last adding up."""

    as_of: datetime | None = Field(description="null when nothing was added up yet")
    fewest_people: int = Field(description="Groups of fewer people are withheld")
    sample_sources: list[str] = Field(
        description="Codes of sources whose records are made up for a demonstration; else empty"
    )
    total: GroupView
    by_behavior: list[GroupView] = Field(description="key: the behaviour's code")
    by_district: list[GroupView] = Field(description="key: division code, empty when not known")
    by_evidence: list[GroupView] = Field(description="key: evidence grade A to D")
    by_month: list[GroupView] = Field(
        description="key: YYYY-MM; months that may not be told are left out"
    )


def public_summary() -> Response:
    """Totals of the city by behaviour, district, evidence grade and month."""
    found = city.summary(current_session())
    sample = demo_samples.sample_source(current_session())
    view = SummaryView(
        as_of=found.as_of,
        fewest_people=city.FEWEST_PEOPLE,
        sample_sources=[sample.code] if sample else [],
        total=_view(found.all),
        by_behavior=[_view(group) for group in found.by_behavior],
        by_district=[_view(group) for group in found.by_district],
        by_evidence=[_view(group) for group in found.by_evidence],
        by_month=[_view(group) for group in found.by_month if not group.withheld],
    )
    return json_answer(view, store=True)


def _view(group: city.Group) -> GroupView:
    return GroupView(**group.__dict__)
