"""Where a factor comes from and what its units are called, in the language of a page or file."""

import re
from collections.abc import Mapping

from carbonaccount.factors import FactorVersion
from carbonaccount.institutions.event_factors import UsedFactor

# As people write them; a unit that is not here is written alike in both languages.
_UNITS = {
    "zh": {
        "sheet": "张",
        "pkm": "人公里",
        "night": "间夜",
        "meal": "份",
        "mu": "亩",
        "year": "年",
        "m3": "m³",
        "m2": "m²",
        "万m3": "万m³",
    },
    "en": {
        "张": "sheets",
        "包": "reams",
        "公里": "km",
        "人公里": "pkm",
        "间夜": "nights",
        "万kWh": "10,000 kWh",
        "万m3": "10,000 m³",
        "m3": "m³",
        "m2": "m²",
    },
}
_WORD = re.compile(r"\w+")


def unit_text(unit: str, language: str) -> str:
    """Return a unit as people write it: `sheet` is 张 in Chinese, `m3` is m³ in both."""
    words = _UNITS["en" if language == "en" else "zh"]
    return _WORD.sub(lambda found: words.get(found[0], found[0]), unit)


def source_text(factor: FactorVersion | UsedFactor | Mapping[str, str], language: str) -> str:
    """Return where a factor comes from; the text of the other language where there is but one.

    A mapping is a factor in a statement's text; what was sealed before has no Chinese one.
    """
    if isinstance(factor, Mapping):
        english, chinese = factor["source"], factor.get("source_zh", "")
    else:
        english, chinese = factor.source, factor.source_zh
    return english or chinese if language == "en" else chinese or english
