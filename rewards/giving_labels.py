"""Words for the codes of giving, trees and certificates. Pages only."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rewards import beneficiaries, certificate_content, giving, plots, trees

KINDS: dict[str, LazyString] = {
    "charity": _l("公益项目"),
    "institution": _l("单位"),
    "class": _l("班级"),
    "community": _l("社区"),
    "event": _l("公共活动"),
}
TAKES: dict[str, LazyString] = {
    beneficiaries.CREDITS: _l("只收积分"),
    beneficiaries.GRAMS: _l("只收减排量"),
    beneficiaries.BOTH: _l("积分和减排量都收"),
}
BENEFICIARY_STATES: dict[str, tuple[LazyString, str]] = {
    beneficiaries.DRAFT: (_l("草稿"), "plain"),
    beneficiaries.IN_REVIEW: (_l("待批准"), "wait"),
    beneficiaries.PUBLISHED: (_l("已发布"), "good"),
    beneficiaries.ENDED: (_l("已结束"), "plain"),
}
GIFT_STATES: dict[str, tuple[LazyString, str]] = {
    giving.GIVEN: (_l("已捐出"), "good"),
    giving.PLEDGED: (_l("已认捐，可收回"), "wait"),
    giving.USED: (_l("已使用"), "good"),
    giving.REVOKED: (_l("已收回"), "plain"),
}
PAPERS: dict[str, LazyString] = {
    plots.PHOTO: _l("照片"),
    plots.ACCEPTANCE: _l("验收报告"),
    "survival_1y": _l("一年成活报告"),
    "survival_3y": _l("三年成活报告"),
}
REFUND_RULES: dict[str, LazyString] = {
    plots.REPLANT: _l("树死了由主办方补种"),
    plots.CREDITS_BACK: _l("树死了退回积分"),
    plots.NOTHING: _l("树死了不补不退"),
}
TREE_STATES: dict[str, tuple[LazyString, str]] = {
    trees.LIVING: (_l("成活"), "good"),
    trees.DEAD: (_l("已死亡，等待处理"), "bad"),
    trees.REPLANTED: (_l("已补种"), "good"),
    trees.REFUNDED: (_l("已死亡，积分已退回"), "plain"),
}
CERTIFICATES: dict[str, LazyString] = {
    certificate_content.YEAR: _l("个人年度减排证书"),
    certificate_content.DONATION: _l("捐赠证书"),
    certificate_content.TREE: _l("树木认养证书"),
}
WITHDRAWN: dict[str, LazyString] = {
    "": _l("有效"),
    "replaced": _l("已被新证书取代"),
    "holder": _l("持有人已收回"),
    "staff": _l("已撤回"),
}
EVIDENCE: dict[str, LazyString] = {
    "A": _l("A 级 · 官方系统计量"),
    "B": _l("B 级 · 合作方记录"),
    "C": _l("C 级 · 照片经人工审核"),
    "D": _l("D 级 · 本人自报"),
}
