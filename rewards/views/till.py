"""The till on a phone: find the coupon, see what it is, confirm, and take back a mistake.

Every step is a form that works by itself; the script of the page sends the same forms with a
camera in front and, when the network fails, the same press again.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask import session as browser_session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField

from carbonaccount.accounts.limits import Limit
from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError, Invalid, LimitReached
from carbonaccount.racing import committed
from carbonaccount.web import messages
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import (
    current_account_id,
    current_actor,
    go_to,
    resident_required,
)
from carbonaccount.web.limits import count_or_refuse, forgive, vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language
from rewards import coupon_codes, merchants, scanning
from rewards.merchant_models import MerchantTill
from rewards.merchants import Membership
from rewards.scanning import Answer, Place
from rewards.views import blueprint as blueprint
from rewards.views.statement_files import merchant_name, title_of, yuan

JOIN_TRIES = Limit("merchant_join", 10, timedelta(hours=1))
_CHOICE = "till"
_LONGEST_CODE = 200


class JoinForm(FlaskForm):  # type: ignore[misc]
    """The code that a merchant's owner or the operator gave."""

    code = StringField(_l("邀请码"))


@dataclass(frozen=True)
class Desk:
    """Where the person of this request works: the merchant, the till, and others to choose."""

    places: list[Membership]
    membership: Membership | None = None
    till: MerchantTill | None = None

    @property
    def place(self) -> Place:
        """Return who presses and where; only when a till was chosen."""
        assert self.membership is not None, "a page asks for the till first"
        assert self.till is not None, "a page asks for the till first"
        return Place(
            merchant_id=self.membership.merchant.id or 0,
            till_id=self.till.id or 0,
            account_id=account_id(),
        )


def account_id() -> int:
    """Return the account of the person at the till."""
    return current_account_id() or 0


def answer_text(answer: Answer) -> str:
    """Return why something was refused, in the page's language."""
    # An attempt keeps the code only; this is what the sentences of codes speak of.
    given = {"wanted": coupon_codes.DIGITS}
    return messages.sentence(answer.attempt.outcome, given, language())


def new_key() -> str:
    """Return a key for a press of a button."""
    return secrets.token_urlsafe(16)


def desk() -> Desk:
    """Find where the person works; the till chosen last, or the only one there is."""
    session = current_session()
    places = merchants.memberships(session, account_id=account_id())
    merchant_id, till_id = browser_session.get(_CHOICE, (None, None))
    for place in places:
        if place.merchant.id == merchant_id or len(places) == 1:
            open_tills = merchants.tills(
                session, merchant_id=place.merchant.id or 0, active_only=True
            )
            for till in open_tills:
                if till.id == till_id or len(open_tills) == 1:
                    return Desk(places, place, till)
    return Desk(places)


def _desk_or_elsewhere() -> tuple[Desk, ResponseReturnValue | None]:
    """Return the desk, and where to go first when no till was chosen."""
    found = desk()
    if not found.places:
        return found, go_to(url_for("rewards.till_join"))
    if found.till is None:
        return found, go_to(url_for("rewards.till_choose"))
    return found, None


def _sent_by_script() -> bool:
    return request.headers.get("X-Till") == "1"


@blueprint.get("/till")
@resident_required
def till() -> ResponseReturnValue:
    """Show the till, ready for the next coupon."""
    found, elsewhere = _desk_or_elsewhere()
    return elsewhere or _page(found)


def _page(found: Desk, status: int = 200, **needs: object) -> ResponseReturnValue:
    template = "rewards/_till_answer.html" if _sent_by_script() else "rewards/till.html"
    page = render_template(template, desk=found, request_key=new_key(), **{"step": "scan", **needs})
    return page, status


@blueprint.post("/till/look")
@resident_required
def till_look() -> ResponseReturnValue:
    """Find the coupon that was scanned or typed, and ask whether to use it."""
    key = request.form.get("request_key", "")
    code = request.form.get("code", "").strip()
    guesses = coupon_codes.guesses_of(account_id(), code, vault())
    try:
        if guesses:
            count_or_refuse(*guesses)
    except LimitReached as error:
        return _refused(desk(), error)
    found, elsewhere = _desk_or_elsewhere()
    if elsewhere is not None:
        return elsewhere
    if not 1 <= len(code) <= _LONGEST_CODE:
        return _refused(found, Invalid("code_missing"))
    place = found.place
    try:
        answer = committed(
            current_session(),
            lambda session: scanning.look(
                session,
                place=place,
                request_key=key,
                text=code,
                vault=vault(),
                now=utc_now(),
            ),
        )
    except DomainError as error:
        return _refused(found, error)
    # What was right is no guess. On SQLite this waits for the transaction above, which has ended.
    if answer.ok and guesses:
        forgive(*guesses)
    return _page(found, answer=answer, step="found" if answer.ok else "refused", look_key=key)


def _refused(found: Desk, error: DomainError) -> ResponseReturnValue:
    return _page(found, status_of(error), step="refused", error=explain(error))


@blueprint.post("/till/use")
@resident_required
def till_use() -> ResponseReturnValue:
    """Use the coupon that was looked at."""
    found, elsewhere = _desk_or_elsewhere()
    if elsewhere is not None:
        return elsewhere
    place = found.place
    try:
        answer = committed(
            current_session(),
            lambda session: scanning.use(
                session,
                place=place,
                request_key=request.form.get("request_key", ""),
                look_key=request.form.get("look_key", ""),
                acting_user=current_actor(),
                now=utc_now(),
            ),
        )
    except DomainError as error:
        return _refused(found, error)
    return _page(found, answer=answer, step="done" if answer.ok else "refused")


@blueprint.get("/till/today")
@resident_required
def till_today() -> ResponseReturnValue:
    """List what the merchant took today, and what was taken back."""
    found, elsewhere = _desk_or_elsewhere()
    return elsewhere or _today(found)


def _today(found: Desk, error: DomainError | None = None) -> ResponseReturnValue:
    session, now = current_session(), utc_now()
    merchant_id = found.place.merchant_id
    used = scanning.used_today(session, merchant_id=merchant_id, now=now)
    page = render_template(
        "rewards/till_today.html",
        desk=found,
        used=used,
        credits=sum(row.coupon.price_credits for row in used),
        undone=scanning.undone_today(session, merchant_id=merchant_id, now=now),
        now=now,
        undo_within=scanning.UNDO_WITHIN,
        new_key=new_key,
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


@blueprint.post("/till/undo")
@resident_required
def till_undo() -> ResponseReturnValue:
    """Take back a use of the last ten minutes, with a reason."""
    found, elsewhere = _desk_or_elsewhere()
    if elsewhere is not None:
        return elsewhere
    place = found.place
    try:
        answer = committed(
            current_session(),
            lambda session: scanning.undo(
                session,
                place=place,
                request_key=request.form.get("request_key", ""),
                coupon_public_id=request.form.get("coupon", ""),
                reason=request.form.get("reason", ""),
                acting_user=current_actor(),
                now=utc_now(),
            ),
        )
    except DomainError as error:
        return _today(found, error)
    if not answer.ok:
        return _today(found, Invalid(answer.attempt.outcome))
    flash(_("已撤销，券可以再用。"), "success")
    return redirect(url_for("rewards.till_today"), 303)


@blueprint.get("/till/alive")
@resident_required
def till_alive() -> ResponseReturnValue:
    """Let the page at a till stay signed in while it is open: each request counts as seen."""
    return "", 204


@blueprint.route("/till/choose", methods=["GET", "POST"])
@resident_required
def till_choose() -> ResponseReturnValue:
    """Choose the merchant and the till, when there are several."""
    session = current_session()
    places = merchants.memberships(session, account_id=account_id())
    if not places:
        return go_to(url_for("rewards.till_join"))
    choices = [
        (place, merchants.tills(session, merchant_id=place.merchant.id or 0, active_only=True))
        for place in places
    ]
    if request.method == "POST":
        wanted = request.form.get("till", type=int)
        for place, tills in choices:
            if wanted in [till.id for till in tills]:
                browser_session[_CHOICE] = (place.merchant.id, wanted)
                return redirect(url_for("rewards.till"), 303)
        flash(_("请选择一个收银台。"), "error")
    return render_template("rewards/till_choose.html", choices=choices)


@blueprint.route("/till/join", methods=["GET", "POST"])
@resident_required
def till_join() -> ResponseReturnValue:
    """Join a merchant with an invitation."""
    form, status = JoinForm(), 200
    if form.validate_on_submit():
        error = _join(form.code.data or "")
        if error is None:
            return redirect(url_for("rewards.till"), 303)
        form.code.errors = [explain(error)]
        status = status_of(error)
    return render_template("rewards/till_join.html", form=form), status


def _join(code: str) -> DomainError | None:
    count_or_refuse((JOIN_TRIES, vault().index(str(account_id()), purpose="rate:join")))
    session = current_session()
    try:
        place = merchants.join(
            session,
            code=code,
            account_id=account_id(),
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
    except Invalid as error:
        session.rollback()
        return error
    flash(_("您已加入%(name)s。", name=merchant_name(place.merchant)), "success")
    return None


@blueprint.context_processor
def till_words() -> dict[str, object]:
    """Give the pages of this room the names of merchants and rewards."""
    return {
        "answer_text": answer_text,
        "merchant_name": merchant_name,
        "reward_title": title_of,
        "yuan": yuan,
    }
