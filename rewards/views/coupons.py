"""A holder's coupons: taking one, showing its code at the till, cancelling it."""

from datetime import datetime
from typing import Any

from flask import Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import Session

from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, DomainError, InsufficientBalance, Invalid, NotFound
from carbonaccount.ledger import holdings
from carbonaccount.ledger.models import Cause, TransferKind
from carbonaccount.racing import committed
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, current_actor, resident_required
from carbonaccount.web.templating import language
from rewards import coupon_codes, coupon_queries, redeeming
from rewards.acceptance import is_usable
from rewards.coupon_codes import Digits
from rewards.coupon_queries import PAGE_ROWS, STATES, CouponLine
from rewards.models import Coupon, CouponStatus, Reward, RewardClass
from rewards.queries import find_reward, merchants_of
from rewards.views import blueprint as blueprint
from rewards.views.common import today

# How often an open page asks whether the coupon was used meanwhile.
ASKED_EVERY_S = 5
_KEY_LENGTHS = range(8, 65)
_LONGEST_PRICE = 12

STATE_NAMES: dict[str, LazyString] = {
    coupon_queries.OPEN: _l("可使用"),
    coupon_queries.USED: _l("已使用"),
    coupon_queries.OVER: _l("已取消或过期"),
}
# Word and tone of what became of a coupon.
STATUS_WORDS: dict[str, tuple[LazyString, str]] = {
    CouponStatus.ISSUED: (_l("可使用"), "good"),
    CouponStatus.USED: (_l("已使用"), "plain"),
    CouponStatus.CANCELLED: (_l("已取消"), "plain"),
    CouponStatus.EXPIRED: (_l("已过期"), "bad"),
}


def vault() -> Vault:
    """Return the application's vault."""
    found: Vault = current_app.extensions["carbonaccount.vault"]
    return found


@blueprint.post("/rewards/<public_id>/redeem")
@resident_required
def redeem(public_id: str) -> ResponseReturnValue:
    """Take a reward; pressed twice, the same coupon is shown twice."""
    try:
        coupon = committed(current_session(), lambda session: _redeem(session, public_id))
    except InsufficientBalance as error:
        flash(explain(Invalid("credits_missing", **error.params)), "error")
    except (Conflict, Invalid) as error:
        flash(explain(error), "error")
    else:
        flash(_taken_text(coupon), "success")
        return redirect(url_for("rewards.coupon", public_id=coupon.public_id), 303)
    return redirect(url_for("rewards.reward", public_id=public_id), 303)


def _redeem(session: Session, public_id: str) -> Coupon:
    key = request.form.get("form_token", "")
    if len(key) not in _KEY_LENGTHS:
        raise Invalid("request_key_bad")
    return redeeming.redeem(
        session,
        account_id=current_account_id() or 0,
        reward_id=find_reward(session, public_id).id or 0,
        request_key=key,
        acting_user=current_actor(),
        now=utc_now(),
        price_seen=_price_seen(),
    )


def _price_seen() -> int:
    """Return the price that stood on the page. Raises Invalid when the form does not tell it."""
    price = request.form.get("price", "")
    if not (price.isascii() and price.isdigit() and len(price) <= _LONGEST_PRICE):
        raise Invalid("request_key_bad")
    return int(price)


def _taken_text(coupon: Coupon) -> str:
    if coupon.status == CouponStatus.USED:
        return str(_("已完成，谢谢您。"))
    return str(_("兑换成功，积分已为您留着，用券时才扣。"))


@blueprint.get("/coupons")
@resident_required
def coupons() -> ResponseReturnValue:
    """List the holder's coupons by state, those that can be used first."""
    session, account_id = current_session(), current_account_id() or 0
    counts = coupon_queries.count_by_state(session, account_id=account_id)
    state = request.args.get("state", "")
    state = state if state in STATES else ""
    total = counts[state] if state else sum(counts.values())
    pages = max(1, -(-total // PAGE_ROWS))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    return render_template(
        "rewards/coupons.html",
        lines=coupon_queries.coupons_of(session, account_id=account_id, state=state, page=page),
        counts=counts,
        total=sum(counts.values()),
        state=state,
        page=page,
        pages=pages,
        page_url=lambda number: url_for("rewards.coupons", state=state or None, page=number),
        today=today(),
    )


@blueprint.get("/coupons/<public_id>")
@resident_required
def coupon(public_id: str) -> ResponseReturnValue:
    """Show a coupon with its code; `?large=1` shows it for eyes that see little."""
    return render_template("rewards/coupon.html", **_shown(_own(public_id)))


@blueprint.get("/coupons/<public_id>/code")
@resident_required
def coupon_code(public_id: str) -> ResponseReturnValue:
    """Send the part of the page that changes; nothing when the page shows it already."""
    line = _own(public_id)
    if request.args.get("seen") == seen_now(line.coupon):
        return Response(status=204)
    if redeeming.refusal_of(line.coupon, today()):
        # The rest of the page speaks of an open coupon.
        return Response(status=204, headers={"HX-Refresh": "true"})
    return render_template("rewards/_coupon_code.html", **_code(line))


def seen_now(coupon: Coupon) -> str:
    """Return what tells one look of the changing part from the next."""
    step = coupon_codes.step_of(utc_now()) if coupon.status == CouponStatus.ISSUED else 0
    return f"{coupon.status}-{coupon.uses}-{step}"


def _own(public_id: str) -> CouponLine:
    line = coupon_queries.coupon_of(
        current_session(), account_id=current_account_id() or 0, public_id=public_id
    )
    if line is None:
        raise NotFound("unknown_coupon")
    return line


def _shown(line: CouponLine) -> dict[str, Any]:
    """Return what a coupon's page needs; its code only while it can be used."""
    usable = not redeeming.refusal_of(line.coupon, today())
    return {
        "line": line,
        "reward": line.reward,
        "merchants": merchants_of(current_session(), reward_id=line.coupon.reward_id),
        "usable": usable,
        "refunded": _comes_back(line),
        "digits": _digits(line.coupon) if usable else None,
        "at_once": line.reward.reward_class in redeeming.USED_AT_ONCE,
        "is_tree": line.reward.reward_class == RewardClass.TREE,
        "digits_live_min": int(coupon_codes.DIGITS_LIVE.total_seconds()) // 60,
        "today": today(),
        **(_code(line) if usable else {"coupon": line.coupon, "large": _is_large()}),
    }


def _comes_back(line: CouponLine) -> bool:
    """Return whether the credits of a coupon that ended unused went back, or will."""
    session = current_session()
    if line.coupon.status != CouponStatus.EXPIRED:
        return line.reward.refund_when_expired or not is_usable(session, line.reward)
    released = holdings.moved(
        session,
        cause=Cause.COUPON,
        cause_id=line.coupon.stored_id,
        kind=TransferKind.RELEASE,
    )
    return bool(released)


def _code(line: CouponLine) -> dict[str, Any]:
    """Return what the changing part of the page needs."""
    now = utc_now()
    return {
        "coupon": line.coupon,
        "shown": coupon_codes.shown(line.coupon, vault=vault(), now=now, label=_label(line)),
        "clock": city_clock(now),
        "seen": seen_now(line.coupon),
        "asked_every_s": ASKED_EVERY_S,
        "large": _is_large(),
    }


def _is_large() -> bool:
    return request.args.get("large") == "1"


def _label(line: CouponLine) -> str:
    """Return what the code is, for those who do not see it."""
    return str(
        _("“%(title)s”的券码，给商户扫描；看不见时请用下面的数字码", title=title_of(line.reward))
    )


def _digits(coupon: Coupon) -> Digits | None:
    return coupon_codes.standing_digits(
        current_session(), coupon=coupon, vault=vault(), now=utc_now()
    )


@blueprint.post("/coupons/<public_id>/digits")
@resident_required
def coupon_digits(public_id: str) -> ResponseReturnValue:
    """Make the eight digits of a coupon, or let them live longer once."""
    change = (
        coupon_codes.extend_digits
        if request.form.get("action") == "extend"
        else coupon_codes.digits_for
    )

    def work(session: Session) -> Digits:
        return change(session, coupon=_own(public_id).coupon, vault=vault(), now=utc_now())

    try:
        committed(current_session(), work)
    except Conflict as error:
        flash(explain(error), "error")
    large = "1" if _is_large() else None
    target = url_for("rewards.coupon", public_id=public_id, large=large, _anchor="digits")
    return redirect(target, 303)


@blueprint.route("/coupons/<public_id>/cancel", methods=["GET", "POST"])
@resident_required
def cancel_coupon(public_id: str) -> ResponseReturnValue:
    """Ask whether to cancel a coupon, and cancel it."""
    line = _own(public_id)
    if request.method == "GET" and line.coupon.status == CouponStatus.ISSUED:
        return render_template("rewards/cancel_coupon.html", line=line, today=today())
    if request.method == "POST":
        _cancel(line.coupon.stored_id)
    return redirect(url_for("rewards.coupon", public_id=public_id), 303)


def _cancel(coupon_id: int) -> None:
    def work(session: Session) -> Coupon:
        return redeeming.cancel(
            session,
            coupon_id=coupon_id,
            account_id=current_account_id() or 0,
            acting_user=current_actor(),
            now=utc_now(),
        )

    try:
        coupon = committed(current_session(), work)
    except DomainError as error:
        flash(explain(error), "error")
    else:
        text = _("已取消，%(credits)s 积分已退回。", credits=f"{coupon.price_credits:,}")
        flash(str(text), "success")


def city_clock(moment: datetime) -> str:
    """Return the time of day as the city's clocks show it, to the second."""
    return moment.astimezone(CITY_ZONE).strftime("%H:%M:%S")


def title_of(reward: Reward) -> str:
    """Return a reward's title in the page's language."""
    texts = reward.texts
    return texts.get(language(), {}).get("title") or texts.get("zh", {}).get("title", "")


def status_of(coupon: Coupon) -> tuple[LazyString, str]:
    """Return word and tone of a coupon's state; one past its last day is over before the job."""
    if coupon.status == CouponStatus.ISSUED and coupon.expires_on < today():
        return STATUS_WORDS[CouponStatus.EXPIRED]
    return STATUS_WORDS[CouponStatus(coupon.status)]


@blueprint.context_processor
def coupon_words() -> dict[str, object]:
    """Give the templates the words of coupons."""
    return {
        "coupon_status": status_of,
        "coupon_states": STATE_NAMES,
        "coupon_title": title_of,
        "city_clock": city_clock,
    }
