"""Pages for everybody: the methods, and the calculator."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from flask import render_template, request
from flask.typing import ResponseReturnValue

from behaviors import announcements, habits, rule_queries
from behaviors.forms import activity_error
from behaviors.receipt import Arithmetic
from behaviors.rulebook import BehaviorInfo, PublishedRule, RuleBook
from behaviors.scoring import GRADES, ActivityError, Rule, parse_activity, score
from behaviors.usual_amounts import example_amounts
from behaviors.version_changes import history
from behaviors.views import blueprint as blueprint
from behaviors.views.common import behavior_or_404, by_family, rule_book, today
from carbonaccount.web import messages
from carbonaccount.web.database import current_session
from carbonaccount.web.templating import language

MOST_TEXT = 40


@dataclass(frozen=True)
class Example:
    """A calculation, worked out while the page is made."""

    entry: PublishedRule
    sums: Arithmetic


@dataclass(frozen=True)
class Asked:
    """What was put into the calculator, as text, and what is wrong with it by field."""

    behavior: BehaviorInfo
    day: str
    evidence: str
    amounts: Mapping[str, str]
    errors: Mapping[str, str]


@blueprint.get("/methods")
def methods() -> ResponseReturnValue:
    """Show every behaviour, by family."""
    families = by_family(rule_book(), today())
    return render_template("behaviors/methods.html", families=families)


@blueprint.get("/methods/<code>")
def method(code: str) -> ResponseReturnValue:
    """Show how one behaviour is counted, with a worked example and its history."""
    book, info = rule_book(), behavior_or_404(code)
    entry = book.entry_on(code, today()) or next(iter(book.entries(code)[::-1]), None)
    return render_template(
        "behaviors/method.html",
        info=info,
        entry=entry,
        is_current=entry is not None and entry.holds_on(today()),
        example=worked_example(entry) if entry else None,
        versions=history(book.entries(code)),
        rivals=_rivals(book, entry),
        announced=announced(code),
    )


def announced(code: str) -> list[str]:
    """Return what is announced about a behaviour today, as sentences in the page's language."""
    told = rule_queries.announcements_about(current_session(), behavior=code, day=today())
    return [announcements.sentence(item.kind, item.params, language()) for item in told]


def _rivals(book: RuleBook, entry: PublishedRule | None) -> list[BehaviorInfo]:
    """Return the other behaviours of which only one may count for the same act."""
    group = entry.rule.double_count_group if entry else None
    others = [info for info in book.behaviors.values() if entry and info.id != entry.behavior_id]
    rules = [(info, book.rule_on(info.code, today())) for info in others]
    return [info for info, rule in rules if group and rule and rule.double_count_group == group]


def worked_example(entry: PublishedRule) -> Example:
    """Work out an ordinary amount of an act, metered, by a rule."""
    amounts = example_amounts(entry.rule)
    result = score(entry.rule, amounts, evidence="A")
    return Example(entry, arithmetic(entry.rule, amounts, "A", result.counted_milli))


def arithmetic(
    rule: Rule,
    amounts: Mapping[str, object],
    evidence: str,
    counted_milli: int,
    *,
    habit_ended: bool = False,
) -> Arithmetic:
    """Return the steps of a calculation that scoring has accepted."""
    read = parse_activity(rule, amounts)
    measured = score(rule, amounts, evidence=evidence).quantity_milli
    return Arithmetic(rule, evidence, read, measured, counted_milli, habit_ended)


@blueprint.get("/calculator")
def calculator() -> ResponseReturnValue:
    """Work out what an act would earn; the address holds the question, nothing is stored."""
    book = rule_book()
    choices = [info for info in book.behaviors.values() if info.enabled]
    if not choices:
        return render_template("behaviors/calculator.html", choices=[], asked=None, example=None)
    info = book.behaviors.get(request.args.get("behavior", ""))
    asked, example = _worked_out(book, info if info in choices else choices[0])
    return render_template(
        "behaviors/calculator.html",
        choices=choices,
        asked=asked,
        example=example,
        entry=book.entry_on(asked.behavior.code, _day(asked.day) or today()),
        grades=GRADES,
    )


def _worked_out(book: RuleBook, info: BehaviorInfo) -> tuple[Asked, Example | None]:
    """Read the question and answer it, or say what is wrong with it."""
    day_text = request.args.get("on", "")[:MOST_TEXT] or today().isoformat()
    evidence = request.args.get("evidence", "A")
    evidence = evidence if evidence in GRADES else "A"
    day = _day(day_text)
    if day is None:
        errors = {"on": messages.sentence("not_a_date", {"field": "on"}, language())}
        return Asked(info, day_text, evidence, {}, errors), None
    entry = book.entry_on(info.code, day)
    if entry is None:
        params = {"behavior": info.code, "day": day_text}
        errors = {"on": messages.sentence("no_rule", params, language())}
        return Asked(info, day_text, evidence, {}, errors), None
    amounts = _amounts(entry.rule)
    try:
        result = score(entry.rule, amounts, evidence=evidence)
    except ActivityError as error:
        errors = {error.field: activity_error(entry.rule, error)}
        return Asked(info, day_text, evidence, amounts, errors), None
    ended = habits.has_ended(entry.rule, info.habit_ends_on, day)
    sums = arithmetic(entry.rule, amounts, evidence, result.counted_milli, habit_ended=ended)
    return Asked(info, day_text, evidence, amounts, {}), Example(entry, sums)


def _amounts(rule: Rule) -> dict[str, str]:
    """Return what was typed for each field, an ordinary amount where the field was not asked."""
    return {
        name: request.args.get(name, f"{usual:f}")[:MOST_TEXT].strip()
        for name, usual in example_amounts(rule).items()
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
