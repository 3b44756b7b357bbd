"""Trying drafts on the city's own history: ask for it, watch it, read what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col, select
from wtforms.fields.choices import SelectChoice

from admin import rule_reads
from admin.drafting.charts import distribution
from admin.life.forms import PreviewForm
from admin.listing import Column, exported, listing
from admin.views import blueprint as blueprint
from admin.views.common import put_error, work_words
from admin.views.outcomes import (
    GROUPS,
    Line,
    group_words,
    key_text,
    outcome_columns,
    outcome_lines,
    sample_note,
)
from behaviors import rule_queries
from behaviors.models import ActivityRecord, Behavior, RuleVersion
from behaviors.preview import services
from behaviors.preview.runner import PreviewRunner
from behaviors.rule_models import RulePreview, WorkStatus
from behaviors.views.common import rule_book, today
from carbonaccount.accounts.models import Staff
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.database import open_session, reading
from carbonaccount.errors import DomainError
from carbonaccount.web import messages
from carbonaccount.web.database import current_session, engine
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, current_staff
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language

INTERRUPTED = "interrupted"
# A preview and who asked for it.
Asked = tuple[RulePreview, Staff]


@dataclass(frozen=True)
class VersionResult:
    """What a preview found about one version."""

    version: RuleVersion
    found: Mapping[str, Any]

    @property
    def picture(self) -> object:
        """The distribution of people's gains and losses."""
        return distribution(self.found["people"]["distribution"])


@blueprint.get("/behaviors/<code>/previews")
def previews(code: str) -> ResponseReturnValue:
    """Show the form and the previews there are."""
    behavior = rule_queries.find_behavior(current_session(), code)
    form = PreviewForm(formdata=None)
    open_versions = _open_versions(behavior)
    chosen = request.args.get("draft", type=int)
    form.drafts.data = [chosen] if chosen else [v.id for v in open_versions[:1]]
    return _previews_page(behavior, form)


def _open_versions(behavior: Behavior) -> list[RuleVersion]:
    versions = rule_queries.versions_of(current_session(), behavior.id or 0)
    return [item for item in versions if item.status in rule_queries.UNPUBLISHED]


def _offer(form: PreviewForm, versions: list[RuleVersion]) -> None:
    form.drafts.choices = [
        SelectChoice(item.id, _("第 %(number)s 版", number=item.version)) for item in versions
    ]


def _previews_page(behavior: Behavior, form: PreviewForm, status: int = 200) -> ResponseReturnValue:
    versions, filters = _open_versions(behavior), _filters()
    _offer(form, versions)
    page = render_template(
        "admin/rules/previews.html",
        info=rule_book().behaviors[behavior.code],
        versions=versions,
        list=listing(
            _chosen(behavior, filters), columns(behavior), filters=filters, default="-asked"
        ),
        filters=filters,
        states=work_words(),
        form=form,
    )
    return page, status


def columns(behavior: Behavior) -> list[Column[Asked]]:
    """Return the columns of a behaviour's previews, on the page and in their files."""
    numbers = _numbers(behavior)

    def versions(row: Asked) -> str:
        return str(_("、")).join(str(numbers.get(item, "?")) for item in row[0].rule_version_ids)

    return [
        Column("asked", _("提出时间"), lambda row: _moment(row[0].asked_at)),
        Column("first_day", _("第一天"), lambda row: row[0].first_day.isoformat()),
        Column("last_day", _("最后一天"), lambda row: row[0].last_day.isoformat()),
        Column("versions", _("版本"), versions),
        Column("status", _("状态"), lambda row: work_words()[row[0].status]),
        Column("staff", _("谁"), lambda row: row[1].display_name),
    ]


def _moment(moment: datetime) -> str:
    return moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds")


def _filters() -> dict[str, str]:
    status = request.args.get("status", "")
    return {"status": status if status in tuple(WorkStatus) else ""}


def _chosen(behavior: Behavior, filters: dict[str, str]) -> list[Asked]:
    asked = rule_reads.previews_of(current_session(), behavior.id or 0)
    return [row for row in asked if filters["status"] in ("", row[0].status)]


@blueprint.get("/behaviors/<code>/previews.<any(csv, xlsx):kind>")
def previews_export(code: str, kind: str) -> Response:
    """Return the filtered list of a behaviour's previews as a file."""
    behavior = rule_queries.find_behavior(current_session(), code)
    rows = _chosen(behavior, _filters())
    return exported(f"previews-{behavior.code}", kind, columns(behavior), rows)


def _numbers(behavior: Behavior) -> dict[int, int]:
    """Return the versions' numbers by id."""
    versions = rule_queries.versions_of(current_session(), behavior.id or 0)
    return {item.id or 0: item.version for item in versions}


def runner() -> PreviewRunner:
    """Return what runs this process's previews."""
    found: PreviewRunner = current_app.extensions["carbonaccount.previews"]
    return found


@blueprint.post("/behaviors/<code>/previews")
def start_preview(code: str) -> ResponseReturnValue:
    """Begin a preview and go to its page."""
    behavior = rule_queries.find_behavior(current_session(), code)
    form = PreviewForm()
    _offer(form, _open_versions(behavior))
    status = 422
    if form.validate_on_submit():
        public_id, status = _started(behavior, form)
        if public_id is not None:
            return redirect(url_for("admin.preview", public_id=public_id), 303)
        behavior = rule_queries.find_behavior(current_session(), code)
    return _previews_page(behavior, form, status)


def _started(behavior: Behavior, form: PreviewForm) -> tuple[str | None, int]:
    """Return the id of the preview that was begun, or None and the status of the refusal."""
    session, staff = current_session(), current_staff()
    assert staff is not None, "the panel is for staff"
    first_day, last_day = _period(behavior, form)
    try:
        row = services.start_preview(
            session,
            behavior=behavior.code,
            rule_version_ids=form.drafts.data,
            first_day=first_day,
            last_day=last_day,
            acting_user=current_actor(),
            staff_id=staff.stored_id,
            now=utc_now(),
        )
        with runner().starting(row.public_id):
            session.commit()
    except DomainError as error:
        session.rollback()
        put_error(form, error)
        return None, status_of(error)
    return row.public_id, 200


def _period(behavior: Behavior, form: PreviewForm) -> tuple[date, date]:
    """Return the first and the last day that were chosen; both are looked at."""
    if form.period.data == "days":
        first_day, last_day = form.first_day.data, form.last_day.data
        if first_day is None or last_day is None:
            raise LookupError("the form was checked")
        return first_day, last_day
    if form.period.data == "all":
        return _first_day(behavior.id or 0), today()
    return today() - timedelta(days=int(form.period.data) - 1), today()


def _first_day(behavior_id: int) -> date:
    """Return the day of a behaviour's first record; it may take a look at all of them."""
    wanted = select(sa.func.min(col(ActivityRecord.business_day))).where(
        col(ActivityRecord.behavior_id) == behavior_id
    )
    # A reading session: on SQLite the other kind would keep everybody else from writing.
    with open_session(reading(engine())) as session:
        return session.exec(wanted).one() or today()


@blueprint.post("/previews/<public_id>/cancel")
def cancel_preview(public_id: str) -> ResponseReturnValue:
    """Stop a preview after the present block."""
    return _changed(public_id, _("已要求取消。"), cancel=True)


@blueprint.post("/previews/<public_id>/repeat")
def repeat_preview(public_id: str) -> ResponseReturnValue:
    """Run a preview once more that was interrupted, cancelled or failed."""
    return _changed(public_id, _("已重新排队。"), cancel=False)


def _changed(public_id: str, done: str, *, cancel: bool) -> ResponseReturnValue:
    """Stop a preview or run it again; what is refused is said on its page."""
    session = current_session()
    services.find_preview(session, public_id=public_id)
    who: dict[str, Any] = {"acting_user": current_actor(), "now": utc_now()}
    try:
        if cancel:
            at_work = runner().is_at_work(public_id)
            services.cancel_preview(session, public_id=public_id, is_at_work=at_work, **who)
            session.commit()
        else:
            with runner().starting(public_id):
                services.run_again(session, public_id=public_id, **who)
                session.commit()
    except DomainError as error:
        session.rollback()
        flash(explain(error), "error")
        return render_template("admin/rules/preview.html", **_shown(public_id)), status_of(error)
    flash(done, "success")
    return redirect(url_for("admin.preview", public_id=public_id), 303)


@blueprint.get("/previews/<public_id>")
def preview(public_id: str) -> ResponseReturnValue:
    """Show a preview: how far it has come, or what it found."""
    return render_template("admin/rules/preview.html", **_shown(public_id))


@blueprint.get("/previews/<public_id>/progress")
def preview_progress(public_id: str) -> ResponseReturnValue:
    """Return the part of the page that changes while the preview runs."""
    return render_template("admin/rules/_preview.html", **_shown(public_id))


def _state(found: RulePreview) -> str:
    """Return how a preview stands; one at which nobody is at work was interrupted."""
    if found.status not in services.UNFINISHED or runner().is_at_work(found.public_id):
        return found.status
    # It may have ended between reading the row and looking at the lock: the lock goes last.
    current_session().rollback()
    current_session().refresh(found)
    return INTERRUPTED if found.status in services.UNFINISHED else found.status


def _shown(public_id: str) -> dict[str, object]:
    session = current_session()
    found = services.find_preview(session, public_id=public_id)
    state = _state(found)
    info = rule_book().behavior_by_id[found.behavior_id]
    return {
        "preview": found,
        "info": info,
        "state": state,
        "is_active": state in services.UNFINISHED,
        "problem": messages.sentence(found.error, {}, language()) if found.error else "",
        "percent": _percent(found),
        "results": _results(found),
        "staff": rule_reads.staff_names(session),
        "groups": GROUPS,
        "group_words": group_words(),
        "sample_note": sample_note(found.behavior_id),
        "key_text": key_text,
        "differs": _differs_from(found),
    }


def _percent(found: RulePreview) -> int:
    total = found.records_total or 0
    return min(100, found.records_done * 100 // total) if total else 0


def _results(found: RulePreview) -> list[VersionResult]:
    """Return what was found about each version, in the order of their numbers."""
    versions: Mapping[str, Any] = (found.result or {}).get("versions", {})  # type: ignore[assignment]
    results = [
        VersionResult(rule_queries.find_version(current_session(), int(number)), result)
        for number, result in versions.items()
    ]
    return sorted(results, key=lambda item: item.version.version)


def _differs_from(found: RulePreview) -> list[RuleVersion]:
    """Return the versions that were reworded since, so that the result is not theirs any more."""
    session = current_session()
    versions = [rule_queries.find_version(session, number) for number in found.rule_version_ids]
    return [
        item for item in versions if rule_queries.last_written_at(session, item) > found.asked_at
    ]


@blueprint.get("/previews/<public_id>.<any(csv, xlsx):kind>")
def preview_export(public_id: str, kind: str) -> Response:
    """Return every number of a preview's groups as a file."""
    found = services.find_preview(current_session(), public_id=public_id)
    return exported(f"preview-{found.public_id}", kind, outcome_columns(), _lines(found))


def _lines(found: RulePreview) -> list[Line]:
    lines = []
    for result in _results(found):
        lines += outcome_lines(result.version.version, result.found)
    return lines
