"""A resident's records: the filtered list, its files, and the receipt of each record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from behaviors import appeal_queries, appeals, export, queries, review_queries
from behaviors.models import RecordStatus
from behaviors.photos import photo_folder, stored_photo
from behaviors.queries import PAGE_ROWS, Facet, RecordFilter
from behaviors.receipt import Receipt, as_json, make_receipt
from behaviors.views import blueprint as blueprint
from behaviors.views.common import behavior_name, rule_book, source_name
from carbonaccount.config import Settings
from carbonaccount.errors import Invalid, NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, resident_required
from carbonaccount.web.tables import table_file
from carbonaccount.web.templating import month_text

_CHOICES = ("month", "behavior", "source", "status")
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class Chosen:
    """The filter of an address, and those of its choices that were not understood."""

    records: RecordFilter
    unknown: Mapping[str, str]


@blueprint.get("/records")
@resident_required
def records() -> ResponseReturnValue:
    """List records, newest first, by month, behaviour, source and status."""
    account_id, session = current_account_id() or 0, current_session()
    asked = chosen_filter()
    chosen = asked.records
    totals = queries.totals(session, account_id=account_id, chosen=chosen)
    pages = max(1, -(-totals.records // PAGE_ROWS))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    found = queries.records(
        session, account_id=account_id, chosen=chosen, offset=(page - 1) * PAGE_ROWS
    )
    return render_template(
        "behaviors/records.html",
        rows=found,
        totals=totals,
        page=page,
        pages=pages,
        page_url=lambda number: page_url(asked, number),
        file_url=lambda kind: file_url(asked, kind),
        is_filtered=chosen != RecordFilter(),
        unknown=asked.unknown,
        filter_names=filter_names(),
        behaviors=rule_book().behavior_by_id,
        **filter_choices(queries.facets(session, account_id=account_id)),
    )


@blueprint.get("/records.<any(csv, xlsx):kind>")
@resident_required
def records_file(kind: str) -> ResponseReturnValue:
    """Send the filtered list as a file; nobody sees in it that a filter was not understood."""
    asked = chosen_filter()
    for name, value in asked.unknown.items():
        raise Invalid("unknown_filter", name=filter_names()[name], value=value)
    found = queries.records(
        current_session(), account_id=current_account_id() or 0, chosen=asked.records, limit=None
    )
    return table_file(
        kind,
        name="carbon-records",
        header=export.header(),
        rows=export.lines(found, rule_book()),
    )


def chosen_filter() -> Chosen:
    """Read the filter from the address; what it does not know lets everything through."""
    given = {name: value for name in _CHOICES if (value := request.args.get(name, "").strip())}
    since, until = month_bounds(given.get("month", ""))
    info = rule_book().behaviors.get(given.get("behavior", ""))
    status = given.get("status") if given.get("status") in set(RecordStatus) else None
    code = given.get("source")
    source = queries.source_by_code(current_session(), code=code) if code else None
    found = {"month": since, "behavior": info, "source": source, "status": status}
    return Chosen(
        RecordFilter(
            since=since,
            until=until,
            behavior_id=info.id if info else None,
            source_id=source.id if source else None,
            status=status,
        ),
        {name: value[:_LONGEST_SHOWN] for name, value in given.items() if found[name] is None},
    )


def filter_names() -> dict[str, str]:
    """Return what the filters are called."""
    names = (_("月份"), _("行为"), _("来源"), _("状态"))
    return dict(zip(_CHOICES, map(str, names), strict=True))


def month_bounds(text: str) -> tuple[date | None, date | None]:
    """Return the first and the last day of a month like 2026-11, or nothing."""
    try:
        first = date.fromisoformat(f"{text}-01")
        return first, next_month(first) - timedelta(days=1)
    except (ValueError, OverflowError):
        return None, None


def next_month(first: date) -> date:
    """Return the first day of the month after that of a first day."""
    return (first + timedelta(days=31)).replace(day=1)


def filter_choices(facets: list[Facet]) -> dict[str, Any]:
    """Return what the filters offer: only what the account has records of."""
    book = rule_book()
    sources = queries.sources_by_id(
        current_session(), source_ids={facet.source_id for facet in facets}
    )
    behaviors = {facet.behavior_id: book.behavior_by_id[facet.behavior_id] for facet in facets}
    return {
        "month_options": [(f"{month:%Y-%m}", month_text(month)) for month in months(facets)],
        "behavior_options": [
            (info.code, behavior_name(info))
            for info in sorted(behaviors.values(), key=lambda info: info.sort)
        ],
        "source_options": sorted((row.code, source_name(row)) for row in sources.values()),
    }


def months(facets: list[Facet]) -> list[date]:
    """Return the months from the newest record to the oldest, as their first days."""
    if not facets:
        return []
    month = min(facet.first_day for facet in facets).replace(day=1)
    last = max(facet.last_day for facet in facets)
    found = []
    while month <= last:
        found.append(month)
        month = next_month(month)
    return found[::-1]


def _kept(asked: Chosen) -> dict[str, Any]:
    return {
        name: request.args[name]
        for name in _CHOICES
        if request.args.get(name) and name not in asked.unknown
    }


def page_url(asked: Chosen, page: int) -> str:
    """Return the address of another page of the same list."""
    return url_for("behaviors.records", **_kept(asked), page=page)


def file_url(asked: Chosen, kind: str) -> str:
    """Return the address of the same list as a file."""
    return url_for("behaviors.records_file", kind=kind, **_kept(asked))


@blueprint.get("/records/<int:record_id>")
@resident_required
def record(record_id: int) -> ResponseReturnValue:
    """Show the receipt of a record."""
    receipt = receipt_or_404(record_id)
    reduced = appeals.is_appealable(receipt.record, receipt.adjustments)
    return render_template(
        "behaviors/record.html", receipt=receipt, **(objections(record_id) if reduced else {})
    )


def objections(record_id: int) -> dict[str, Any]:
    """Return why a record was declined, if a person looked at it, and the appeals about it."""
    session = current_session()
    return {
        "can_appeal": True,
        "review": review_queries.review_of(session, record_id),
        "appeals": appeal_queries.appeals_about(session, record_id=record_id),
    }


@blueprint.get("/records/<int:record_id>.json")
@resident_required
def record_json(record_id: int) -> ResponseReturnValue:
    """Send the receipt of a record for programs."""
    return as_json(receipt_or_404(record_id))


@blueprint.get("/records/<int:record_id>/photo")
@resident_required
def record_photo(record_id: int) -> Response:
    """Send the photo of one's own record; nothing on the way may keep it."""
    found = queries.record_with_batch(
        current_session(), account_id=current_account_id() or 0, record_id=record_id
    )
    photo = found[3] if found else None
    if photo is None:
        raise NotFound("unknown_record")
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    content = stored_photo(photo.file_name, photo_folder(settings.instance_path))
    headers = {"Cache-Control": "private, no-store"}
    return Response(content, mimetype="image/webp", headers=headers)


def receipt_or_404(record_id: int) -> Receipt:
    """Return the receipt of one's own record; another person's does not exist for one."""
    account_id, session = current_account_id() or 0, current_session()
    found = queries.record_with_batch(session, account_id=account_id, record_id=record_id)
    if found is None:
        raise NotFound("unknown_record")
    record, source, batch, photo = found
    book = rule_book()
    published = book.entry_by_id(record.rule_version_id)
    used = 0
    if published.rule.cap_milli is not None:
        used = queries.used_milli(
            session,
            account_id=account_id,
            behavior_id=record.behavior_id,
            day=record.business_day,
            before=record.id,
        )
    return make_receipt(
        record=record,
        source=source,
        channel=batch.channel,
        behavior=book.behavior_by_id[record.behavior_id],
        published=published,
        used_before_milli=used,
        transfers=queries.transfers_of_record(session, record_id=record_id),
        has_photo=photo is not None,
        adjustments=queries.adjustments_of_record(session, record_id=record_id),
    )
