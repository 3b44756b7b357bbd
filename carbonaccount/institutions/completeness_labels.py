"""How a statement's completeness is put into words, on pages, papers and workbooks."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _

from carbonaccount.institutions import uncertainty_labels
from carbonaccount.institutions.statement_completeness import NO_EMISSION, NO_POWER

Content = Mapping[str, Any]


def gaps(content: Content) -> Sequence[Mapping[str, Any]]:
    """Return what is missing in a statement's year; nothing of one sealed before it was asked."""
    found: Sequence[Mapping[str, Any]] = (content.get("completeness") or {}).get("gaps", ())
    return found


def figure(content: Content) -> str:
    """Return in a sentence whether the year is whole."""
    if "completeness" not in content:
        return str(_("没有检查：这份声明早于这项要求"))
    found = gaps(content)
    if not found:
        return str(_("外购电力有十二个月或全年的数据，热力的采暖月份齐全"))
    if all(gap["reason"] for gap in found):
        return str(_("有 %(count)s 处缺少数据，单位逐条作了说明", count=len(found)))
    return str(_("有 %(count)s 处缺少数据，还没有都说明", count=len(found)))


def words(content: Content, gap: Mapping[str, Any]) -> str:
    """Return what is missing: electricity altogether, or months of a factor at a place."""
    if gap["code"] == NO_POWER:
        return str(_("清单里没有外购电力"))
    if gap["code"] == NO_EMISSION:
        return str(_("清单的排放总量为 0"))
    name = uncertainty_labels.factor_name(content, gap["factor"])
    place = f" · {gap['place']}" if gap["place"] else ""
    return str(
        _(
            "%(factor)s%(place)s 缺少这些月份，或者数量为 0：%(months)s",
            factor=name,
            place=place,
            months=", ".join(map(str, gap["months"])),
        )
    )
