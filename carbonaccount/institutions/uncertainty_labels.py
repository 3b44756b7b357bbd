"""How a statement's uncertainty is put into words, on pages, papers and workbooks.

Statements sealed before percentages could be stated have only the institution's own words: those
are shown in their place, as they were on the day.
"""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from carbonaccount.institutions import offset_labels
from carbonaccount.institutions.uncertainty import Coverage
from carbonaccount.web.templating import language

Content = Mapping[str, Any]


def figure(content: Content) -> str:
    """Return the uncertainty of a year's emissions in a sentence; "" when nothing is stated.

    A figure stands there only when it covers all that is emitted.
    """
    stated = content.get("uncertainty_stated")
    if stated is None:
        return str(content["uncertainty"])
    if stated["coverage"] == Coverage.NOTHING:
        return str(_("没有排放，也就没有不确定度"))
    if stated["coverage"] == Coverage.PARTLY:
        return str(
            _(
                "只给出了占排放 %(share)s 的部分，其余未给出，所以没有合计",
                share=offset_labels.percent(stated["covered_permille"]),
            )
        )
    found = stated["emissions"]
    if found is None:
        return ""
    return str(
        _(
            "±%(percent)s，95%% 置信区间 %(lower)s 至 %(upper)s kg",
            percent=offset_labels.percent(found["permille"]),
            lower=offset_labels.kg(found["lower_g"]),
            upper=offset_labels.kg(found["upper_g"]),
        )
    )


def interval(content: Content) -> Mapping[str, Any] | None:
    """Return the interval of the emissions, None unless everything emitted is covered."""
    stated: Mapping[str, Any] = content.get("uncertainty_stated") or {}
    found: Mapping[str, Any] | None = stated.get("emissions")
    return found


def remark(content: Content) -> str:
    """Return the institution's own words where they stand beside figures; else ""."""
    return str(content["uncertainty"]) if "uncertainty_stated" in content else ""


def above_offsets(content: Content) -> str:
    """Say that a neutral year may have emitted more than was made good; "" when it may not.

    Neutral is decided by the emissions as computed; the upper end of the interval is what may
    have been left to offset.
    """
    stated: Mapping[str, Any] = content.get("uncertainty_stated") or {}
    found, balance = stated.get("to_offset"), content["balance"]
    if not found or not balance["neutral"] or balance["offsets_g"] >= found["upper_g"]:
        return ""
    return str(
        _(
            "抵消总量不少于算出的排放，但低于抵减后排放 95%% 置信区间的上限 %(upper)s kg，"
            "相差 %(short)s kg：实际排放可能比抵消的多。",
            upper=offset_labels.kg(found["upper_g"]),
            short=offset_labels.kg(found["upper_g"] - balance["offsets_g"]),
        )
    )


def parts(content: Content) -> list[Mapping[str, Any]]:
    """Return what is stated factor by factor; none when nothing is."""
    found: list[Mapping[str, Any]] = (content.get("uncertainty_stated") or {}).get("parts", [])
    if any(part["activity_percent"] or part["factor_percent"] for part in found):
        return found
    return []


def factor_name(content: Content, code: str) -> str:
    """Return what a statement calls a factor, in the page's language."""
    for item in content["factors"]:
        if item["code"] == code:
            return str((item["name_en"] if language() == "en" else "") or item["name_zh"])
    return code


def percent(text: str) -> str:
    """Return a stated percentage, or that there is none."""
    return f"±{text}%" if text else str(_("未给出"))
