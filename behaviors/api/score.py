"""POST /api/v1/score: what an act would earn. Public, and nothing is stored."""

from datetime import date

from flask import Response
from sqlmodel import Session

from behaviors import explain, habits
from behaviors.api.answers import json_answer
from behaviors.api.bodies import takes_json
from behaviors.api.methods import parameter_view, rule_summary
from behaviors.api.schemas import ScoreRequest, ScoreView
from behaviors.rulebook import PublishedRule, RuleBook
from behaviors.scoring import score
from carbonaccount.clock import business_day, utc_now
from carbonaccount.database import open_session, reading
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.web.database import engine


@takes_json
def score_act(body: ScoreRequest) -> Response:
    """Work out what an act would earn; nothing is stored."""
    # A reading session although the method is POST: on SQLite the other kind takes the write lock.
    with open_session(reading(engine())) as session:
        return json_answer(scored(session, body, today=business_day(utc_now())), store=False)


def scored(session: Session, asked: ScoreRequest, *, today: date) -> ScoreView:
    """Score an act by the rule of its day.

    Raises NotFound for an unknown behaviour, Conflict for one that is switched off, Invalid
    for a day without a rule and ActivityError for a field of the activity.
    """
    day = asked.occurred_on or today
    book = RuleBook.load(session)
    rule = (entry := _entry(book, asked.behavior, day)).rule
    ends_on = book.behaviors[asked.behavior].habit_ends_on
    result = habits.without_credits_after_end(
        score(rule, asked.activity, evidence=asked.evidence), rule, ends_on=ends_on, day=day
    )
    return ScoreView(
        behavior=asked.behavior,
        occurred_on=day,
        evidence=asked.evidence,
        reduction_g=result.reduction_g,
        credits=result.credits,
        unit_factor=explain.unit_factor(rule),
        unit_factor_unit=explain.factor_unit(rule),
        quantity=explain.milli(result.quantity_milli),
        counted_quantity=explain.milli(result.counted_milli),
        quantity_unit=rule.quantity_unit,
        capped=result.capped,
        habit_ended=habits.has_ended(rule, ends_on, day),
        rule=rule_summary(entry),
        formula=explain.formula(rule),
        formula_with_numbers=explain.formula_with_numbers(rule, asked.activity),
        calculation=explain.calculation(rule, result),
        parameters=[parameter_view(item) for item in rule.parameters],
        multiplier=explain.multipliers(rule)[asked.evidence],
        certified=explain.is_certified(rule, asked.evidence),
    )


def _entry(book: RuleBook, behavior: str, day: date) -> PublishedRule:
    info = book.behaviors.get(behavior)
    if info is None:
        raise NotFound("unknown_behavior", behavior=behavior)
    if not info.enabled:
        raise Conflict("behavior_off", behavior=behavior)
    entry = book.entry_on(behavior, day)
    if entry is None:
        raise Invalid("no_rule", field="occurred_on", behavior=behavior, day=day.isoformat())
    return entry
