"""Ages and guardians: telling a month of birth, asking for a guardian, answering for a child."""

from datetime import datetime
from typing import TypedDict

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session

from carbonaccount.accounts import guardians as services
from carbonaccount.accounts.models import Guardian
from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.messages.services import send
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import (
    current_account_id,
    current_actor,
    resident_required,
    safe_next,
)
from carbonaccount.web.limits import count_or_refuse, vault
from carbonaccount.web.problems import status_of
from rewards.forms import BornMonthForm, GuardianCodeForm
from rewards.message_texts_catalogue import GUARDIAN_CONFIRMED
from rewards.views import blueprint as blueprint
from rewards.views.common import my_standing, today

_CODE = "guardian_code"


class ShownCode(TypedDict):
    """A code that waits to be typed; kept in the child's own browser."""

    code: str
    until: str


@blueprint.get("/guardian")
@resident_required
def guardian() -> ResponseReturnValue:
    """Show who answers for whom, and what can be done about it."""
    return _page(BornMonthForm(), GuardianCodeForm())


def _page(
    born: BornMonthForm, typed: GuardianCodeForm, status: int = 200, error: str = ""
) -> ResponseReturnValue:
    database, account_id, standing = current_session(), current_account_id() or 0, my_standing()
    born.offer(today())
    born.next.data = safe_next(request.values.get("next")) or ""
    is_child = standing is not None and services.needs_guardian(standing.born_month, today())
    page = render_template(
        "rewards/guardian.html",
        born=born,
        typed=typed,
        error=error,
        standing=standing,
        is_child=is_child,
        answers=services.guardian_of(database, child_id=account_id) if is_child else None,
        children=[] if is_child else services.children_of(database, guardian_id=account_id),
        shown=_shown_code(),
        minutes=int(services.CODE_LIFETIME.total_seconds() // 60),
    )
    return page, status


def _shown_code() -> ShownCode | None:
    found: ShownCode | None = session.get(_CODE)
    if found is None or datetime.fromisoformat(found["until"]) <= utc_now():
        return None
    return found


@blueprint.post("/guardian/birth-month")
@resident_required
def tell_born_month() -> ResponseReturnValue:
    """Keep the reader's month of birth and go back to where it was asked."""
    form = BornMonthForm()
    form.offer(today())
    if not form.validate_on_submit():
        return _page(form, GuardianCodeForm(formdata=None), 422)
    database = current_session()
    try:
        services.tell_born_month(
            database,
            account_id=current_account_id() or 0,
            born_month=form.born_month(),
            acting_user=current_actor(),
            now=utc_now(),
        )
    except DomainError as refused:
        database.rollback()
        return _page(form, GuardianCodeForm(formdata=None), status_of(refused), explain(refused))
    database.commit()
    flash(_("已记下出生年月。"), "success")
    return redirect(safe_next(form.next.data) or url_for("rewards.guardian"), 303)


@blueprint.post("/guardian/code")
@resident_required
def ask_guardian() -> ResponseReturnValue:
    """Make a code that the child shows to its guardian."""
    database, now = current_session(), utc_now()
    code = services.ask(
        database,
        child_id=current_account_id() or 0,
        vault=vault(),
        acting_user=current_actor(),
        now=now,
    )
    database.commit()
    until = (now + services.CODE_LIFETIME).isoformat()
    session[_CODE] = ShownCode(code=code, until=until)
    return redirect(url_for("rewards.guardian"), 303)


@blueprint.post("/guardian/confirm")
@resident_required
def confirm_guardian() -> ResponseReturnValue:
    """Answer for the child whose code was typed."""
    form, account_id = GuardianCodeForm(), current_account_id() or 0
    if not form.validate_on_submit():
        return _page(BornMonthForm(formdata=None), form, 422)
    count_or_refuse((services.GUESSES, vault().index(str(account_id), purpose="rate:guardian")))
    database = current_session()
    try:
        confirmed = services.confirm(
            database,
            guardian_id=account_id,
            code=form.code.data or "",
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        _tell_child(database, confirmed)
    except DomainError as refused:
        database.rollback()
        form.code.errors = [explain(refused)]
        return _page(BornMonthForm(formdata=None), form, status_of(refused))
    database.commit()
    flash(_("已确认，孩子现在可以兑换了。"), "success")
    return redirect(url_for("rewards.guardian"), 303)


def _tell_child(database: Session, confirmed: Guardian) -> None:
    """Tell the child that somebody answers for it; by whom is between the two."""
    send(
        database,
        account_id=confirmed.child_id,
        kind=GUARDIAN_CONFIRMED,
        cause=f"guardian:{confirmed.id}",
        params={},
        now=confirmed.confirmed_at,
    )


@blueprint.post("/guardian/end")
@resident_required
def end_guardian() -> ResponseReturnValue:
    """Stop answering for a child, or, as the child, be answered for no longer."""
    database, account_id = current_session(), current_account_id() or 0
    guardianship = request.form.get("guardian", type=int) or 0
    child_id = services.child_of(database, guardian_row_id=guardianship, account_id=account_id)
    if child_id is None:
        raise NotFound("no_guardian")
    services.end(
        database,
        account_id=account_id,
        child_id=child_id,
        acting_user=current_actor(),
        now=utc_now(),
    )
    database.commit()
    flash(_("监护关系已结束。"), "success")
    return redirect(url_for("rewards.guardian"), 303)
