"""Rule versions: the editor with its checks, and the steps of a version's life."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session

from admin import rule_reads
from admin.drafting import live
from admin.drafting.checks import check
from admin.drafting.comparison import compare
from admin.drafting.forms import RuleForm, fill, fill_blank, text_of
from admin.life.forms import DiscardForm, ReasonForm, WithdrawForm
from admin.views import blueprint as blueprint
from admin.views.common import attempted, put_error
from behaviors import methods, rule_queries, rule_services
from behaviors.methods.library import DoubleCountGroup, plain_unit
from behaviors.models import Behavior, RuleStatus, RuleVersion
from behaviors.rulebook import PublishedRule, RuleBook
from behaviors.scoring import Rule
from behaviors.views.common import localized, rule_book, today
from carbonaccount.clock import utc_now
from carbonaccount.database import open_session, reading
from carbonaccount.errors import NotFound
from carbonaccount.web import messages
from carbonaccount.web.database import current_session, engine
from carbonaccount.web.identity import current_actor, current_staff
from carbonaccount.web.templating import language

# Buttons that change the form and store nothing: check, add_<list>, remove_<list>-<index>.
_LISTS = ("amounts", "parameters")
# While one types, these need not be there yet.
_TEXTS_THAT_COME_LAST = ("reason", "citation")


@dataclass(frozen=True)
class Desk:
    """Where a rule is written: its behaviour, the version in force, and the draft if stored."""

    behavior: Behavior
    active: PublishedRule | None
    version: RuleVersion | None

    @property
    def number(self) -> int:
        """The version's number; the service gives the next free one to a new draft."""
        return self.version.version if self.version else 1

    @property
    def has_rule(self) -> bool:
        """Whether the form begins with a rule that was stored."""
        return self.version is not None or self.active is not None


def _desk(session: Session, code: str, version: RuleVersion | None = None) -> Desk:
    book = RuleBook.load(session)
    behavior = rule_queries.find_behavior(session, code)
    active = book.entry_on(code, today()) or next(iter(book.entries(code)[::-1]), None)
    return Desk(behavior, active, version)


@blueprint.route("/behaviors/<code>/rules/new", methods=["GET", "POST"])
def new_rule(code: str) -> ResponseReturnValue:
    """Write a new version, beginning with the one in force."""
    desk = _desk(current_session(), code)
    if request.method == "POST":
        return _edited(desk)
    form = RuleForm()
    earliest = rule_queries.earliest_day(current_session(), now=utc_now()).isoformat()
    if desk.active:
        fill(form, desk.active.rule, grade=desk.active.grade, citation=desk.active.citation)
        form.valid_from.data = earliest
    else:
        fill_blank(form, valid_from=earliest)
    return _opened(current_session(), desk, form)


@blueprint.route("/rules/<int:rule_version_id>/edit", methods=["GET", "POST"])
def edit_rule(rule_version_id: int) -> ResponseReturnValue:
    """Word a draft anew."""
    session = current_session()
    version = rule_queries.find_version(session, rule_version_id)
    if version.status != RuleStatus.DRAFT:
        return _rule_page(version, ReasonForm(), _not_in_state(version), 409)
    desk = _desk(session, rule_reads.behavior_of(session, version).code, version)
    if request.method == "POST":
        return _edited(desk)
    form = RuleForm()
    fill(form, rule_queries.rule_of(version), grade=version.grade, citation=version.citation)
    return _opened(session, desk, form)


def _not_in_state(version: RuleVersion) -> str:
    return messages.sentence("rule_not_in_state", {"status": version.status}, language())


@blueprint.post("/behaviors/<code>/check")
def check_rule(code: str) -> ResponseReturnValue:
    """Return the part of the editor that says what is wrong, or what the rule does."""
    # A reading session although the method is POST: checks must not wait for writers.
    with open_session(reading(engine())) as session:
        desk = _desk(session, code)
        form = RuleForm()
        _prepare(session, form)
        seen = _judged(desk, form)
        return render_template("admin/rules/_live.html", live=seen, form=form, desk=desk)


def _edited(desk: Desk) -> ResponseReturnValue:
    """Answer a button of the editor: change the rows, check, or store."""
    session = current_session()
    form, action = RuleForm(), request.form.get("action", "save")
    if _rows_changed(form, action):
        _prepare(session, form)
        return _editor_page(desk, form, None)
    _prepare(session, form)
    saving = action == "save"
    seen = _judged(desk, form, saving=saving)
    if not saving:
        return _editor_page(desk, form, seen)
    if form.errors or seen.rule is None:
        return _editor_page(desk, form, seen, status=422)
    version_id, status = _stored(desk, form, seen.rule)
    if version_id is None:
        return _editor_page(desk, form, seen, status=status)
    flash(_("草稿已保存。下一步：用历史试算。"), "success")
    return redirect(url_for("admin.rule", rule_version_id=version_id), 303)


def _rows_changed(form: RuleForm, action: str) -> bool:
    """Add or take away a row as a button asks; returns whether it was such a button."""
    verb, _sep, rest = action.partition("_")
    name, _sep, index = rest.partition("-")
    if verb not in ("add", "remove") or name not in _LISTS:
        return False
    rows = form[name]
    if verb == "add" and len(rows.entries) < rows.max_entries:
        rows.append_entry()
    if verb == "remove":
        rows.entries = [row for row in rows.entries if row.name != f"{name}-{index}"]
    return True


def _prepare(session: Session, form: RuleForm) -> None:
    """Offer what can be chosen, and put in the numbers of the factors that were chosen."""
    factors = rule_reads.all_factors(session)
    groups = [(g.code, localized(g.name_zh, g.name_en)) for g in _groups()]
    form.offer(groups=groups, factors=factors)
    try:
        day = date.fromisoformat(text_of(form.valid_from))
    except ValueError:
        return
    for entry in form.parameters:
        if entry.form.factor.data:
            _take_factor(session, entry.form, day)


@cache
def _groups() -> tuple[DoubleCountGroup, ...]:
    return methods.load_library().double_count_groups


def _take_factor(session: Session, parameter: object, day: date) -> None:
    code = parameter.factor.data  # type: ignore[attr-defined]
    try:
        factor = rule_queries.factor_on(session, code, day)
    except NotFound:
        return  # The list of choices refuses it, and so does the service.
    taken = {
        "value": factor.value,
        "unit": plain_unit(factor.unit),
        "grade": factor.grade,
        "source": factor.source,
    }
    for name, text in taken.items():
        parameter[name].data = text  # type: ignore[index]


def _judged(desk: Desk, form: RuleForm, *, saving: bool = False) -> live.Live:
    """Check a form as it stands; every field that cannot be read keeps its error."""
    form.validate()
    if not saving:
        for name in _TEXTS_THAT_COME_LAST:
            form[name].errors = []
    numbers_hold = not (set(form.errors) - set(_TEXTS_THAT_COME_LAST))
    checked = check(
        form, behavior=desk.behavior.code, version=desk.number, numbers_hold=numbers_hold
    )
    return live.look(form, checked, desk.active.rule if desk.active else None)


def _stored(desk: Desk, form: RuleForm, rule: Rule) -> tuple[int | None, int]:
    """Store the draft; returns its id, or None and the status of what was refused."""
    needs: dict[str, object] = {
        "rule": rule,
        "grade": form.grade.data,
        "citation": text_of(form.citation),
        "reason": text_of(form.reason),
        "acting_user": current_actor(),
        "now": utc_now(),
    }
    stored: list[int] = []

    def write(session: Session, **given: object) -> None:
        service: Callable[..., RuleVersion] = rule_services.draft_rule
        if desk.version is not None:
            service = rule_services.edit_draft
            given["rule_version_id"] = desk.version.id
        stored.append(service(session, **given).id or 0)

    error, status = attempted(write, **needs)
    if error is None:
        return stored[0], status
    put_error(form, error)
    return None, status


def _opened(session: Session, desk: Desk, form: RuleForm) -> ResponseReturnValue:
    """Show a form that was filled from a stored rule, or from nothing."""
    _prepare(session, form)
    checked = check(
        form, behavior=desk.behavior.code, version=desk.number, numbers_hold=desk.has_rule
    )
    seen = live.look(form, checked, desk.active.rule if desk.active else None)
    return _editor_page(desk, form, seen)


def _editor_page(
    desk: Desk, form: RuleForm, seen: live.Live | None, *, status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "admin/rules/editor.html",
        form=form,
        desk=desk,
        info=rule_book().behaviors[desk.behavior.code],
        live=seen,
    )
    return page, status


# --- the page of a version and its steps ---------------------------------------------------------


@blueprint.get("/rules/<int:rule_version_id>")
def rule(rule_version_id: int) -> ResponseReturnValue:
    """Show a version, what it changes, what was tried with it, and what may be done next."""
    version = rule_queries.find_version(current_session(), rule_version_id)
    return _rule_page(version, ReasonForm())


@blueprint.get("/rules")
def rule_queue() -> ResponseReturnValue:
    """List what waits: versions and factors for an approver, drafts, and what is scheduled."""
    session = current_session()
    staff = current_staff()
    return render_template(
        "admin/rules/queue.html",
        in_review=rule_reads.work_in(session, [RuleStatus.IN_REVIEW]),
        scheduled=rule_reads.work_in(session, [RuleStatus.SCHEDULED]),
        drafts=rule_reads.work_in(session, [RuleStatus.DRAFT]),
        factors=[f for f in rule_reads.all_factors(session) if f.status == "in_review"],
        book=rule_book(),
        me=staff.id if staff else None,
    )


@blueprint.post("/rules/<int:rule_version_id>/submit")
def submit_rule(rule_version_id: int) -> ResponseReturnValue:
    """Hand a draft to another person."""
    done = _("已提交，等待另一位同事批准。")
    return _step(rule_version_id, rule_services.submit, ReasonForm(), done)


@blueprint.post("/rules/<int:rule_version_id>/return")
def return_rule(rule_version_id: int) -> ResponseReturnValue:
    """Give a version back to be worded anew."""
    done = _("已退回修改。")
    return _step(rule_version_id, rule_services.return_to_draft, ReasonForm(), done)


@blueprint.post("/rules/<int:rule_version_id>/discard")
def discard_rule(rule_version_id: int) -> ResponseReturnValue:
    """Give a draft up for good."""
    done = _("草稿已放弃，记录仍可查看。")
    return _step(rule_version_id, rule_services.discard, DiscardForm(), done)


@blueprint.post("/rules/<int:rule_version_id>/approve")
def approve_rule(rule_version_id: int) -> ResponseReturnValue:
    """Let a version take effect on its day."""
    done = _("已批准并排期，变化已公告。")
    return _step(rule_version_id, rule_services.approve, ReasonForm(), done)


@blueprint.post("/rules/<int:rule_version_id>/withdraw")
def withdraw_rule(rule_version_id: int) -> ResponseReturnValue:
    """Take a version out of force from a day on."""
    form = WithdrawForm()
    needs = {"from_day": form.from_day.data}
    done = _("已撤回，从那天起恢复之前的规则，变化已公告。")
    return _step(rule_version_id, rule_services.withdraw, form, done, needs)


def _step(
    rule_version_id: int,
    service: Callable[..., object],
    form: ReasonForm,
    done: str,
    needs: Mapping[str, object] | None = None,
) -> ResponseReturnValue:
    """Take a step in a version's life; what was refused is said on the version's page."""
    version = rule_queries.find_version(current_session(), rule_version_id)
    if not form.validate_on_submit():
        return _rule_page(version, form, status=422)
    error, status = attempted(
        service,
        rule_version_id=rule_version_id,
        reason=form.reason.data,
        acting_user=current_actor(),
        now=utc_now(),
        **(needs or {}),
    )
    if error is None:
        flash(done, "success")
        return redirect(url_for("admin.rule", rule_version_id=rule_version_id), 303)
    put_error(form, error)
    version = rule_queries.find_version(current_session(), rule_version_id)
    return _rule_page(version, form, status=status)


def _rule_page(
    version: RuleVersion, form: ReasonForm, error: str = "", status: int = 200
) -> ResponseReturnValue:
    session, book = current_session(), rule_book()
    assert version.id is not None
    info = book.behavior_by_id[version.behavior_id]
    mine = rule_queries.rule_of(version)
    before = _before(book, info.code, version)
    finished = rule_queries.finished_previews(session, version)
    staff = current_staff()
    writers = rule_queries.writers_of(session, version)
    page = render_template(
        "admin/rules/rule.html",
        version=version,
        rule=mine,
        info=info,
        before=before,
        rows=compare(before.rule if before else None, mine),
        picture=live.picture_of(mine, before.rule if before else None),
        notes=rule_reads.notes_of(session, [version.id])[version.id],
        finished=finished,
        previews=[
            pair
            for pair in rule_reads.previews_of(session, version.behavior_id)
            if version.id in pair[0].rule_version_ids
        ],
        is_writer=staff is not None and staff.id in writers,
        earliest=rule_queries.earliest_day(session, now=utc_now()),
        form=form,
        error=error,
    )
    return page, status


def _before(book: RuleBook, code: str, version: RuleVersion) -> PublishedRule | None:
    """Return the version that would hold on the day without this one."""
    others = [entry for entry in book.entries(code) if entry.id != version.id]
    earlier = [
        entry
        for entry in others
        if entry.valid_from <= version.valid_from and entry.rule.version < version.version
    ]
    return earlier[-1] if earlier else None
