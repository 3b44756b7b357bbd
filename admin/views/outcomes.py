"""What previews and re-scorings found, in groups: words for their keys, and rows for files."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from admin.listing import Column
from behaviors import demo_samples
from behaviors.views.common import localized
from carbonaccount.accounts.queries import districts
from carbonaccount.web.database import current_session
from carbonaccount.web.tables import Cell

GROUPS = ("by_district", "by_evidence", "by_month", "by_institution", "by_age_band")
Row = Mapping[str, Any]
# The version's number, the group, and what the group's row says.
Line = tuple[int, str, Row]


def group_words() -> dict[str, str]:
    """Return the headings of the groups."""
    return {
        "by_district": _("按区县"),
        "by_evidence": _("按证据等级"),
        "by_month": _("按月份"),
        "by_institution": _("按单位"),
        "by_age_band": _("按年龄段"),
    }


def key_text(group: str, key: str) -> str:
    """Return what a row of a group is about."""
    if not key:
        return str(_("未知"))
    if group == "by_district":
        return _districts().get(key, key)
    return key


def _districts() -> dict[str, str]:
    return {
        item.code: localized(item.name_zh, item.name_en) for item in districts(current_session())
    }


def sample_note(behavior_id: int) -> str:
    """Return a sentence when a behaviour's history holds records that are made up, else ""."""
    source = demo_samples.sample_of(current_session(), behavior_id)
    if source is None:
        return ""
    name = localized(source.name_zh, source.name_en)
    return str(_("其中有示例数据，不是真实记录（来源：%(name)s）。", name=name))


def outcome_columns() -> list[Column[Line]]:
    """Return the columns of a file with every number of the groups."""
    words = group_words()
    amounts = (
        ("records", _("记录数")),
        ("g_before", _("现行（克）")),
        ("g_after", _("试算（克）")),
        ("credits_before", _("现行（积分）")),
        ("credits_after", _("试算（积分）")),
    )
    return [
        Column("version", _("版本"), lambda line: line[0]),
        Column("group", _("分组"), lambda line: words.get(line[1], _("合计"))),
        Column("key", _("项目"), lambda line: key_text(line[1], str(line[2].get("key", "-")))),
        *(Column(key, label, _amount(key)) for key, label in amounts),
    ]


def _amount(key: str) -> Callable[[Line], Cell]:
    return lambda line: int(line[2][key])


def outcome_lines(number: int, found: Mapping[str, Any]) -> list[Line]:
    """Return the total and every group's rows of what was found about a version."""
    lines: list[Line] = [(number, "total", found["total"])]
    for group in GROUPS:
        lines += [(number, group, row) for row in found[group]]
    return lines
