"""What owners of institutions are told about statements."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from carbonaccount.institutions.statement_jobs import DUE
from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.web.templating import language


def due(params: Mapping[str, Any]) -> Shown:
    """Say that the statement of a year has not been published."""
    text = _(
        "%(name)s %(year)s 年的碳中和声明还没有公布。",
        name=params[f"name_{language()}"],
        year=params["year"],
    )
    return Shown(str(text), url_for("institutions.neutrality", public_id=params["institution"]))


register_message(DUE, due)
