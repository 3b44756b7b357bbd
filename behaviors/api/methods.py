"""GET /api/v1/behaviors: the methods, with every number and where it comes from."""

from datetime import date

from flask import Response

from behaviors import explain
from behaviors.api.answers import json_answer
from behaviors.api.schemas import (
    BehaviorList,
    BehaviorPath,
    BehaviorView,
    FieldView,
    ParameterView,
    RuleSummary,
    RuleView,
)
from behaviors.rulebook import BehaviorInfo, PublishedRule, RuleBook
from behaviors.scoring import FieldSpec, Parameter
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import NotFound
from carbonaccount.web.database import current_session


def list_behaviors() -> Response:
    """Every behaviour with its formula, parameters, sources and versions."""
    book, today = RuleBook.load(current_session()), business_day(utc_now())
    found = [behavior_view(book, info, today=today) for info in book.behaviors.values()]
    return json_answer(BehaviorList(behaviors=found), store=True)


def show_behavior(path: BehaviorPath) -> Response:
    """One behaviour with its formula, parameters, sources and versions."""
    book = RuleBook.load(current_session())
    info = book.behaviors.get(path.code)
    if info is None:
        raise NotFound("unknown_behavior", behavior=path.code)
    return json_answer(behavior_view(book, info, today=business_day(utc_now())), store=True)


def behavior_view(book: RuleBook, info: BehaviorInfo, *, today: date) -> BehaviorView:
    """Return a behaviour as it is shown to the world on a day."""
    current = book.entry_on(info.code, today)
    return BehaviorView(
        code=info.code,
        name={language: parts["name"] for language, parts in info.texts.items()},
        family=info.family,
        category=info.category,
        enabled=info.enabled,
        self_report=info.self_report,
        habit_ends_on=info.habit_ends_on,
        texts={language: dict(parts) for language, parts in info.texts.items()},
        current_version=current.rule.version if current else None,
        versions=[rule_view(entry) for entry in book.entries(info.code)],
    )


def rule_summary(entry: PublishedRule) -> RuleSummary:
    """Return which version this is and when it holds."""
    return RuleSummary(
        version=entry.rule.version,
        valid_from=entry.valid_from,
        valid_to=entry.last_day,
        withdrawn_from=entry.withdrawn_from,
        grade=entry.grade,
        citation=entry.citation,
    )


def rule_view(entry: PublishedRule) -> RuleView:
    """Return everything that decides what an act is worth under this version."""
    rule = entry.rule
    return RuleView(
        **dict(rule_summary(entry)),
        formula=explain.formula(rule),
        quantity_expression=rule.quantity_expression,
        quantity_unit=rule.quantity_unit,
        factor_expression=rule.factor_expression,
        unit_factor=explain.unit_factor(rule),
        unit_factor_unit=explain.factor_unit(rule),
        parameters=[parameter_view(item) for item in rule.parameters],
        fields=[field_view(item) for item in rule.fields],
        daily_cap=None if rule.cap_milli is None else explain.milli(rule.cap_milli),
        double_count_group=rule.double_count_group,
        multipliers=explain.multipliers(rule),
        grams_for=sorted(rule.grams_for),
        credits_per_gram=explain.plain(rule.credits_per_gram),
        credits_per_act=rule.credits_per_act,
        credits_per_act_basis="unit" if rule.counts_acts else "record",
        certifiable=rule.certifiable,
    )


def parameter_view(item: Parameter) -> ParameterView:
    """Return a parameter with its value as people write it."""
    return ParameterView(
        name=item.name,
        value=explain.plain(item.value),
        unit=item.unit,
        grade=item.grade,
        source=item.source,
        factor=item.factor,
    )


def field_view(item: FieldSpec) -> FieldView:
    """Return a measured amount with its limits."""
    return FieldView(
        name=item.name,
        unit=item.unit,
        minimum=explain.plain(item.minimum),
        maximum=explain.plain(item.maximum),
        step=explain.plain(item.step),
        label={"zh": item.label_zh, "en": item.label_en},
    )
