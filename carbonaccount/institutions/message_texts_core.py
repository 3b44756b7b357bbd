"""What applicants are told about their institution."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.institutions.recognition_schemes import find_scheme
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


def _scheme(params: Params) -> str:
    return find_scheme(str(params["scheme"]), int(params["version"])).names[language()]


def _case(text: str, params: Params) -> Shown:
    address = url_for(
        "institutions.recognition_case", public_id=params["institution"], case_id=params["case"]
    )
    return Shown(text, address)


def recognition_granted(params: Params) -> Shown:
    """Say that a recognition was granted."""
    text = _("“%(name)s”已认定为%(scheme)s。", name=_name(params), scheme=_scheme(params))
    return _case(text, params)


def recognition_returned(params: Params) -> Shown:
    """Say that criteria were sent back, and where."""
    text = _(
        "“%(name)s”的%(scheme)s申请有条目退回，请修改后再提交。",
        name=_name(params),
        scheme=_scheme(params),
    )
    return _case(text, params)


def recognition_refused(params: Params) -> Shown:
    """Say that a recognition was refused, and where the reason is."""
    text = _(
        "“%(name)s”的%(scheme)s申请没有通过，理由写在申请的页面上。",
        name=_name(params),
        scheme=_scheme(params),
    )
    return _case(text, params)


def closed(params: Params) -> Shown:
    """Say that an institution is closed, to its members and those with a seat."""
    text = _(
        "“%(name)s”已由市里关闭：您的成员关系和席位到此为止，之前的合计和账目保留。",
        name=_name(params),
    )
    return Shown(text, url_for("institutions.mine"))


def share_ended(params: Params) -> Shown:
    """Say to whoever gave a share that it has ended, and why."""
    if params["closed"]:
        text = _("“%(name)s”已关闭，您给它的减排量份额从今天起结束。", name=_name(params))
    else:
        text = _("您已不在“%(name)s”，给它的减排量份额从退出那天起结束。", name=_name(params))
    return Shown(text, url_for("institutions.my_shares"))


def share_ended_here(params: Params) -> Shown:
    """Say to owners that a share has ended, by its number and no name."""
    values = {"name": _name(params), "share": params["share"]}
    if params["closed"]:
        return Shown(_("“%(name)s”已关闭，编号 %(share)s 的份额结束。", **values), "")
    text = _("给“%(name)s”的份额（编号 %(share)s）已结束：对方不再属于单位。", **values)
    return Shown(text, url_for("institutions.shares", public_id=params["institution"]))


def recognition_revoked(params: Params) -> Shown:
    """Say that a recognition was revoked, and where the reason is."""
    text = _(
        "“%(name)s”的%(scheme)s认定已被撤销，理由写在申请的页面上。",
        name=_name(params),
        scheme=_scheme(params),
    )
    return _case(text, params)


def recognition_corrected(params: Params) -> Shown:
    """Say until when a recognition holds after its last day was corrected."""
    text = _(
        "“%(name)s”的%(scheme)s认定有效期更正为至 %(day)s。",
        name=_name(params),
        scheme=_scheme(params),
        day=params["until"],
    )
    return _case(text, params)


register_message("institution_closed", closed)
register_message("share_ended", share_ended)
register_message("share_ended_here", share_ended_here)
register_message("recognition_revoked", recognition_revoked)
register_message("recognition_corrected", recognition_corrected)
register_message("recognition_granted", recognition_granted)
register_message("recognition_returned", recognition_returned)
register_message("recognition_refused", recognition_refused)
register_message("institution_admitted", admitted)
register_message("institution_refused", refused)
