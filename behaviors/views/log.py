"""Reporting an act by hand: pick it, say how much and when, see what it will earn, send it."""

from dataclasses import dataclass
from datetime import date

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from behaviors import forms, habits, queries
from behaviors.forms import ActForm
from behaviors.intake.door import ItemResult
from behaviors.photos import photo_folder
from behaviors.rulebook import BehaviorInfo, PublishedRule, RuleBook
from behaviors.scoring import ActivityError, Score, score
from behaviors.services import report_act
from behaviors.usual_amounts import first_amount, quick_amounts
from behaviors.views import blueprint as blueprint
from behaviors.views.common import behavior_or_404, by_family, rule_book, today
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.database import open_session, reading
from carbonaccount.errors import Conflict, InsufficientBalance, Invalid, NotFound
from carbonaccount.web import messages
from carbonaccount.web.database import current_session, engine
from carbonaccount.web.identity import current_account_id, current_actor, resident_required
from carbonaccount.web.templating import language

_TRIES = 3


@dataclass(frozen=True)
class Preview:
    """What an act would earn without and with a photo, and how much of the cap is left.

    `error` says why nothing can be worked out yet; then everything else may be missing.
    """

    entry: PublishedRule | None = None
    day: date | None = None
    plain: Score | None = None
    with_photo: Score | None = None
    left_milli: int | None = None
    error: str = ""


@blueprint.get("/log")
@resident_required
def log() -> ResponseReturnValue:
    """Show what can be reported by hand."""
    families = [
        (
            family,
            [
                (info, entry)
                for info, entry in members
                if entry and info.enabled and info.self_report
            ],
        )
        for family, members in by_family(rule_book(), today())
    ]
    return render_template("behaviors/log.html", families=[pair for pair in families if pair[1]])


@blueprint.route("/log/<code>", methods=["GET", "POST"])
@resident_required
def log_act(code: str) -> ResponseReturnValue:
    """Show an act's form; take it when it is sent."""
    info = _reportable(behavior_or_404(code))
    entry = _entry(rule_book(), code, today())
    form = forms.form_for(entry.rule)
    form.prepare(utc_now())
    if request.method == "GET":
        for item in entry.rule.fields:
            form[item.name].data = form[item.name].data or f"{first_amount(item):f}"
        return _form_page(info, entry, form)
    if request.form.get("action") == "preview":
        return _form_page(info, entry, form)
    typed = forms.check(form, entry.rule, utc_now())
    result = None if typed is None else _send(info, form, typed)
    if result is None:
        return _form_page(info, entry, form), 422
    if result.record_id is None:
        return redirect(url_for("behaviors.records"), 303)
    flash(_said(result), "success")
    return redirect(url_for("behaviors.record", record_id=result.record_id), 303)


def _said(result: ItemResult) -> str:
    """Return what became of an act, in a sentence."""
    if result.status != "held":
        return str(_("记好了。"))
    if result.code == "stopped":
        return str(_("已保留：这种行为暂停受理，恢复后再计入。"))
    return str(_("已提交，等待审核。"))


def _form_page(info: BehaviorInfo, entry: PublishedRule, form: ActForm) -> str:
    with open_session(reading(engine())) as session:
        shown = preview_of(session, rule_book(), info, form)
    return render_template(
        "behaviors/log_act.html",
        info=info,
        entry=entry,
        form=form,
        preview=shown,
        quick={item.name: quick_amounts(item) for item in entry.rule.fields},
    )


@blueprint.post("/log/<code>/preview")
@resident_required
def preview(code: str) -> ResponseReturnValue:
    """Return the part of the page that says what an act would earn."""
    # A reading session although the method is POST: a preview must not wait for writers.
    with open_session(reading(engine())) as session:
        book = RuleBook.load(session)
        info = book.behaviors.get(code)
        if info is None:
            raise NotFound("unknown_behavior", behavior=code[:64])
        form = forms.form_for(_entry(book, _reportable(info).code, today()).rule)
        form.prepare(utc_now())
        shown = preview_of(session, book, info, form)
    return render_template("behaviors/_preview.html", info=info, preview=shown)


def preview_of(session: Session, book: RuleBook, info: BehaviorInfo, form: ActForm) -> Preview:
    """Work out what the form would earn as it stands, by the rule of the act's day."""
    moment = form.occurred_at()
    if moment is None:
        return Preview(error=_("选好时间后，这里会显示能得多少。"))
    day = business_day(moment)
    entry = book.entry_on(info.code, day)
    if entry is None:
        params = {"behavior": info.code, "day": day.isoformat()}
        return Preview(error=messages.sentence("no_rule", params, language()))
    used = queries.used_milli(
        session, account_id=current_account_id() or 0, behavior_id=info.id, day=day
    )
    cap = entry.rule.cap_milli
    left = None if cap is None else max(0, cap - used)
    typed = forms.amounts(form, entry.rule)
    try:
        plain, with_photo = (
            habits.without_credits_after_end(
                score(entry.rule, typed, evidence=grade, used_milli=used),
                entry.rule,
                ends_on=info.habit_ends_on,
                day=day,
            )
            for grade in "DC"
        )
    except ActivityError as error:
        return Preview(entry, day, None, None, left, forms.activity_error(entry.rule, error))
    return Preview(entry, day, plain, with_photo, left)


def _send(info: BehaviorInfo, form: ActForm, typed: object) -> ItemResult | None:
    """Book the act; None after putting what was refused into the form."""
    try:
        return _report(info, form, dict(typed))  # type: ignore[call-overload]
    except Conflict:
        form.renew_token()
        forms.add_error(form, "", _("这张表单已经提交过，内容不同。要再记一笔，请再按一次提交。"))
    except Invalid as error:
        field = str(error.params.get("field") or "")
        field = "photo" if error.code.startswith("photo_") else field
        forms.add_error(form, field, messages.sentence(error.code, error.params, language()))
    current_session().rollback()
    return None


def _report(info: BehaviorInfo, form: ActForm, typed: dict[str, object]) -> ItemResult:
    """Report and commit; again when another request got in between."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    # An empty file that was chosen is refused as no picture, never taken as none.
    photo = form.photo.data.read() if form.photo.data else None
    session, occurred_at = current_session(), form.occurred_at()
    assert occurred_at is not None, "the form was checked"
    for attempt in range(_TRIES):
        try:
            result = report_act(
                session,
                account_id=current_account_id() or 0,
                behavior=info.code,
                activity=typed,
                occurred_at=occurred_at,
                photo=photo,
                photo_folder=photo_folder(settings.instance_path),
                form_token=form.form_token.data,
                acting_user=current_actor(),
                now=utc_now(),
            )
            session.commit()
        except (IntegrityError, InsufficientBalance):
            session.rollback()
            if attempt + 1 == _TRIES:
                raise
        else:
            return result
    raise AssertionError("unreachable")


def _reportable(info: BehaviorInfo) -> BehaviorInfo:
    if not info.self_report:
        raise NotFound("behavior_not_allowed", behavior=info.code)
    if not info.enabled:
        raise Conflict("behavior_off", behavior=info.code)
    return info


def _entry(book: RuleBook, code: str, day: date) -> PublishedRule:
    entry = book.entry_on(code, day)
    if entry is None:
        raise Conflict("no_rule", behavior=code, day=day.isoformat())
    return entry
