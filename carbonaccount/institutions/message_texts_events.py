"""What owners of institutions are told about their events."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.institutions.event_jobs import DUE, OVER, OVERDUE
from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.web.templating import date_text, language

Params = Mapping[str, Any]


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _shown(text: str, params: Params) -> Shown:
    where = url_for("institutions.event", public_id=params["institution"], event_id=params["event"])
    return Shown(text, where)


def _name(params: Params) -> str:
    return str(params[f"name_{language()}"])


def _day(params: Params) -> str:
    return date_text(date.fromisoformat(params["due"])).striptags()


def over(params: Params) -> Shown:
    """Say that an event is over and waits to be accounted for."""
    text = _("活动“%(name)s”已结束，请开始核算。", name=_name(params))
    return _shown(text, params)


def due(params: Params) -> Shown:
    """Say until when an event is to be made good."""
    text = _(
        "活动“%(name)s”的排放须在 %(day)s 前抵消，还没有完成。",
        name=_name(params),
        day=_day(params),
    )
    return _shown(text, params)


def overdue(params: Params) -> Shown:
    """Say that the year is over."""
    text = _(
        "活动“%(name)s”已过抵消期限（%(day)s），还没有公布。",
        name=_name(params),
        day=_day(params),
    )
    return _shown(text, params)


register_message(OVER, over)
register_message(DUE, due)
register_message(OVERDUE, overdue)
