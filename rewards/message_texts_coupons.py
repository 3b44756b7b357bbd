"""What holders are told about their coupons."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.web.templating import day_text, language, whole_text

Params = Mapping[str, Any]


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _values(params: Params) -> dict[str, str]:
    return {
        "title": str(params[f"title_{language()}"]),
        "credits": whole_text(int(params["credits"])),
        "day": day_text(date.fromisoformat(params["expires_on"])),
    }


def _shown(text: str, params: Params) -> Shown:
    return Shown(text, url_for("rewards.coupon", public_id=params["coupon"]))


def used(params: Params) -> Shown:
    """Say that a coupon was used, so that whoever was not there hears of it."""
    text = _(
        "“%(title)s”的券已使用，扣除 %(credits)s 积分。不是您本人用的，请打开这张券提出异议。",
        **_values(params),
    )
    return _shown(text, params)


def use_undone(params: Params) -> Shown:
    """Say that a till took its confirmation back."""
    text = _("商户撤销了“%(title)s”的核销，这张券又可以用了，有效期到 %(day)s。", **_values(params))
    return _shown(text, params)


def expired(params: Params) -> Shown:
    """Say that a coupon ended and its credits with it."""
    text = _(
        "“%(title)s”的券已过期（%(day)s），按该项目的规则，%(credits)s 积分不退还。",
        **_values(params),
    )
    return _shown(text, params)


def expired_refunded(params: Params) -> Shown:
    """Say that a coupon ended and the credits are back."""
    text = _("“%(title)s”的券已过期（%(day)s），%(credits)s 积分已退还给您。", **_values(params))
    return _shown(text, params)


def ending(params: Params) -> Shown:
    """Say until when a coupon can be used."""
    text = _("“%(title)s”的券只能用到 %(day)s，请尽快使用或取消。", **_values(params))
    return _shown(text, params)


register_message("coupon_used", used)
register_message("coupon_use_undone", use_undone)
register_message("coupon_expired", expired)
register_message("coupon_expired_refunded", expired_refunded)
register_message("coupon_ending", ending)
