"""What residents are told about rewards they keep an eye on, and children about guardians."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.web.templating import day_text, language, whole_text
from rewards.favourites import BACK, CHEAPER, ENDS_SOON

Params = Mapping[str, Any]

GUARDIAN_CONFIRMED = "guardian_confirmed"


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _title(params: Params) -> str:
    return str(params[f"title_{language()}"])


def _shown(text: str, params: Params) -> Shown:
    return Shown(text, url_for("rewards.reward", public_id=params["reward"]))


def back(params: Params) -> Shown:
    """Say that a reward is there again."""
    left = whole_text(int(params["left"]))
    text = _("您收藏的“%(title)s”补货了，现有 %(left)s 份。", title=_title(params), left=left)
    return _shown(text, params)


def cheaper(params: Params) -> Shown:
    """Say what a reward cost and costs now."""
    text = _(
        "您收藏的“%(title)s”降价了：%(before)s → %(price)s 积分。",
        title=_title(params),
        before=whole_text(int(params["before"])),
        price=whole_text(int(params["price"])),
    )
    return _shown(text, params)


def ends_soon(params: Params) -> Shown:
    """Say until when a reward can be taken."""
    day = day_text(date.fromisoformat(params["last_day"]))
    text = _("您收藏的“%(title)s”只能兑换到 %(day)s。", title=_title(params), day=day)
    return _shown(text, params)


def guardian_confirmed(_params: Params) -> Shown:
    """Say that somebody answers for the child now."""
    text = _("监护人已确认，您现在可以兑换和捐赠了。")
    return Shown(text, url_for("rewards.guardian"))


register_message(GUARDIAN_CONFIRMED, guardian_confirmed)
register_message(BACK, back)
register_message(CHEAPER, cheaper)
register_message(ENDS_SOON, ends_soon)
