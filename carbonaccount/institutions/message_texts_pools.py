"""What residents are told about pools."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.institutions.pool_gathering import (
    CALLED_OFF_MESSAGE,
    GATHERED_MESSAGE,
    NOTHING_MESSAGE,
    SOLD_MESSAGE,
)
from carbonaccount.institutions.pools import OPENED_MESSAGE
from carbonaccount.messages.texts import Shown, register_announcement, register_message
from carbonaccount.web.templating import grams_text, language

Params = Mapping[str, Any]


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _shown(text: str) -> Shown:
    return Shown(text, url_for("institutions.my_pools"))


def _title(params: Params) -> str:
    return str(params[f"title_{language()}"])


def _grams(params: Params) -> str:
    return grams_text(int(params["amount_g"]))


def opened(params: Params) -> Shown:
    """Say that people can take part."""
    return _shown(_("减排池“%(title)s”可以参加了，参加与否由您决定。", title=_title(params)))


def gathered(params: Params) -> Shown:
    """Say what was set aside."""
    return _shown(
        _(
            "您的 %(grams)s 已归集到减排池“%(title)s”，交付前可以随时退出。",
            grams=_grams(params),
            title=_title(params),
        )
    )


def nothing(params: Params) -> Shown:
    """Say that there was nothing to set aside."""
    return _shown(
        _("减排池“%(title)s”已归集，您在这段时间没有可归集的减排量。", title=_title(params))
    )


def sold(params: Params) -> Shown:
    """Say that it was handed over."""
    return _shown(
        _(
            "减排池“%(title)s”已交付，其中有您的 %(grams)s；去向、编号和价格请看详情。",
            title=_title(params),
            grams=_grams(params),
        )
    )


def called_off(params: Params) -> Shown:
    """Say that everything came back."""
    return _shown(_("减排池“%(title)s”已取消，冻结的减排量已退回。", title=_title(params)))


register_announcement(OPENED_MESSAGE, opened)
register_message(GATHERED_MESSAGE, gathered)
register_message(NOTHING_MESSAGE, nothing)
register_message(SOLD_MESSAGE, sold)
register_message(CALLED_OFF_MESSAGE, called_off)
