"""What lots, shares, measures and statements are called, in the page's language."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from carbonaccount.institutions.attribution import FLEET, STAFF
from carbonaccount.institutions.neutrality_models import MeasureArea, StatementStatus
from carbonaccount.institutions.neutrality_states import NeutralityState
from carbonaccount.institutions.offset_models import CheckStatus, LotKind, LotStatus, Purpose
from carbonaccount.institutions.offset_rules import ORDER_OF_USE, OWN_REGISTRY, REGISTRIES
from carbonaccount.web.templating import language

KINDS: dict[str, LazyString] = {
    LotKind.GREEN_CERTIFICATE: _l("绿证"),
    LotKind.FLEET: _l("公务新能源车减排"),
    LotKind.STAFF: _l("员工减排"),
    LotKind.GIFT: _l("居民捐赠的减排量"),
    LotKind.POOL: _l("居民减排量资产包"),
    LotKind.CCER: _l("CCER"),
    LotKind.AFFORESTATION: _l("造林碳汇"),
    LotKind.OTHER_CREDIT: _l("其他减排量"),
}
# Words and tone of each state of a lot; split ones are not shown.
LOT_STATES: dict[str, tuple[LazyString, str]] = {
    LotStatus.HELD: (_l("持有"), "wait"),
    LotStatus.RETIRED: (_l("已使用并注销"), "good"),
    LotStatus.WITHDRAWN: (_l("已撤回"), "bad"),
}
PURPOSES: dict[str, LazyString] = {
    Purpose.STATEMENT_YEAR: _l("年度碳中和"),
    Purpose.EVENT: _l("活动碳中和"),
    Purpose.POWER_LINE: _l("抵减外购电力"),
}
# The order of use: what the steps are called, and why they stand where they do.
RANKS: dict[int, tuple[LazyString, LazyString]] = {
    0: (_l("抵减外购电力"), _l("绿证只抵减外购电力，先于一切减排量")),
    1: (_l("本单位自己的减排"), _l("先减后抵：自己的减排最先使用")),
    2: (_l("本地核证的碳普惠减排量"), _l("碳中和优先使用本地核证的碳普惠减排量")),
    3: (_l("CCER 与林业碳汇"), _l("本地减排量不够时使用")),
    4: (_l("其他减排量"), _l("最后使用")),
}
# Which step a kind belongs to; certificates come before all of them.
ORDER: dict[str, int] = {
    LotKind.GREEN_CERTIFICATE: 0,
    **{kind: item.rank for kind, item in ORDER_OF_USE.items()},
}
ROLES: dict[str, LazyString] = {FLEET: _l("公务车辆"), STAFF: _l("员工减排")}
CHECKS: dict[str, tuple[LazyString, str]] = {
    CheckStatus.WAITING: (_l("待市里审核"), "wait"),
    CheckStatus.ACCEPTED: (_l("已通过"), "good"),
    CheckStatus.REFUSED: (_l("未通过"), "bad"),
}
AREAS: dict[str, LazyString] = {
    MeasureArea.POWER: _l("用电"),
    MeasureArea.FUEL: _l("燃料"),
    MeasureArea.HEAT: _l("供热"),
    MeasureArea.TRAVEL: _l("出行"),
    MeasureArea.OTHER: _l("其他"),
}
STATEMENTS: dict[str, tuple[LazyString, str]] = {
    StatementStatus.DRAFT: (_l("草稿"), "plain"),
    StatementStatus.IN_REVIEW: (_l("待审核"), "wait"),
    StatementStatus.REVIEWED: (_l("已审核，待发布"), "wait"),
    StatementStatus.PUBLISHED: (_l("已发布"), "good"),
    StatementStatus.WITHDRAWN: (_l("已撤回"), "bad"),
}
STATES: dict[str, LazyString] = {
    NeutralityState.NEUTRAL: _l("已实现碳中和"),
    NeutralityState.ON_THE_WAY: _l("正在实现"),
    NeutralityState.NOT_BEGUN: _l("尚未开始"),
    NeutralityState.CORRECTED_SHORT: _l("已更正，抵消不足"),
}
BLOCKS: dict[str, LazyString] = {
    "direct": _l("直接排放"),
    "power": _l("外购电力"),
    "heat": _l("外购热力"),
    "optional": _l("可选项（不计入合计）"),
}
GRADES: dict[str, LazyString] = {
    "A": _l("计量或账单，附佐证文件"),
    "B": _l("计量或账单，未附文件"),
    "C": _l("推算"),
    "D": _l("估算"),
}
OBSTACLES: dict[str, LazyString] = {
    "": _l("可以做批次"),
    "year_not_over": _l("这一年还没有结束"),
    "too_young": _l("树龄不足，按保守规则不计"),
    "no_check": _l("等待当年或其后四年内通过的存活核查"),
    "check_waiting": _l("有一次存活更少的核查待审核，审核后再做"),
    "lot_made_before": _l("批次已做"),
}


def registry_name(code: str) -> str:
    """Return the name of a registry; of the city's own, the city's words for it."""
    if code == OWN_REGISTRY:
        return str(_l("本市碳账户"))
    registry = REGISTRIES[code]
    return registry.name_en if language() == "en" else registry.name_zh


def kg(grams: int) -> str:
    """Return grams as exact kilograms with three decimals, as statements print them."""
    return f"{Decimal(grams) / 1000:,.3f}"


def grouped(number: str) -> str:
    """Return an exact decimal with its thousands set apart."""
    return f"{Decimal(number):,f}"


def percent(permille: int) -> str:
    """Return thousandths as a percentage with at most one decimal."""
    return f"{Decimal(permille) / 10:f}".removesuffix(".0") + "%"


def other_grid(item: Mapping[str, Any]) -> str:
    """Return that a statement's electricity was counted with another grid's factor, in words."""
    return str(
        _(
            "%(counted)s %(unit)s 按“%(factor)s”计算，是 %(kg)s kg；"
            "按“%(usual)s”计算是 %(would)s kg",
            counted=grouped(item["counted"]),
            unit=item["unit"],
            factor=_spoken(item["factor"]),
            kg=kg(item["emission_g"]),
            usual=_spoken(item["usual"]),
            would=kg(item["usual_g"]),
        )
    )


def _spoken(row: Mapping[str, str]) -> str:
    return (row["name_en"] if language() == "en" else "") or row["name_zh"]


def hectares(area_m2: int) -> str:
    """Return square metres as hectares (hm²), exactly."""
    text = f"{Decimal(area_m2) / 10_000:.4f}".rstrip("0").rstrip(".")
    return f"{text} hm²"
