"""What residents are told about credits that end, draws and queues."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.web.templating import date_text, language, moment_text, whole_text
from rewards.draw_awards import NOT_DRAWN_MESSAGE, PASSED_MESSAGE, WON_MESSAGE
from rewards.draws import CALLED_OFF_MESSAGE
from rewards.expiry import ENDED, ENDS
from rewards.labels_fund import PASSED_BECAUSE
from rewards.queueing import OFFERED_MESSAGE
from rewards.queueing import PASSED_MESSAGE as QUEUE_PASSED_MESSAGE

Params = Mapping[str, Any]


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _title(params: Params) -> str:
    return str(params[f"title_{language()}"])


def ends(params: Params) -> Shown:
    """Say how many credits end on which day."""
    text = _(
        "您有 %(credits)s 积分（%(vintage)s 年发放）可用到 %(day)s，过后到期。",
        credits=whole_text(int(params["credits"])),
        vintage=params["vintage"],
        day=date_text(date.fromisoformat(params["last_day"])).striptags(),
    )
    return Shown(text, url_for("rewards.credits"))


def ended(params: Params) -> Shown:
    """Say how many credits have ended."""
    text = _(
        "%(vintage)s 年发放的 %(credits)s 积分已到期。减排量不受影响。",
        credits=whole_text(int(params["credits"])),
        vintage=params["vintage"],
    )
    return Shown(text, url_for("rewards.credits"))


def won(params: Params) -> Shown:
    """Say that a ticket was drawn and where the coupon is."""
    text = _("您在“%(title)s”的抽签中抽中了，券已放进“我的券”。", title=_title(params))
    return Shown(text, url_for("rewards.coupon", public_id=params["coupon"]))


def _draw(text: str, params: Params) -> Shown:
    return Shown(text, url_for("rewards.draw", public_id=params["draw"]))


def passed(params: Params) -> Shown:
    """Say why somebody who was drawn got nothing."""
    why = str(PASSED_BECAUSE.get(params["code"], ""))
    text = _(
        "您在“%(title)s”的抽签中抽中了，但%(why)s，由下一位递补。", title=_title(params), why=why
    )
    return _draw(text, params)


def not_drawn(params: Params) -> Shown:
    """Say that a ticket was not drawn."""
    text = _("“%(title)s”的抽签有结果了，这次没有抽中您。积分没有变动。", title=_title(params))
    return _draw(text, params)


def called_off(params: Params) -> Shown:
    """Say that a draw was called off."""
    text = _("“%(title)s”的抽签取消了，原因见抽签页。积分没有变动。", title=_title(params))
    return _draw(text, params)


def offered(params: Params) -> Shown:
    """Say that it is somebody's turn, and until when."""
    text = _(
        "轮到您了：“%(title)s”为您保留到 %(until)s。",
        title=_title(params),
        until=moment_text(datetime.fromisoformat(params["ends_at"])).striptags(),
    )
    return Shown(text, url_for("rewards.reward", public_id=params["reward"]))


def queue_passed(params: Params) -> Shown:
    """Say that an offer went to the next."""
    text = _("为您保留“%(title)s”的时间已过，已让给下一位。您可以重新排队。", title=_title(params))
    return Shown(text, url_for("rewards.reward", public_id=params["reward"]))


for _kind, _writer in (
    (ENDS, ends),
    (ENDED, ended),
    (WON_MESSAGE, won),
    (PASSED_MESSAGE, passed),
    (NOT_DRAWN_MESSAGE, not_drawn),
    (CALLED_OFF_MESSAGE, called_off),
    (OFFERED_MESSAGE, offered),
    (QUEUE_PASSED_MESSAGE, queue_passed),
):
    register_message(_kind, _writer)
