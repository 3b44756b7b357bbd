"""What codes mean to people: families, evidence, grades, outcomes, parameters. Pages only."""

from flask_babel import LazyString, lazy_pgettext
from flask_babel import lazy_gettext as _l

from behaviors.methods import sources_in_chinese
from behaviors.models import ActivityRecord, Channel, RecordStatus
from behaviors.plans import Indicator, Relation
from behaviors.scoring import FieldSpec
from behaviors.version_changes import Change
from carbonaccount.ledger.models import LedgerKind, TransferKind, Unit
from carbonaccount.web.templating import language, plain_decimal

# What a target says, by its relation to the figure.
_TARGETS: dict[str, LazyString] = {
    Relation.ABOUT: _l("约 %(target)s"),
    Relation.AT_LEAST: _l("%(target)s 以上"),
    Relation.BEFORE: _l("%(target)s前"),
}

FAMILIES: dict[str, LazyString] = {
    "transport": _l("绿色出行"),
    "energy": _l("清洁用能"),
    "waste": _l("分类回收"),
    "consumption": _l("低碳消费"),
    "nature": _l("植绿护绿"),
    "office": _l("绿色办公"),
    "habits": _l("低碳习惯"),
}

EVIDENCE_NAMES: dict[str, LazyString] = {
    "A": _l("A 级 · 官方系统计量"),
    "B": _l("B 级 · 合作方记录"),
    "C": _l("C 级 · 照片经人工审核"),
    "D": _l("D 级 · 本人自报"),
}

EVIDENCE_MEANINGS: dict[str, LazyString] = {
    "A": _l("由公交、电网等官方系统自动计量，计减排量，可用于核证。"),
    "B": _l("由合作方的系统记录并与您的账户对应，计减排量，可用于核证。"),
    "C": _l("您上传的照片或票据由工作人员看过，计减排量，但不用于核证。"),
    "D": _l("没有旁证，只凭您自己填写：不计减排量，只给部分积分。"),
}

GRADES: dict[str, LazyString] = {
    "A": _l("A：原文核对过"),
    "A-": _l("A-：原文核对过，有小的换算"),
    "B": _l("B：可靠的转引"),
    "B-": _l("B-：转引，细节待核"),
    "B formula": _l("B：公式可靠，数值待定"),
    "C": _l("C：单一来源或近似"),
    "D": _l("D：推算得出"),
    "none": _l("无来源：不计减排量"),
}

STATUS_NAMES: dict[str, LazyString] = {
    RecordStatus.COUNTED: _l("已计入"),
    RecordStatus.HELD: _l("待审核"),
    RecordStatus.REPLACED: _l("已被取代"),
    RecordStatus.DECLINED: _l("未通过"),
}

OUTCOMES: dict[str, LazyString] = {
    "ok": _l("全部计入"),
    "capped": _l("超上限"),
    "overlap": _l("重复不计"),
    "awaiting_review": _l("待审核"),
    "stopped": _l("暂停受理"),
    "habit_ended": _l("习惯积分已结束"),
    "declined": _l("未通过"),
}

CAP_USED_UP = _l("达到每日上限")

STATUS_TONES = {
    RecordStatus.COUNTED: "good",
    RecordStatus.HELD: "wait",
    RecordStatus.REPLACED: "bad",
    RecordStatus.DECLINED: "bad",
}

CHANNELS: dict[str, LazyString] = {
    Channel.API: _l("合作方系统推送"),
    Channel.FILE: _l("合作方数据文件"),
    Channel.SELF: _l("本人填写"),
}

LEDGER_KINDS: dict[int, LazyString] = {
    LedgerKind.ISSUANCE: _l("发放账户"),
    LedgerKind.RESIDENT: _l("我的账户"),
    LedgerKind.DEBT: _l("待扣账户"),
    LedgerKind.INSTITUTION: _l("机构账户"),
    LedgerKind.EXPIRED: _l("过期账户"),
    LedgerKind.REDEEMED: _l("兑换账户"),
    LedgerKind.HOLD: _l("冻结账户"),
}

TRANSFER_KINDS: dict[int, LazyString] = {
    TransferKind.EARN: _l("获得"),
    TransferKind.REVERSE: _l("冲回"),
    TransferKind.ADJUST: _l("调整"),
    TransferKind.REDEEM: _l("兑换"),
    TransferKind.EXPIRE: _l("过期"),
    TransferKind.GIVE: _l("赠出"),
    TransferKind.HOLD: _l("冻结"),
    TransferKind.RELEASE: _l("解冻"),
}

UNITS: dict[int, LazyString] = {Unit.G: _l("克"), Unit.CREDIT: _l("积分")}

_QUANTITY_UNITS: dict[str, LazyString] = {
    "km": _l("公里"),
    "pkm": _l("人公里"),
    "kWh": _l("千瓦时"),
    "kg": _l("千克"),
    "step": _l("步"),
    "meal": _l("餐"),
    "use": _l("次"),
    "day": _l("天"),
    "order": _l("单"),
    "sheet": _l("张"),
    "piece": _l("件"),
    "item": _l("件"),
    "session": _l("次"),
    "parcel": _l("件"),
    "device": _l("台"),
    "lamp": _l("盏"),
    "m3": _l("立方米"),
    "mu": _l("亩"),
    "mu year": _l("亩·年"),
    "year": _l("年"),
}

# The same words where one of them is meant; languages with plurals tell them apart.
_ONE_OF_UNIT: dict[str, LazyString] = {
    "km": lazy_pgettext("每", "公里"),
    "pkm": lazy_pgettext("每", "人公里"),
    "kWh": lazy_pgettext("每", "千瓦时"),
    "kg": lazy_pgettext("每", "千克"),
    "step": lazy_pgettext("每", "步"),
    "meal": lazy_pgettext("每", "餐"),
    "use": lazy_pgettext("每", "次"),
    "day": lazy_pgettext("每", "天"),
    "order": lazy_pgettext("每", "单"),
    "sheet": lazy_pgettext("每", "张"),
    "piece": lazy_pgettext("每", "件"),
    "item": lazy_pgettext("每", "件"),
    "session": lazy_pgettext("每", "次"),
    "parcel": lazy_pgettext("每", "件"),
    "device": lazy_pgettext("每", "台"),
    "lamp": lazy_pgettext("每", "盏"),
    "m3": lazy_pgettext("每", "立方米"),
    "mu": lazy_pgettext("每", "亩"),
    "mu year": lazy_pgettext("每", "亩·年"),
    "year": lazy_pgettext("每", "年"),
}

_PARAMETERS: dict[str, LazyString] = {
    "ef_baseline": _l("基准出行的排放因子"),
    "ef_bus": _l("公交的排放因子"),
    "ef_metro": _l("地铁的排放因子"),
    "ef_reduction": _l("每公里减排量"),
    "ef_step": _l("每步减排量"),
    "ef_day": _l("每天减排量"),
    "ef_ice": _l("燃油车的排放因子"),
    "kwh_per_km": _l("每公里耗电"),
    "ef_grid": _l("电网排放因子"),
    "charging_loss": _l("充电损耗率"),
    "ef_water": _l("自来水的排放因子"),
    "ef_sorting": _l("每千克分类减排量"),
    "ef_recycle": _l("每千克回收减排量"),
    "ef_meal": _l("每餐减排量"),
    "ef_order": _l("每单减排量"),
    "ef_sheet": _l("每张纸减排量"),
    "replacement_rate": _l("新品替代率"),
    "sink_per_mu_year": _l("每亩每年碳汇"),
}


_RULE_PARTS: dict[str, LazyString] = {
    "quantity": _l("量的公式"),
    "factor": _l("因子的公式"),
    "unit_factor": _l("单位减排量"),
    "cap": _l("每人每天上限"),
    "group": _l("重复计算的分组"),
    "multipliers": _l("各级证据的积分系数"),
    "credits_per_gram": _l("每克积分"),
    "credits_per_act": _l("每次积分"),
}


def change_name(change: Change) -> str:
    """Return what changed between two versions of a rule."""
    if change.is_parameter:
        return f"{parameter_name(change.part)} ({change.part})"
    return str(_RULE_PARTS[change.part])


def unit_name(unit: str) -> str:
    """Return a quantity's unit in words, the unit itself when we have no word for it."""
    return str(_QUANTITY_UNITS.get(unit, unit))


def unit_one(unit: str) -> str:
    """Return one of a quantity's unit in words, as in "a kilometre"."""
    return str(_ONE_OF_UNIT.get(unit, unit))


def parameter_name(name: str) -> str:
    """Return what a parameter of a formula is, its name in the formula when we have no words."""
    return str(_PARAMETERS.get(name, name))


def source_text(source: str) -> str:
    """Return where a number comes from; in Chinese where it is a shipped factor's text."""
    return source if language() == "en" else sources_in_chinese().get(source, source)


def badge(record: ActivityRecord) -> tuple[LazyString, str]:
    """Return in a word what became of a record, and how that looks."""
    if record.status == RecordStatus.HELD and record.outcome == "stopped":
        return OUTCOMES["stopped"], "wait"
    if record.status != RecordStatus.COUNTED or record.outcome == "ok":
        return STATUS_NAMES[record.status], STATUS_TONES[RecordStatus(record.status)]
    if record.outcome == "capped" and record.counted_milli == 0:
        return CAP_USED_UP, "wait"
    return OUTCOMES[record.outcome], "wait"


def field_name(item: FieldSpec) -> str:
    """Return what is measured in the page's language."""
    return item.label_en if language() == "en" else item.label_zh


def grade_meaning(grade: str) -> str:
    """Return what the confidence grade of a number's source means."""
    return str(GRADES.get(grade, grade))


def family_name(family: str) -> str:
    """Return a family's name, its code when it is one of a later methods release."""
    return str(FAMILIES.get(family, family))


def target_text(item: Indicator) -> str:
    """Return a target with its unit and what the plan says of it, for example that it is about."""
    unit = item.unit_en if language() == "en" else item.unit_zh
    figure = f"{plain_decimal(item.target)} {unit}".strip()
    said = _TARGETS.get(item.relation)
    return figure if said is None else str(said) % {"target": figure}
