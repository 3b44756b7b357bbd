"""Behaviours: the list, the page of one with its versions, stopping it, adding one."""

from collections.abc import Callable
from datetime import date

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin import rule_reads
from admin.life.forms import BehaviorForm, NewBehaviorForm, ReasonForm
from admin.listing import Column, exported, listing
from admin.rule_reads import BehaviorLine
from admin.views import blueprint as blueprint
from admin.views.common import attempted, put_error
from behaviors import behavior_services, labels, rule_queries
from behaviors.models import Behavior, RuleStatus
from behaviors.views.common import behavior_name, rule_book, today
from carbonaccount.clock import utc_now
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor
from carbonaccount.web.tables import Cell


def columns() -> list[Column[BehaviorLine]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("name", _("行为"), lambda line: behavior_name(line.info)),
        Column("code", _("代码"), lambda line: line.info.code),
        Column("family", _("类别"), lambda line: labels.family_name(line.info.family)),
        Column("state", _("状态"), lambda line: str(labels_of_states()[line.state])),
        Column("version", _("现行版本"), _version),
        Column(
            "since", _("自"), lambda line: _day(line.active.valid_from if line.active else None)
        ),
        Column("next", _("下一版本"), _next),
        Column("drafts", _("草稿"), lambda line: line.drafts),
        Column("in_review", _("待批准"), lambda line: line.in_review),
    ]


def _version(line: BehaviorLine) -> Cell:
    return line.active.rule.version if line.active else 0


def _next(line: BehaviorLine) -> Cell:
    return _day(line.scheduled.valid_from if line.scheduled else None)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def labels_of_states() -> dict[str, str]:
    """Return the words for a behaviour's state."""
    return {
        rule_reads.ON: _("启用"),
        rule_reads.OFF: _("未启用"),
        rule_reads.STOPPED: _("已停止受理"),
    }


def _filters() -> dict[str, str]:
    names = ("q", "family", "state", "work")
    return {name: request.args.get(name, "").strip()[:60] for name in names}


def _chosen(filters: dict[str, str]) -> list[BehaviorLine]:
    """Return the behaviours that the filters let through."""
    lines = rule_reads.behavior_lines(current_session(), rule_book(), today())
    tests: list[Callable[[BehaviorLine], bool]] = [
        lambda line: filters["q"].lower() in _searched(line),
        lambda line: filters["family"] in ("", line.info.family),
        lambda line: filters["state"] in ("", line.state),
        lambda line: not filters["work"] or bool(line.drafts or line.in_review or line.scheduled),
    ]
    return [line for line in lines if all(test(line) for test in tests)]


def _searched(line: BehaviorLine) -> str:
    names = [texts["name"] for texts in line.info.texts.values()]
    return " ".join([line.info.code, *names]).lower()


@blueprint.get("/behaviors")
def behaviors() -> ResponseReturnValue:
    """List every behaviour with what holds and what is being worked on."""
    filters = _filters()
    return render_template(
        "admin/rules/behaviors.html",
        list=listing(_chosen(filters), columns(), filters=filters),
        filters=filters,
        families=labels.FAMILIES,
        states=labels_of_states(),
    )


@blueprint.get("/behaviors.<any(csv, xlsx):kind>")
def behaviors_export(kind: str) -> Response:
    """Return the filtered list as a file."""
    return exported("behaviors", kind, columns(), _chosen(_filters()))


@blueprint.get("/behaviors/<code>")
def behavior(code: str) -> ResponseReturnValue:
    """Show a behaviour with the life of its versions."""
    return _behavior_page(rule_queries.find_behavior(current_session(), code), ReasonForm())


def _behavior_page(found: Behavior, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    session, book = current_session(), rule_book()
    versions = rule_queries.versions_of(session, found.id or 0)
    page = render_template(
        "admin/rules/behavior.html",
        info=book.behaviors[found.code],
        behavior=found,
        versions=[(version, rule_queries.rule_of(version)) for version in versions],
        notes=rule_reads.notes_of(session, [version.id or 0 for version in versions]),
        active=book.entry_on(found.code, today()),
        scheduled=rule_reads.next_version(book, found.code, today()),
        previews=rule_reads.previews_of(session, found.id or 0),
        staff=rule_reads.staff_names(session),
        states=labels_of_states(),
        draft_status=RuleStatus.DRAFT,
        form=form,
    )
    return page, status


@blueprint.post("/behaviors/<code>/stop")
def stop_behavior(code: str) -> ResponseReturnValue:
    """Hold what comes in from this moment on."""
    return _switch(code, behavior_services.stop_behavior, _("已停止受理，之后的记录会保留待审。"))


@blueprint.post("/behaviors/<code>/resume")
def resume_behavior(code: str) -> ResponseReturnValue:
    """Take records again, and count those that were held."""
    return _switch(code, behavior_services.resume_behavior, _("已恢复受理，暂停期间的记录已计入。"))


def _switch(code: str, change: Callable[..., object], done: str) -> ResponseReturnValue:
    found = rule_queries.find_behavior(current_session(), code)
    form = ReasonForm()
    error, status = None, 422
    if form.validate_on_submit():
        error, status = attempted(
            change,
            behavior=code,
            reason=form.reason.data,
            acting_user=current_actor(),
            now=utc_now(),
        )
        if error is None:
            flash(done, "success")
            return redirect(url_for("admin.behavior", code=code), 303)
        put_error(form, error)
        found = rule_queries.find_behavior(current_session(), code)
    return _behavior_page(found, form, status)


@blueprint.route("/behaviors/new", methods=["GET", "POST"])
def new_behavior() -> ResponseReturnValue:
    """Add a kind of act; its rule is drafted next."""
    form, status = NewBehaviorForm(), 200
    if request.method == "POST":
        status = 422
    if form.validate_on_submit():
        error, status = attempted(
            behavior_services.add_behavior,
            code=form.code.data.strip(),
            family=form.family.data,
            category=form.category.data,
            texts=form.texts(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        if error is None:
            flash(_("已添加。接着写它的第一版规则，批准后再启用。"), "success")
            return redirect(url_for("admin.new_rule", code=form.code.data.strip()), 303)
        put_error(form, error)
    return render_template("admin/rules/new_behavior.html", form=form), status


@blueprint.route("/behaviors/<code>/texts", methods=["GET", "POST"])
def edit_behavior(code: str) -> ResponseReturnValue:
    """Change what surrounds the rule: on or off, who reports it, its texts, its end."""
    found = rule_queries.find_behavior(current_session(), code)
    form, status = BehaviorForm(), 200
    if request.method == "GET":
        form.enabled.data, form.self_report.data = found.enabled, found.self_report
        form.habit_ends_on.data = found.habit_ends_on
        form.fill_texts(found)
    else:
        status = 422
    if form.validate_on_submit():
        error, status = attempted(
            behavior_services.edit_behavior,
            behavior=code,
            enabled=form.enabled.data,
            self_report=form.self_report.data,
            habit_ends_on=form.habit_ends_on.data,
            texts=form.texts(),
            reason=form.reason.data,
            acting_user=current_actor(),
            now=utc_now(),
        )
        if error is None:
            flash(_("已保存。"), "success")
            return redirect(url_for("admin.behavior", code=code), 303)
        put_error(form, error)
    page = render_template(
        "admin/rules/edit_behavior.html", form=form, code=code, info=rule_book().behaviors[code]
    )
    return page, status
