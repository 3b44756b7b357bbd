"""What is told to everybody about a behaviour, as numbers to keep and as a sentence to read. Pure.

An announcement is stored as a kind and numbers; the sentence is made when somebody reads it, in
their language.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from behaviors import explain
from behaviors.rulebook import BehaviorInfo
from behaviors.scoring import ActivityError, Rule, score
from behaviors.usual_amounts import example_amounts

RULE_CHANGE = "rule_change"
RULE_CANCELLED = "rule_cancelled"
BEHAVIOR_STOPPED = "behavior_stopped"
BEHAVIOR_RESUMED = "behavior_resumed"
KINDS = (RULE_CHANGE, RULE_CANCELLED, BEHAVIOR_STOPPED, BEHAVIOR_RESUMED)

# What is measured best earns most; it is the number people compare.
EVIDENCE = "A"
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
# By unit: Chinese, one in English, several in English. Other units are written as they are.
_UNITS = {
    "km": ("公里", "km", "km"),
    "pkm": ("人公里", "passenger-km", "passenger-km"),
    "kWh": ("千瓦时", "kWh", "kWh"),
    "kg": ("千克", "kg", "kg"),
    "m3": ("立方米", "m³", "m³"),
    "step": ("步", "step", "steps"),
    "meal": ("餐", "meal", "meals"),
    "use": ("次", "time", "times"),
    "day": ("天", "day", "days"),
    "order": ("单", "order", "orders"),
    "sheet": ("张", "sheet", "sheets"),
    "piece": ("件", "piece", "pieces"),
    "item": ("件", "item", "items"),
    "session": ("次", "session", "sessions"),
    "parcel": ("件", "parcel", "parcels"),
    "device": ("台", "device", "devices"),
    "lamp": ("盏", "lamp", "lamps"),
    "mu": ("亩", "mu", "mu"),
    "year": ("年", "year", "years"),
}


def rule_change(
    info: BehaviorInfo, *, before: Rule | None, after: Rule, from_day: date
) -> dict[str, object]:
    """Return what a change of rule means for an ordinary amount of an act, metered.

    before: the rule that would hold on `from_day` without the change, None for a first rule.
    """
    amounts = _comparable_amounts(before, after)
    return {
        **_about(info),
        "from_day": from_day.isoformat(),
        "amounts": [
            {"value": explain.plain(amounts[item.name]), "unit": item.unit} for item in after.fields
        ],
        **_earned(after, amounts, "after"),
        **(_earned(before, _of(before, amounts), "before") if before else {}),
    }


def rule_cancelled(info: BehaviorInfo, *, from_day: date) -> dict[str, object]:
    """Return that an announced change will not come."""
    return {**_about(info), "from_day": from_day.isoformat()}


def about_behavior(info: BehaviorInfo, *, day: date) -> dict[str, object]:
    """Return that a behaviour was stopped or goes on since a day."""
    return {**_about(info), "from_day": day.isoformat()}


def _about(info: BehaviorInfo) -> dict[str, object]:
    return {
        "behavior": info.code,
        "name_zh": info.texts["zh"]["name"],
        "name_en": info.texts["en"]["name"],
    }


def _comparable_amounts(before: Rule | None, after: Rule) -> dict[str, Decimal]:
    """Return ordinary amounts that the earlier rule admits as well, where it can be."""
    limits = {item.name: item for item in (before.fields if before else ())}
    amounts = example_amounts(after)
    for item in after.fields:
        if (old := limits.get(item.name)) is not None:
            within_old = min(old.maximum, max(old.minimum, amounts[item.name]))
            amounts[item.name] = min(item.maximum, max(item.minimum, within_old))
    return amounts


def _of(rule: Rule, amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the amounts for another version of a rule, which may measure other things."""
    return {name: amounts.get(name, usual) for name, usual in example_amounts(rule).items()}


def _earned(rule: Rule, amounts: Mapping[str, Decimal], when: str) -> dict[str, int]:
    texts = {name: explain.plain(value) for name, value in amounts.items()}
    try:
        result = score(rule, texts, evidence=EVIDENCE)
    except ActivityError:
        # What a rule refuses or finds to be nothing earns nothing under it.
        return {f"g_{when}": 0, f"credits_{when}": 0}
    return {f"g_{when}": result.reduction_g, f"credits_{when}": result.credits}


def sentence(kind: str, params: Mapping[str, Any], language: str) -> str:
    """Return an announcement as a sentence in "zh" or "en"; KeyError for an unknown kind."""
    wording = {
        RULE_CHANGE: _change_words,
        RULE_CANCELLED: _cancelled_words,
        BEHAVIOR_STOPPED: _stopped_words,
        BEHAVIOR_RESUMED: _resumed_words,
    }[kind]
    return wording(params, "en" if language == "en" else "zh")


def _change_words(params: Mapping[str, Any], language: str) -> str:
    if "credits_before" not in params:
        return _new_words(params, language)
    difference = params["credits_after"] - params["credits_before"]
    if difference == 0:
        return _same_words(params, language)
    count = abs(difference)
    if language == "zh":
        verb = "多得" if difference > 0 else "少得"
        return (
            f"{_since(params, language)}，{_what(params, language)}{verb} {count} 积分："
            f"从 {params['credits_before']} 变为 {params['credits_after']}"
            f"{_grams_words(params, language)}。"
        )
    more = "more" if difference > 0 else "fewer"
    return (
        f"{_since(params, language)}: {_what(params, language)} earns {_credits(count)} {more}, "
        f"{params['credits_after']} instead of {params['credits_before']}"
        f"{_grams_words(params, language)}."
    )


def _grams_words(params: Mapping[str, Any], language: str) -> str:
    before, after = params["g_before"], params["g_after"]
    if before == after:
        return ""
    if language == "zh":
        return f"（减排量从 {before} 克变为 {after} 克）"
    return f" (reduction {after} g instead of {before} g)"


def _same_words(params: Mapping[str, Any], language: str) -> str:
    earned = params["credits_after"]
    if language == "zh":
        return (
            f"{_since(params, language)}，{_name(params, language)}的规则有调整；"
            f"{_what(params, language)}仍得 {earned} 积分{_grams_words(params, language)}。"
        )
    return (
        f"{_since(params, language)}: the rule of {_name(params, language)} changes; "
        f"{_what(params, language)} still earns {_credits(earned)}"
        f"{_grams_words(params, language)}."
    )


def _new_words(params: Mapping[str, Any], language: str) -> str:
    grams, earned = params["g_after"], params["credits_after"]
    if language == "zh":
        reduced = f"，减排 {grams} 克" if grams else ""
        return (
            f"{_since(params, language)}，新增{_name(params, language)}："
            f"{_what(params, language)}得 {earned} 积分{reduced}。"
        )
    reduced = f" and a reduction of {grams} g" if grams else ""
    return (
        f"{_since(params, language)}, new: {_what(params, language)} earns "
        f"{_credits(earned)}{reduced}."
    )


def _cancelled_words(params: Mapping[str, Any], language: str) -> str:
    if language == "zh":
        day = _day(params["from_day"], language)
        return f"原定 {day}起的{_name(params, language)}规则调整已取消，仍按现行规则计算。"
    day = _day(params["from_day"], language)
    return (
        f"The change of {_name(params, language)} announced for {day} will not come; "
        "the present rule stays."
    )


def _stopped_words(params: Mapping[str, Any], language: str) -> str:
    if language == "zh":
        return (
            f"{_since(params, language)}，{_name(params, language)}暂停受理；"
            "收到的记录都会保留，恢复后再计入。"
        )
    return (
        f"{_since(params, language)}: {_name(params, language)} is paused. "
        "Records that come in are kept and count when it resumes."
    )


def _resumed_words(params: Mapping[str, Any], language: str) -> str:
    if language == "zh":
        return (
            f"{_since(params, language)}，{_name(params, language)}恢复受理，"
            "暂停期间保留的记录已按当日规则计入。"
        )
    return (
        f"{_since(params, language)}: {_name(params, language)} goes on. "
        "Records kept meanwhile were counted by the rule of their day."
    )


def _name(params: Mapping[str, Any], language: str) -> str:
    return str(params[f"name_{language}"])


def _what(params: Mapping[str, Any], language: str) -> str:
    """Return the act with its amounts: `公交出行 10 公里`, `Bus trip (10 km)`."""
    amounts = [_amount(item["value"], item["unit"], language) for item in params["amounts"]]
    if language == "zh":
        return f"{_name(params, language)} {'、'.join(amounts)}"
    return f"{_name(params, language)} ({', '.join(amounts)})"


def _amount(value: str, unit: str, language: str) -> str:
    chinese, one, several = _UNITS.get(unit, (unit, unit, unit))
    if language == "zh":
        return f"{value} {chinese}"
    return f"{value} {one if value == '1' else several}"


def _credits(count: int) -> str:
    return f"{count} credit" if count == 1 else f"{count} credits"


def _since(params: Mapping[str, Any], language: str) -> str:
    day = _day(params["from_day"], language)
    return f"自 {day}起" if language == "zh" else f"From {day}"


def _day(text: str, language: str) -> str:
    day = date.fromisoformat(text)
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
