"""The audit trail: searched, paged without counting, and as a file."""

import json
from datetime import date
from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin.views import blueprint
from carbonaccount.audit import AuditEntry
from carbonaccount.audit_trail import (
    TrailFilter,
    count_entries,
    entries,
    trail_page,
)
from carbonaccount.clock import CITY_ZONE
from carbonaccount.errors import Invalid
from carbonaccount.web.database import current_session
from carbonaccount.web.tables import Cell, table_file

# What fits a sheet and a moment; more is asked for by shorter periods.
MOST_EXPORTED = 200_000
_LONGEST = 120
_FILTERS = ("actor", "action", "subject", "since", "until", "success")


def chosen_filter() -> TrailFilter:
    """Read the filter from the address; a day that is none lets everything through."""
    success = {"yes": True, "no": False}.get(_typed("success"))
    return TrailFilter(
        actor=_typed("actor"),
        action=_typed("action"),
        subject=_typed("subject"),
        since=_day(_typed("since")),
        until=_day(_typed("until")),
        success=success,
    )


def _typed(name: str) -> str:
    return request.args.get(name, "").strip()[:_LONGEST]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@blueprint.get("/audit")
def audit_log() -> ResponseReturnValue:
    """List entries, the newest first."""
    session, chosen = current_session(), chosen_filter()
    kept: dict[str, Any] = {name: _typed(name) for name in _FILTERS if _typed(name)}
    return render_template(
        "admin/audit.html",
        page=trail_page(
            session,
            chosen,
            older_than=request.args.get("older_than", type=int),
            newer_than=request.args.get("newer_than", type=int),
        ),
        total=count_entries(session, chosen),
        kept=kept,
        details_of=details_of,
    )


@blueprint.get("/audit.<any(csv, xlsx):kind>")
def audit_export(kind: str) -> Response:
    """Send the filtered entries as a file. Raises Invalid (export_too_large)."""
    session, chosen = current_session(), chosen_filter()
    found = count_entries(session, chosen)
    if found > MOST_EXPORTED:
        raise Invalid("export_too_large", found=found, limit=MOST_EXPORTED)
    header = [
        _("编号"),
        _("时间"),
        _("操作者"),
        _("操作"),
        _("对象"),
        _("成功"),
        _("原因"),
        _("详情"),
    ]
    return table_file(
        kind, name="audit", header=header, rows=map(_export_row, entries(session, chosen))
    )


def _export_row(entry: AuditEntry) -> list[Cell]:
    return [
        entry.id or 0,
        entry.happened_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"),
        entry.actor,
        entry.action,
        entry.subject,
        _("是") if entry.success else _("否"),
        entry.reason or "",
        details_of(entry),
    ]


def details_of(entry: AuditEntry) -> str:
    """Return what an entry holds besides, as one line; nothing when it holds nothing."""
    told = {name: value for name, value in entry.details.items() if value is not None}
    return json.dumps(told, ensure_ascii=False, sort_keys=True) if told else ""
