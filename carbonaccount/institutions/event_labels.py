"""What the parts of an event are called, in the page's language."""

from collections.abc import Iterable, Mapping

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from carbonaccount.institutions.event_account import PERSON_KM, AccountLine
from carbonaccount.institutions.event_completeness import NO_FACTOR
from carbonaccount.institutions.event_factors import DISTRICT, catalogue, in_city
from carbonaccount.institutions.event_models import EventKind, EventState, MissingKind, Source
from carbonaccount.institutions.offset_labels import KINDS as LOT_KINDS
from carbonaccount.institutions.offset_labels import RANKS
from carbonaccount.institutions.retiring import Why
from carbonaccount.web.templating import language

KINDS: dict[str, LazyString] = {
    EventKind.MEETING: _l("会议"),
    EventKind.MATCH: _l("赛事"),
    EventKind.MARKET: _l("集市"),
    EventKind.EXHIBITION: _l("展览"),
    EventKind.PERFORMANCE: _l("演出"),
}
STATES: dict[str, LazyString] = {
    EventState.PLANNED: _l("筹备中"),
    EventState.RUNNING: _l("进行中"),
    EventState.ACCOUNTING: _l("核算中"),
    EventState.OFFSET: _l("待抵消"),
    EventState.PUBLISHED: _l("已公布"),
    EventState.WITHDRAWN: _l("已撤回"),
}
SOURCES: dict[str, LazyString] = {
    Source.TRAVEL: _l("交通"),
    Source.ENERGY: _l("场馆能源与用水"),
    Source.NIGHTS: _l("住宿"),
    Source.MEALS: _l("餐饮"),
    Source.MATERIALS: _l("材料与物品"),
    Source.WASTE: _l("垃圾"),
}
GAPS: dict[str, LazyString] = {
    MissingKind.ABSENT: _l("没有发生"),
    MissingKind.NOT_ESTIMATED: _l("无法估算"),
    NO_FACTOR: _l("有数量，没有可追溯的因子"),
    "": _l("没有用量，也没有说明"),
}
UNITS: dict[str, LazyString] = {
    PERSON_KM: _l("人公里"),
    "m3": _l("立方米"),
    "L": _l("升"),
    "meal": _l("份"),
    "sheet": _l("张"),
    "night": _l("间夜"),
}


def kind(code: str) -> str:
    """Return what a kind of event is called."""
    return str(KINDS[code])


def state(code: str) -> str:
    """Return how an event stands, in words."""
    return str(STATES[code])


def source(code: str) -> str:
    """Return what a source of emissions is called."""
    return str(SOURCES[code])


def gap(code: str) -> str:
    """Return why a source is not in the total."""
    return str(GAPS[code])


def named_sources(codes: Iterable[str]) -> str:
    """Return sources one after the other."""
    return (", " if language() == "en" else "、").join(map(source, codes))


def sources_of(lines: Iterable[AccountLine]) -> str:
    """Return the sources that lines belong to, each once."""
    return named_sources(dict.fromkeys(line.source for line in lines))


def unit(code: str) -> str:
    """Return a unit of amounts as people write it."""
    return str(UNITS.get(code, code))


def what(line: AccountLine) -> str:
    """Return what an account's line is about."""
    part, _sign, code = line.what.partition(":")
    if part == "mode":
        name = _named(catalogue().modes[code])
        text = _("参加者乘坐：%(mode)s", mode=name)
    elif part == "item":
        text = _named(catalogue().items[code])
    else:
        text = source(part)
    if line.estimated:
        return str(_("%(what)s（未填写者，按已填写者的平均估算）", what=text))
    return str(text)


def mode(code: str) -> str:
    """Return what a way to travel is called."""
    return _named(catalogue().modes[code])


def origin(code: str, districts: Mapping[str, str]) -> str:
    """Return what an origin is called; `districts` names the city's by code."""
    if in_city(code):
        number = code.removeprefix(DISTRICT)
        return districts.get(number, number)
    return _named(catalogue().distances[code])


def _named(row: object) -> str:
    name = "name_en" if language() == "en" else "name_zh"
    return str(getattr(row, name))


def tenths(permille: int) -> str:
    """Return thousandths as per cent with one decimal."""
    return f"{permille // 10}.{permille % 10}"


def lot(code: str) -> str:
    """Return what a kind of lot is called."""
    return str(LOT_KINDS[code])


def why(reason: Why) -> str:
    """Return why a lot is used at its place."""
    return str(RANKS[reason.rank.rank][1])
