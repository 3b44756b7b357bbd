"""What applicants are told about their institution."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.web.templating import language

Params = Mapping[str, Any]


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _name(params: Params) -> str:
    return str(params[f"name_{language()}"] or params["name_zh"])


def admitted(params: Params) -> Shown:
    """Say that the institution is admitted, and where its pages are."""
    text = _("“%(name)s”的入驻申请已通过，您是负责人。", name=_name(params))
    return Shown(text, url_for("institutions.home", public_id=params["institution"]))


def refused(params: Params) -> Shown:
    """Say that the application is refused, and where the reason is."""
    text = _("“%(name)s”的入驻申请没有通过，理由写在“我的单位”。", name=_name(params))
    return Shown(text, url_for("institutions.mine"))


register_message("institution_admitted", admitted)
register_message("institution_refused", refused)
