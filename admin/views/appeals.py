"""Appeals: the queue by the day they are due, one appeal with its record, and the answer."""

from datetime import date
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import col

from admin.database_lists import SortedColumn, database_file, database_listing
from admin.views import blueprint
from admin.views.common import attempted
from admin.views.reviews import claimed
from behaviors import appeal_queries, appeals, labels, review_queries
from behaviors.appeal_queries import OVERDUE, AppealFilter, AppealRow
from behaviors.message_texts import REVIEW_REASONS
from behaviors.models import ActivityRecord, EvidencePhoto
from behaviors.rule_models import Appeal
from behaviors.views.common import behavior_name, rule_book, today
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain as explain_error
from carbonaccount.web.identity import current_actor, current_staff, go_to
from carbonaccount.web.limits import vault

STATE_NAMES: dict[str, LazyString] = {
    appeals.OPEN: _l("待答复"),
    OVERDUE: _l("已过期限"),
    appeals.UPHELD: _l("支持"),
    appeals.REFUSED: _l("不支持"),
}
TONES = {appeals.OPEN: "wait", OVERDUE: "bad", appeals.UPHELD: "good", appeals.REFUSED: "plain"}
ALL = "all"


def columns() -> list[SortedColumn[AppealRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "due", _("答复期限"), lambda row: row.appeal.due_on.isoformat(), col(Appeal.due_on)
        ),
        SortedColumn("id", _("编号"), lambda row: row.appeal.id or 0, col(Appeal.id)),
        SortedColumn(
            "opened",
            _("提出时间"),
            lambda row: _moment(row.appeal.opened_at),
            col(Appeal.opened_at),
        ),
        SortedColumn("record", _("记录"), lambda row: row.record.id or 0, col(ActivityRecord.id)),
        SortedColumn(
            "behavior",
            _("行为"),
            lambda row: behavior_name(rule_book().behavior_by_id[row.record.behavior_id]),
            col(ActivityRecord.behavior_id),
        ),
        SortedColumn("about", _("针对"), lambda row: about(row.record)),
        SortedColumn(
            "state", _("状态"), lambda row: str(STATE_NAMES[state_of(row)]), col(Appeal.status)
        ),
        SortedColumn("decider", _("处理人"), lambda row: row.decider.login if row.decider else ""),
        SortedColumn(
            "decided",
            _("处理时间"),
            lambda row: _moment(row.appeal.decided_at) if row.appeal.decided_at else "",
            col(Appeal.decided_at),
        ),
        SortedColumn("answer", _("答复"), lambda row: row.appeal.answer),
    ]


def _moment(moment: Any) -> str:
    return str(moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


def about(record: ActivityRecord) -> str:
    """Return what became of a record, as its appeal objects to it."""
    names = [labels.STATUS_NAMES[record.status], labels.OUTCOMES.get(record.outcome)]
    return " · ".join(dict.fromkeys(str(name) for name in names if name))


def state_of(row: AppealRow) -> str:
    """Return an appeal's status, or that it is open past its day."""
    is_late = row.appeal.status == appeals.OPEN and row.appeal.due_on < today()
    return OVERDUE if is_late else row.appeal.status


def chosen_filter() -> AppealFilter:
    """Read the filter from the address; by default those that wait for an answer."""
    status = request.args.get("status", "")
    info = rule_book().behaviors.get(request.args.get("behavior", ""))
    known = "" if status == ALL else status if status in STATE_NAMES else appeals.OPEN
    return AppealFilter(status=known, today=today(), behavior_id=info.id if info else None)


def _list_needs() -> dict[str, Any]:
    return {
        "wanted": appeal_queries.appeal_rows(chosen_filter()),
        "columns": columns(),
        "as_row": AppealRow,
        "tie": col(Appeal.id),
        "default": "due",
    }


def _kept() -> dict[str, str]:
    return {name: request.args[name] for name in ("status", "behavior") if request.args.get(name)}


@blueprint.get("/appeals")
def appeals_queue() -> ResponseReturnValue:
    """List appeals, by default the open ones, those due first on top."""
    session = current_session()
    waiting, late = appeal_queries.open_counts(session, today=today())
    return render_template(
        "admin/appeals/queue.html",
        list=database_listing(session, **_list_needs(), filters=_kept()),
        waiting=waiting,
        late=late,
        kept=_kept(),
        state_names=STATE_NAMES,
        tones=TONES,
        state_of=state_of,
        about=about,
        behaviors=rule_book().behaviors.values(),
        by_id=rule_book().behavior_by_id,
    )


@blueprint.get("/appeals.<any(csv, xlsx):kind>")
def appeals_export(kind: str) -> Response:
    """Send the filtered list as a file; what residents wrote stays sealed."""
    return database_file(current_session(), **_list_needs(), name="appeals", kind=kind)


@blueprint.get("/appeals/<int:appeal_id>")
def appeal(appeal_id: int) -> ResponseReturnValue:
    """Show an appeal with its record."""
    return _appeal_page(appeal_id)


def _appeal_page(
    appeal_id: int, error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session = current_session()
    row = appeal_queries.appeal_row(session, appeal_id)
    if row is None:
        raise NotFound("unknown_appeal")
    record_id = row.appeal.record_id
    before = appeals.deciders_before(session, [record_id]).get(record_id, set())
    staff = current_staff()
    photo = session.get(EvidencePhoto, record_id)
    page = render_template(
        "admin/appeals/appeal.html",
        row=row,
        appeal=row.appeal,
        record=row.record,
        text=appeals.text_of(row.appeal, vault=vault()),
        info=rule_book().behavior_by_id[row.record.behavior_id],
        rule=rule_book().rule_by_id(row.record.rule_version_id),
        sums=claimed(row.record),
        photo=photo,
        similar=review_queries.similar_photos(session, record_id) if photo else [],
        may_decide=staff is not None and staff.id not in before,
        days_left=_days_left(row.appeal.due_on),
        state=state_of(row),
        state_names=STATE_NAMES,
        tones=TONES,
        reasons=REVIEW_REASONS,
        about=about(row.record),
        error=explain_error(error) if error else "",
        typed=request.form,
        labels=labels,
    )
    return page, status


def _days_left(due_on: date) -> int:
    return (due_on - today()).days


@blueprint.post("/appeals/<int:appeal_id>/uphold")
def uphold_appeal(appeal_id: int) -> ResponseReturnValue:
    """Uphold an appeal: the record counts."""
    error, status = attempted(appeals.uphold, **_decision(appeal_id))
    return _decided(appeal_id, error, status, _("已支持申诉，记录已计入，居民会收到答复。"))


@blueprint.post("/appeals/<int:appeal_id>/refuse")
def refuse_appeal(appeal_id: int) -> ResponseReturnValue:
    """Refuse an appeal with an answer."""
    error, status = attempted(appeals.refuse, **_decision(appeal_id))
    return _decided(appeal_id, error, status, _("已答复，居民会收到。"))


def _decision(appeal_id: int) -> dict[str, Any]:
    return {
        "appeal_id": appeal_id,
        "answer": request.form.get("answer", ""),
        "acting_user": current_actor(),
        "now": utc_now(),
    }


def _decided(
    appeal_id: int, error: DomainError | None, status: int, done: str
) -> ResponseReturnValue:
    if error is not None:
        return _appeal_page(appeal_id, error, status)
    flash(done, "success")
    return go_to(url_for("admin.appeals_queue"))
