"""Words for who did something and why, where the panel tells people what happened to a thing.

The audit log itself keeps its codes, by which it is searched.
"""

from flask import g
from flask_babel import gettext as _
from sqlmodel import col, select

from carbonaccount.accounts.models import Staff
from carbonaccount.web.database import current_session

# What the demonstration writes as the reason of what it makes.
_DEMONSTRATION = "demonstration"


def actor_text(actor: str) -> str:
    """Return who acts in words: a member of staff by name, nobody else by more than their kind."""
    kind, _colon, ref = actor.partition(":")
    if kind == "staff":
        return _staff_names().get(ref, ref)
    kinds = {"system": _("系统"), "resident": _("一位居民"), "partner": _("一个合作方")}
    return str(kinds.get(kind, actor))


def _staff_names() -> dict[str, str]:
    """Return the names of staff by login, read once a request; those who left too."""
    if "staff_by_login" not in g:
        rows = current_session().exec(select(col(Staff.login), col(Staff.display_name)))
        g.staff_by_login = dict(rows.all())
    names: dict[str, str] = g.staff_by_login
    return names


def reason_text(reason: str | None) -> str:
    """Return why something was done, in words."""
    return str(_("演示数据")) if reason == _DEMONSTRATION else reason or ""
