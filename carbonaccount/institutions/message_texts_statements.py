"""What owners of institutions are told about statements, lots and survival checks."""

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


def _name(params: Mapping[str, Any]) -> str:
    return str(params[f"name_{language()}"] or params["name_zh"])


def _statement(text: str, params: Mapping[str, Any]) -> Shown:
    address = url_for(
        "institutions.statement",
        public_id=params["institution"],
        statement_id=params["statement"],
    )
    return Shown(text, address)


def reviewed(params: Mapping[str, Any]) -> Shown:
    """Say that the city has confirmed a statement, which an owner publishes."""
    text = _(
        "%(name)s %(year)s 年的碳中和声明已通过复核，负责人可以公布。",
        name=_name(params),
        year=params["year"],
    )
    return _statement(str(text), params)


def sent_back(params: Mapping[str, Any]) -> Shown:
    """Say that the city sent a statement back, and where the reason is."""
    text = _(
        "%(name)s %(year)s 年的碳中和声明被退回，理由写在声明的页面上。",
        name=_name(params),
        year=params["year"],
    )
    return _statement(str(text), params)


def withdrawn(params: Mapping[str, Any]) -> Shown:
    """Say that the city withdrew a statement, and where the reason is."""
    text = _(
        "%(name)s %(year)s 年的碳中和声明已被主管部门撤回，理由写在声明的页面上。",
        name=_name(params),
        year=params["year"],
    )
    return _statement(str(text), params)


def lot_withdrawn(params: Mapping[str, Any]) -> Shown:
    """Say that the city withdrew a lot, and where the reason is."""
    text = _(
        "%(name)s 的抵消批次（首个编号 %(serial)s）已被主管部门撤回，理由写在批次的页面上。",
        name=_name(params),
        serial=params["serial"],
    )
    address = url_for(
        "institutions.offset_lot", public_id=params["institution"], lot_id=params["lot"]
    )
    return Shown(str(text), address)


def _plantation(text: str, params: Mapping[str, Any]) -> Shown:
    address = url_for(
        "institutions.plantation",
        public_id=params["institution"],
        plantation_id=params["plantation"],
    )
    return Shown(text, address)


def survival_accepted(params: Mapping[str, Any]) -> Shown:
    """Say that a survival check counts."""
    text = _(
        "%(name)s %(day)s 的存活核查已通过，可以生成当年的碳汇批次。",
        name=_name(params),
        day=params["day"],
    )
    return _plantation(str(text), params)


def survival_refused(params: Mapping[str, Any]) -> Shown:
    """Say that a survival check does not count, and where the reason is."""
    text = _(
        "%(name)s %(day)s 的存活核查没有通过，理由写在造林的页面上。",
        name=_name(params),
        day=params["day"],
    )
    return _plantation(str(text), params)


register_message(DUE, due)
register_message("statement_reviewed", reviewed)
register_message("statement_sent_back", sent_back)
register_message("statement_withdrawn", withdrawn)
register_message("lot_withdrawn", lot_withdrawn)
register_message("survival_accepted", survival_accepted)
register_message("survival_refused", survival_refused)
