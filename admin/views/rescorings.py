"""Scoring past records again: proposed, looked at, approved by another person, booked, read."""

from collections.abc import Callable
from typing import Any

from flask import Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms.fields.choices import SelectChoice

from admin import rule_reads
from admin.drafting.charts import distribution
from admin.life.forms import ReasonForm, RescoreForm
from admin.listing import Column, exported, listing
from admin.views import blueprint as blueprint
from admin.views.common import attempted, put_error
from admin.views.outcomes import (
    GROUPS,
    group_words,
    key_text,
    outcome_columns,
    outcome_lines,
    sample_note,
)
from behaviors import rescore_queries, rescore_work, rescoring, rule_queries
from behaviors.models import Behavior, RuleVersion
from behaviors.rescore_queries import RescoreRow
from behaviors.rule_models import Rescore
from behaviors.views.common import behavior_name, rule_book
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.tasks import Run, TaskRunner
from carbonaccount.web import messages
from carbonaccount.web.database import current_session, engine
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, current_staff
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language

WORKING, BOOKING, INTERRUPTED = "working", "booking", "interrupted"


def runner() -> TaskRunner:
    """Return what works out and books this process's re-scorings."""
    found: TaskRunner = current_app.extensions["carbonaccount.rescorings"]
    return found


def state_words() -> dict[str, tuple[str, str]]:
    """Return the words and the tone of each state of a re-scoring."""
    return {
        rescoring.ASKED: (_("计算中"), "wait"),
        rescoring.FAILED: (_("没有算成"), "bad"),
        rescoring.PROPOSED: (_("待批准"), "wait"),
        rescoring.APPROVED: (_("已批准，待入账"), "wait"),
        rescoring.BOOKED: (_("已入账"), "good"),
        rescoring.REFUSED: (_("未采用"), "plain"),
    }


def columns() -> list[Column[RescoreRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("proposed", _("提出时间"), lambda row: _moment(row.rescore)),
        Column("behavior", _("行为"), lambda row: _name(row.behavior)),
        Column("first_day", _("第一天"), lambda row: row.rescore.first_day.isoformat()),
        Column("last_day", _("最后一天"), lambda row: row.rescore.last_day.isoformat()),
        Column("version", _("版本"), lambda row: row.version.version),
        Column("status", _("状态"), lambda row: state_words()[row.rescore.status][0]),
        Column("grams", _("克"), lambda row: _difference(row.rescore, "g")),
        Column("credits", _("积分"), lambda row: _difference(row.rescore, "credits")),
        Column("staff", _("提出人"), lambda row: row.staff.display_name),
    ]


def _moment(rescore: Rescore) -> str:
    return rescore.proposed_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds")


def _name(behavior: Behavior) -> str:
    return str(behavior_name(rule_book().behaviors[behavior.code]))


def _difference(rescore: Rescore, unit: str) -> int:
    """Return by how much a total changes; 0 while it is not known."""
    total: Any = rescore.difference.get("total")
    return int(total[f"{unit}_after"] - total[f"{unit}_before"]) if total else 0


def _filters() -> dict[str, str]:
    """Return the filters of the address; a word that is no choice lets everything through."""
    behavior, status = (request.args.get(name, "") for name in ("behavior", "status"))
    return {
        "behavior": behavior if behavior in rule_book().behaviors else "",
        "status": status if status in state_words() else "",
    }


@blueprint.get("/rescorings")
def rescorings() -> ResponseReturnValue:
    """List the re-scorings; from here a new one begins."""
    filters = _filters()
    rows = rescore_queries.rescorings(current_session(), **filters)
    return render_template(
        "admin/rules/rescorings.html",
        list=listing(rows, columns(), filters=filters, default="-proposed"),
        filters=filters,
        states=state_words(),
        behaviors=sorted(rule_book().behaviors.values(), key=lambda info: info.code),
    )


@blueprint.get("/rescorings.<any(csv, xlsx):kind>")
def rescorings_export(kind: str) -> Response:
    """Return the filtered list as a file."""
    rows = rescore_queries.rescorings(current_session(), **_filters())
    return exported("rescorings", kind, columns(), rows)


@blueprint.route("/behaviors/<code>/rescorings/new", methods=["GET", "POST"])
def new_rescoring(code: str) -> ResponseReturnValue:
    """Propose to score past days again under a version that was approved."""
    behavior = rule_queries.find_behavior(current_session(), code)
    versions = rescore_queries.published_versions(current_session(), behavior.id or 0)
    form, status = RescoreForm(), 200
    form.version.choices = [
        SelectChoice(item.id, _("第 %(number)s 版", number=item.version)) for item in versions
    ]
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            public_id, status = _asked(code, form)
            if public_id:
                return redirect(url_for("admin.rescoring", public_id=public_id), 303)
    info = rule_book().behaviors[code]
    page = render_template(
        "admin/rules/new_rescoring.html", form=form, info=info, versions=versions
    )
    return page, status


def _asked(code: str, form: RescoreForm) -> tuple[str, int]:
    """Return the id of the re-scoring that is worked out now, or "" and the refusal's status."""
    session, first_day, last_day = current_session(), form.first_day.data, form.last_day.data
    assert first_day is not None, "the form was checked"
    assert last_day is not None, "the form was checked"
    try:
        row = rescoring.ask(
            session,
            behavior=code,
            rule_version_id=form.version.data,
            first_day=first_day,
            last_day=last_day,
            reason=form.reason.data or "",
            acting_user=current_actor(),
            now=utc_now(),
        )
        public_id = row.public_id
        with runner().starting(public_id, _working_out(public_id)):
            session.commit()
    except DomainError as error:
        session.rollback()
        put_error(form, error)
        return "", status_of(error)
    return public_id, 200


def _working_out(public_id: str) -> Run:
    at = engine()
    return lambda _lock: rescore_work.work_out(at, public_id)


def _booking(public_id: str) -> Run:
    at, who = engine(), current_actor()
    return lambda _lock: rescore_work.book(at, public_id, who)


@blueprint.get("/rescorings/<public_id>", endpoint="rescoring")
def rescoring_page(public_id: str) -> ResponseReturnValue:
    """Show what a re-scoring changes, how it stands, and what may be done next."""
    return _page(public_id, ReasonForm(formdata=None))


@blueprint.get("/rescorings/<public_id>/progress")
def rescoring_progress(public_id: str) -> ResponseReturnValue:
    """Return the part of the page that changes while something is at work."""
    found = rescoring.find_rescore(current_session(), public_id=public_id)
    if _state(found) in (WORKING, BOOKING):
        return render_template("admin/rules/_rescoring_progress.html", **_shown(found))
    # What may be done now stands all over the page.
    response = Response("")
    response.headers["HX-Refresh"] = "true"
    return response


def _page(
    public_id: str, form: ReasonForm, error: str = "", status: int = 200
) -> ResponseReturnValue:
    found = rescoring.find_rescore(current_session(), public_id=public_id)
    page = render_template("admin/rules/rescoring.html", form=form, error=error, **_shown(found))
    return page, status


def _state(found: Rescore) -> str:
    """Return how a re-scoring stands, as its row says and whether anybody is at work on it."""
    waits_for_work = found.status == rescoring.ASKED or (
        found.status == rescoring.APPROVED and found.booking_asked_at is not None
    )
    if not waits_for_work:
        return found.status
    if runner().is_at_work(found.public_id):
        return WORKING if found.status == rescoring.ASKED else BOOKING
    # It may have ended between reading the row and looking at the lock: the lock goes last.
    before = (found.status, found.booking_asked_at)
    current_session().rollback()
    current_session().refresh(found)
    return INTERRUPTED if before == (found.status, found.booking_asked_at) else found.status


def _shown(found: Rescore) -> dict[str, object]:
    session, state = current_session(), _state(found)
    staff = current_staff()
    outcome: Any = found.difference or None
    return {
        "rescore": found,
        "state": state,
        "info": rule_book().behavior_by_id[found.behavior_id],
        "version": session.get_one(RuleVersion, found.rule_version_id),
        "states": state_words(),
        "staff": rule_reads.staff_names(session),
        "is_own": staff is not None and staff.id == found.proposed_by,
        "problem": _problem(found),
        "percent": _percent(found),
        "found": outcome,
        "picture": distribution(outcome["people"]["distribution"]) if outcome else None,
        "people": rescore_queries.line_count(session, found) if outcome else 0,
        "debts": _debts(found) if outcome else None,
        "groups": GROUPS,
        "group_words": group_words(),
        "sample_note": sample_note(found.behavior_id),
        "key_text": key_text,
    }


def _debts(found: Rescore) -> rescore_queries.Debts:
    """Return the debts that there are, or those that booking now would make."""
    if found.status == rescoring.BOOKED:
        return rescore_queries.debts_of(current_session(), found)
    return rescore_queries.expected_debts(current_session(), found)


def _problem(found: Rescore) -> str:
    error: Any = found.error
    return messages.sentence(error["code"], error["params"], language()) if error else ""


def _percent(found: Rescore) -> int:
    total = found.records_total or 0
    return min(100, found.records_done * 100 // total) if total else 0


@blueprint.post("/rescorings/<public_id>/approve")
def approve_rescoring(public_id: str) -> ResponseReturnValue:
    """Approve what somebody else proposed."""
    return _decided(public_id, rescoring.approve, _("已批准。现在可以入账。"))


@blueprint.post("/rescorings/<public_id>/withdraw")
def withdraw_rescoring(public_id: str) -> ResponseReturnValue:
    """Take a re-scoring back before it is booked."""
    return _decided(public_id, rescoring.withdraw, _("已撤回，什么都没有改。"))


@blueprint.post("/rescorings/<public_id>/refuse")
def refuse_rescoring(public_id: str) -> ResponseReturnValue:
    """Turn a proposal down, with the reason."""
    form = ReasonForm()
    if not form.validate_on_submit():
        return _page(public_id, form, status=422)
    return _decided(public_id, rescoring.refuse, _("已否决。"), reason=form.reason.data)


def _decided(
    public_id: str, service: Callable[..., object], done: str, **needs: object
) -> ResponseReturnValue:
    error, status = attempted(
        service, public_id=public_id, acting_user=current_actor(), now=utc_now(), **needs
    )
    return _answer(public_id, error, status, done)


def _answer(
    public_id: str, error: DomainError | None, status: int, done: str
) -> ResponseReturnValue:
    if error is not None:
        return _page(public_id, ReasonForm(formdata=None), explain(error), status)
    flash(done, "success")
    return redirect(url_for("admin.rescoring", public_id=public_id), 303)


@blueprint.post("/rescorings/<public_id>/book")
def book_rescoring(public_id: str) -> ResponseReturnValue:
    """Book an approved re-scoring beside the requests; also one whose process died."""

    def ask(session: Any, **needs: Any) -> None:
        with runner().starting(public_id, _booking(public_id)):
            rescoring.ask_booking(session, **needs)
            session.commit()

    return _decided(public_id, ask, _("正在入账。"))


@blueprint.post("/rescorings/<public_id>/repeat")
def repeat_rescoring(public_id: str) -> ResponseReturnValue:
    """Work a re-scoring out once more whose process died."""

    def again(session: Any, **needs: Any) -> None:
        with runner().starting(public_id, _working_out(public_id)):
            rescoring.ask_again(session, **needs)
            session.commit()

    return _decided(public_id, again, _("正在重新计算。"))


@blueprint.get("/rescorings/<public_id>.<any(csv, xlsx):kind>")
def rescoring_export(public_id: str, kind: str) -> Response:
    """Return every number of a re-scoring's groups as a file."""
    found = rescoring.find_rescore(current_session(), public_id=public_id)
    version = current_session().get_one(RuleVersion, found.rule_version_id)
    outcome: Any = found.difference
    lines = outcome_lines(version.version, outcome) if outcome else []
    return exported(f"rescoring-{found.public_id}", kind, outcome_columns(), lines)
