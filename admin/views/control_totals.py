"""Control totals: whether each source's records, answers and books tell the same, day by day."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import Response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session, col, select

from admin.database_lists import SortedColumn, database_file, database_listing
from admin.views import blueprint
from behaviors.control_models import ControlTotal
from behaviors.models import Source
from carbonaccount.web.database import current_session
from carbonaccount.web.filters import chosen


class Row(NamedTuple):
    """A day of a source with the source's code."""

    total: ControlTotal
    source: str


def columns() -> list[SortedColumn[Row]]:
    """Return the columns of the list, on the page and in its files."""
    total = ControlTotal
    return [
        SortedColumn("day", _("日期"), lambda row: row.total.day.isoformat(), col(total.day)),
        SortedColumn("source", _("来源"), lambda row: row.source, col(Source.code)),
        SortedColumn(
            "state",
            _("结果"),
            lambda row: _("不一致") if row.total.differs else _("一致"),
            col(total.differs),
        ),
        SortedColumn("batches", _("批次"), lambda row: row.total.batches, col(total.batches)),
        SortedColumn(
            "answered", _("回执收下（条）"), lambda row: row.total.answered, col(total.answered)
        ),
        SortedColumn("records", _("记录（条）"), lambda row: row.total.records, col(total.records)),
        SortedColumn("subjects", _("人数"), lambda row: row.total.subjects, col(total.subjects)),
        SortedColumn(
            "grams", _("记录减排（g）"), lambda row: row.total.reduction_g, col(total.reduction_g)
        ),
        SortedColumn(
            "booked_g", _("账上减排（g）"), lambda row: row.total.booked_g, col(total.booked_g)
        ),
        SortedColumn("credits", _("记录积分"), lambda row: row.total.credits, col(total.credits)),
        SortedColumn(
            "booked_credits",
            _("账上积分"),
            lambda row: row.total.booked_credits,
            col(total.booked_credits),
        ),
    ]


def _filters(sources: list[str]) -> dict[str, str]:
    """Return the filters of the address; a word that is no choice is told."""
    return {
        "source": chosen("source", sources, _("来源")),
        "state": chosen("state", ("differs", "agrees"), _("结果")),
    }


def _wanted(*, source: str, state: str) -> sa.Select[Any]:
    wanted: Any = sa.select(ControlTotal, col(Source.code)).join(
        Source, col(Source.id) == col(ControlTotal.source_id)
    )
    if source:
        wanted = wanted.where(col(Source.code) == source)
    if state:
        wanted = wanted.where(col(ControlTotal.differs).is_(state == "differs"))
    found: sa.Select[Any] = wanted
    return found


def _needs(session: Session) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    sources = list(session.exec(select(col(Source.code)).order_by(col(Source.code))))
    filters = _filters(sources)
    needs = {
        "wanted": _wanted(**filters),
        "columns": columns(),
        "as_row": Row,
        "tie": col(ControlTotal.source_id),
        "default": "-day",
    }
    return needs, filters, sources


@blueprint.get("/control-totals")
def control_totals() -> ResponseReturnValue:
    """Show the days of the sources, the latest first."""
    session = current_session()
    needs, filters, sources = _needs(session)
    return render_template(
        "admin/control_totals.html",
        list=database_listing(session, **needs, filters=filters),
        filters=filters,
        sources=sources,
    )


@blueprint.get("/control-totals.<any(csv, xlsx):kind>")
def control_totals_export(kind: str) -> Response:
    """Send the days of the sources as a file."""
    session = current_session()
    needs, *_rest = _needs(session)
    return database_file(session, **needs, name="control-totals", kind=kind)
