"""The panel's menu: each page once, shown to those who may open it."""

from typing import NamedTuple

from flask import current_app, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from admin.access import allowed
from carbonaccount.web.identity import person


class Entry(NamedTuple):
    """A page of the menu; `also` are pages below it, which mark it as the present one."""

    endpoint: str
    icon: str
    label: LazyString
    also: tuple[str, ...] = ()


MENU: tuple[Entry, ...] = (
    Entry("admin.overview", "home", _l("概览")),
    Entry(
        "admin.behaviors",
        "leaf",
        _l("行为与规则"),
        (
            *("admin.behavior", "admin.new_behavior", "admin.edit_behavior"),
            *("admin.rule", "admin.new_rule", "admin.edit_rule"),
            *("admin.previews", "admin.preview"),
        ),
    ),
    Entry("admin.rule_queue", "check", _l("在办的规则")),
    Entry("admin.rescorings", "scale", _l("历史重算"), ("admin.rescoring", "admin.new_rescoring")),
    Entry(
        "admin.factors",
        "energy",
        _l("排放因子"),
        ("admin.factor", "admin.new_factor", "admin.edit_factor"),
    ),
    Entry(
        "admin.policy",
        "calculator",
        _l("积分政策"),
        ("admin.set_policy", "admin.holidays", "admin.edit_holidays"),
    ),
    Entry(
        "admin.rewards",
        "gift",
        _l("兑换目录"),
        ("admin.reward", "admin.new_reward", "admin.edit_reward"),
    ),
    Entry(
        "admin.fund",
        "scale",
        _l("奖励资金"),
        ("admin.programme", "admin.new_programme", "admin.sponsors"),
    ),
    Entry(
        "admin.draws",
        "ticket",
        _l("抽签与排队"),
        ("admin.draw", "admin.new_draw", "admin.queue"),
    ),
    Entry("admin.uploads", "receipt", _l("数据导入"), ("admin.new_upload", "admin.upload")),
    Entry("admin.reviews_queue", "camera", _l("照片审核"), ("admin.review",)),
    Entry("admin.appeals_queue", "scale", _l("申诉"), ("admin.appeal",)),
    Entry("admin.merchants_list", "shop", _l("合作商户"), ("admin.merchant", "admin.new_merchant")),
    Entry("admin.settlements", "receipt", _l("结算"), ("admin.settlement", "admin.new_settlement")),
    Entry("admin.disputes_queue", "scale", _l("用券异议"), ("admin.dispute",)),
    Entry(
        "admin.beneficiaries",
        "heart",
        _l("捐赠对象"),
        ("admin.beneficiary", "admin.new_beneficiary", "admin.edit_beneficiary"),
    ),
    Entry(
        "admin.plots_list",
        "nature",
        _l("林地"),
        ("admin.plot", "admin.new_plot", "admin.edit_plot"),
    ),
    Entry("admin.certificates_list", "shield", _l("证书"), ("admin.certificate",)),
    Entry(
        "admin.institutions_list",
        "home",
        _l("单位"),
        ("admin.institution", "admin.institution_listing"),
    ),
    Entry("admin.recognitions", "shield", _l("绿色创建"), ("admin.recognition_case",)),
    Entry("admin.indicators", "check", _l("方案指标"), ("admin.indicator",)),
    Entry("admin.statements_list", "scale", _l("碳中和声明"), ("admin.statement_review",)),
    Entry(
        "admin.pools_list",
        "heart",
        _l("减排池"),
        ("admin.pool", "admin.new_pool", "admin.edit_pool"),
    ),
    Entry("admin.offset_lots", "receipt", _l("抵消批次"), ("admin.offset_lot",)),
    Entry("admin.survival_checks", "nature", _l("造林存活核查"), ("admin.survival_check",)),
    Entry("admin.people", "person", _l("居民"), ("admin.resident", "admin.find_person")),
    Entry("admin.sources", "plug", _l("数据来源"), ("admin.source", "admin.new_source")),
    Entry("admin.staff", "shield", _l("工作人员"), ("admin.staff_member", "admin.new_staff")),
    Entry("admin.audit_log", "book", _l("审计日志")),
    Entry("admin.jobs", "clock", _l("后台任务")),
    Entry("admin.control_totals", "scale", _l("对账合计")),
)


def menu() -> list[tuple[Entry, bool]]:
    """Return the entries for the person of this request, and which of them is the present page."""
    found = person()
    roles = found.roles if found is not None else frozenset[str]()
    return [
        (entry, request.endpoint in (entry.endpoint, *entry.also))
        for entry in MENU
        if entry.endpoint in current_app.view_functions and allowed(entry.endpoint, roles)
    ]


def may_open(endpoint: str) -> bool:
    """Return whether the person of this request may open a page; for links and buttons."""
    found = person()
    return found is not None and allowed(endpoint, found.roles)
