"""Reviewing photos: the queue, one photo large with what it claims, and the two decisions."""

from datetime import timedelta
from typing import Any

from flask import Response, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import col

from admin.database_lists import SortedColumn, database_file, database_listing
from admin.views import blueprint
from admin.views.common import attempted
from behaviors import explain, labels, queries, review_queries, reviews
from behaviors.message_texts import REVIEW_REASONS
from behaviors.models import ActivityRecord, EvidencePhoto
from behaviors.photos import photo_folder, stored_photo
from behaviors.receipt import Arithmetic, arithmetic_of
from behaviors.review_queries import ReviewFilter, ReviewRow
from behaviors.rule_models import EvidenceReview
from behaviors.views.common import behavior_name, rule_book
from carbonaccount.clock import CITY_ZONE, business_day, day_start, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain as explain_error
from carbonaccount.web.identity import current_actor, go_to

STATE_NAMES: dict[str, LazyString] = {
    review_queries.WAITING: _l("待审核"),
    review_queries.ACCEPTED: _l("已通过"),
    review_queries.DECLINED: _l("未通过"),
}
_FILTERS = ("state", "behavior", "similar")


def columns() -> list[SortedColumn[ReviewRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "sent",
            _("提交时间"),
            lambda row: _moment(row.record.recorded_at),
            col(ActivityRecord.recorded_at),
        ),
        SortedColumn("record", _("编号"), lambda row: row.record.id or 0, col(ActivityRecord.id)),
        SortedColumn(
            "behavior",
            _("行为"),
            lambda row: behavior_name(_info(row.record)),
            col(ActivityRecord.behavior_id),
        ),
        SortedColumn(
            "day",
            _("行为日期"),
            lambda row: row.record.business_day.isoformat(),
            col(ActivityRecord.business_day),
        ),
        SortedColumn(
            "quantity",
            _("数量"),
            lambda row: explain.milli(row.record.quantity_milli),
            col(ActivityRecord.quantity_milli),
        ),
        SortedColumn("unit", _("单位"), lambda row: _rule_unit(row.record)),
        SortedColumn("credits", _("最多积分"), lambda row: claimed(row.record).credits),
        SortedColumn(
            "similar", _("相似照片"), lambda row: row.similar, review_queries.SIMILAR_COUNT
        ),
        SortedColumn("state", _("状态"), lambda row: str(STATE_NAMES[state_of(row)])),
        SortedColumn("reason", _("原因"), lambda row: reason_of(row)),
        SortedColumn(
            "reviewer", _("审核人"), lambda row: row.reviewer.login if row.reviewer else ""
        ),
        SortedColumn(
            "decided",
            _("审核时间"),
            lambda row: _moment(row.review.decided_at) if row.review else "",
            col(EvidenceReview.decided_at),
        ),
    ]


def _moment(moment: Any) -> str:
    return str(moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


def _info(record: ActivityRecord) -> Any:
    return rule_book().behavior_by_id[record.behavior_id]


def _rule_unit(record: ActivityRecord) -> str:
    return rule_book().rule_by_id(record.rule_version_id).quantity_unit


def claimed(record: ActivityRecord) -> Arithmetic:
    """Return what a record would come to if all of it counted."""
    rule = rule_book().rule_by_id(record.rule_version_id)
    return arithmetic_of(record, rule, record.quantity_milli)


def state_of(row: ReviewRow) -> str:
    """Return whether a photo waits, was accepted or was declined."""
    if row.review is None:
        return review_queries.WAITING
    return review_queries.ACCEPTED if row.review.accepted else review_queries.DECLINED


def reason_of(row: ReviewRow) -> str:
    """Return why a photo was declined, in words, with the reviewer's note."""
    if row.review is None or row.review.accepted:
        return ""
    return " ".join(filter(None, (str(REVIEW_REASONS[row.review.reason_code]), row.review.note)))


def chosen_filter() -> ReviewFilter:
    """Read the filter from the address; what it does not know lets everything through."""
    state = request.args.get("state", "")
    info = rule_book().behaviors.get(request.args.get("behavior", ""))
    return ReviewFilter(
        state=state if state in review_queries.STATES else review_queries.WAITING,
        behavior_id=info.id if info else None,
        only_similar=request.args.get("similar") == "1",
    )


def kept() -> dict[str, Any]:
    """Return the filters of this address, for other addresses."""
    return {name: request.args[name] for name in _FILTERS if request.args.get(name)}


def _list_needs() -> dict[str, Any]:
    return {
        "wanted": review_queries.review_rows(chosen_filter()),
        "columns": columns(),
        "as_row": ReviewRow,
        "tie": col(ActivityRecord.id),
        "default": "sent" if chosen_filter().state == review_queries.WAITING else "-decided",
    }


@blueprint.get("/reviews")
def reviews_queue() -> ResponseReturnValue:
    """List photos, by default those that wait, the oldest first."""
    session, chosen = current_session(), chosen_filter()
    today = day_start(business_day(utc_now()))
    return render_template(
        "admin/reviews/queue.html",
        list=database_listing(session, **_list_needs(), filters=kept()),
        chosen=chosen,
        is_filtered=chosen != ReviewFilter(),
        waiting=review_queries.waiting_count(session),
        today=review_queries.decided_since(session, since=today),
        week=review_queries.decided_since(session, since=today - timedelta(days=6)),
        state_names=STATE_NAMES,
        state_of=state_of,
        reason_of=reason_of,
        claimed=claimed,
        behaviors=[info for info in rule_book().behaviors.values() if info.self_report],
        by_id=rule_book().behavior_by_id,
        unit_of=_rule_unit,
        kept=kept(),
    )


@blueprint.get("/reviews.<any(csv, xlsx):kind>")
def reviews_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_list_needs(), name="reviews", kind=kind)


@blueprint.get("/reviews/next")
def next_review() -> ResponseReturnValue:
    """Open the photo that has waited longest."""
    return go_to(_after(None))


def _after(record: ActivityRecord | None) -> str:
    """Return the address of the next photo that waits, of the queue when there is none."""
    chosen = ReviewFilter(
        behavior_id=chosen_filter().behavior_id, only_similar=chosen_filter().only_similar
    )
    session = current_session()
    found = review_queries.neighbour(session, record, chosen=chosen)
    found = found or review_queries.neighbour(session, None, chosen=chosen)
    if found is None:
        return url_for("admin.reviews_queue", **kept())
    return url_for("admin.review", record_id=found, **kept())


@blueprint.get("/reviews/<int:record_id>")
def review(record_id: int) -> ResponseReturnValue:
    """Show a photo large, what it is to prove, and the photos that look like it."""
    return _review_page(record_id)


def _review_page(
    record_id: int, error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session = current_session()
    row = review_queries.review_row(session, record_id)
    if row is None:
        raise NotFound("unknown_record")
    record, chosen = row.record, chosen_filter()
    waiting = review_queries.is_waiting(record)
    page = render_template(
        "admin/reviews/review.html",
        row=row,
        record=record,
        info=_info(record),
        rule=rule_book().rule_by_id(record.rule_version_id),
        sums=claimed(record),
        used_milli=queries.used_milli(
            session,
            account_id=record.account_id,
            behavior_id=record.behavior_id,
            day=record.business_day,
        ),
        similar=review_queries.similar_photos(session, record_id),
        is_waiting=waiting,
        waiting=review_queries.waiting_count(session),
        ahead=review_queries.waiting_count(session, before=record),
        previous=review_queries.neighbour(session, record, chosen=chosen, forward=False),
        following=review_queries.neighbour(session, record, chosen=chosen),
        reasons=REVIEW_REASONS,
        state=state_of(row),
        state_names=STATE_NAMES,
        reason=reason_of(row),
        error=explain_error(error) if error else "",
        error_field=error.params.get("field", "") if error else "",
        typed=request.form,
        by_id=rule_book().behavior_by_id,
        labels=labels,
        kept=kept(),
    )
    return page, status


@blueprint.get("/reviews/<int:record_id>/photo")
def review_photo(record_id: int) -> Response:
    """Send a photo; nothing on the way may keep it."""
    photo = current_session().get(EvidencePhoto, record_id)
    if photo is None:
        raise NotFound("unknown_record")
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    content = stored_photo(photo.file_name, photo_folder(settings.instance_path))
    headers = {"Cache-Control": "no-store"}
    return Response(content, mimetype="image/webp", headers=headers)


@blueprint.post("/reviews/<int:record_id>/accept")
def accept_review(record_id: int) -> ResponseReturnValue:
    """Accept a photo and open the next."""
    error, status = attempted(
        reviews.accept, record_id=record_id, acting_user=current_actor(), now=utc_now()
    )
    return _decided(record_id, error, status, _("已通过并计入。"))


@blueprint.post("/reviews/<int:record_id>/decline")
def decline_review(record_id: int) -> ResponseReturnValue:
    """Decline a photo and open the next."""
    error, status = attempted(
        reviews.decline,
        record_id=record_id,
        reason_code=request.form.get("reason", ""),
        note=request.form.get("note", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _decided(record_id, error, status, _("已记为不通过，居民会收到原因。"))


def _decided(
    record_id: int, error: DomainError | None, status: int, done: str
) -> ResponseReturnValue:
    if error is not None:
        return _review_page(record_id, error, status)
    flash(done, "success")
    return go_to(_after(current_session().get(ActivityRecord, record_id)))
