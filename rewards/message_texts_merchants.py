"""What holders are told about a use that they denied, and owners about what they are owed."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.web.templating import language, whole_text
from rewards.reward_content import yuan_text

Params = Mapping[str, Any]


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _shown(text: str, params: Params) -> Shown:
    return Shown(text, url_for("rewards.coupon", public_id=params["coupon"]))


def _values(params: Params) -> dict[str, str]:
    return {
        "title": str(params[f"title_{language()}"] or params["title_zh"]),
        "credits": whole_text(int(params["credits"])),
    }


def disputed(params: Params) -> Shown:
    """Say that the objection came in, and what it means for what the merchant is paid."""
    if params.get("settled"):
        text = _(
            "您对“%(title)s”的使用提出的异议已收到。这次使用已列入商户的结算单；若异议成立，"
            "积分退回给您，金额从商户以后的结算单扣减。",
            **_values(params),
        )
    else:
        text = _(
            "您对“%(title)s”的使用提出的异议已收到。核对期间，这次使用不会结算给商户。",
            **_values(params),
        )
    return _shown(text, params)


def upheld(params: Params) -> Shown:
    """Say that the credits are back."""
    text = _("您对“%(title)s”的异议成立，%(credits)s 积分已退回。", **_values(params))
    return _shown(text, params)


def refused(params: Params) -> Shown:
    """Say that the use stands, and where the reason is."""
    text = _("您对“%(title)s”的异议不成立，理由写在这张券的页面上。", **_values(params))
    return _shown(text, params)


def _merchant(params: Params) -> str:
    return str((params["name_en"] if language() == "en" else "") or params["name_zh"])


def use_taken_back(params: Params) -> Shown:
    """Say to a merchant that a use was taken back, and what the next settlement deducts."""
    values = {
        "name": _merchant(params),
        "coupon": str(params["coupon"]),
        "day": str(params["used_day"]),
        "yuan": yuan_text(int(params["value_fen"])),
    }
    if not params["settlement"]:
        text = _(
            "“%(name)s”%(day)s 核销的券 %(coupon)s，持券人的异议成立：这次使用已退回，"
            "不再结算（%(yuan)s 元）。",
            **values,
        )
        return Shown(text, url_for("rewards.till_shop"))
    text = _(
        "“%(name)s”%(day)s 核销的券 %(coupon)s，持券人的异议成立：它已列入结算单，"
        "%(yuan)s 元将从下一张够扣的结算单扣减。",
        **values,
    )
    return _statement(text, params)


def _owed(params: Params) -> dict[str, str]:
    return {
        "name": _merchant(params),
        "first": str(params["first_day"]),
        "last": str(params["last_day"]),
        "coupons": whole_text(int(params["coupons"])),
        "yuan": yuan_text(int(params["owed_fen"])),
    }


def _statement(text: str, params: Params) -> Shown:
    return Shown(text, url_for("rewards.till_statement", public_id=params["settlement"]))


def settlement_approved(params: Params) -> Shown:
    """Say what a merchant is owed for a period."""
    text = _(
        "“%(name)s”%(first)s 至 %(last)s 的结算已批准：%(coupons)s 张券，%(yuan)s 元。",
        **_owed(params),
    )
    return _statement(text, params)


def settlement_paid(params: Params) -> Shown:
    """Say that it was paid."""
    text = _(
        "“%(name)s”%(first)s 至 %(last)s 的结算已付款：%(coupons)s 张券，%(yuan)s 元。",
        **_owed(params),
    )
    return _statement(text, params)


register_message("merchant_use_taken_back", use_taken_back)
register_message("merchant_settlement_approved", settlement_approved)
register_message("merchant_settlement_paid", settlement_paid)
register_message("coupon_disputed", disputed)
register_message("coupon_dispute_upheld", upheld)
register_message("coupon_dispute_refused", refused)
