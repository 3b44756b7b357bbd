"""A resident's records as a table for a file."""

import json
from collections.abc import Iterable

from flask_babel import gettext as _

from behaviors import explain, labels
from behaviors.queries import RecordRow
from behaviors.rulebook import RuleBook
from carbonaccount.clock import CITY_ZONE
from carbonaccount.web.tables import Cell
from carbonaccount.web.templating import language


def header() -> list[str]:
    """Return the names of the columns in the page's language."""
    return [
        _("编号"),
        _("行为"),
        _("行为代码"),
        _("数据来源"),
        _("来源方编号"),
        _("发生时间"),
        _("记账日"),
        _("证据"),
        _("状态"),
        _("测量值"),
        _("量"),
        _("计入的量"),
        _("单位"),
        _("规则版本"),
        _("减排量（克）"),
        _("积分"),
    ]


def lines(rows: Iterable[RecordRow], book: RuleBook) -> Iterable[list[Cell]]:
    """Yield a line for each record, whole numbers as numbers and everything else as text."""
    for record, source in rows:
        info, rule = (
            book.behavior_by_id[record.behavior_id],
            book.rule_by_id(record.rule_version_id),
        )
        measured = json.loads(record.activity)
        yield [
            record.id or 0,
            str(info.texts[language()]["name"]),
            info.code,
            source.name_en if language() == "en" else source.name_zh,
            record.event_id,
            record.occurred_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"),
            record.business_day.isoformat(),
            record.evidence,
            str(labels.badge(record)[0]),
            "; ".join(f"{name}={amount}" for name, amount in measured.items()),
            explain.milli(record.quantity_milli),
            explain.milli(record.counted_milli),
            rule.quantity_unit,
            rule.version,
            record.reduction_g,
            record.credits,
        ]
