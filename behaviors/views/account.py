"""The first page: what the account holds, or, to a stranger, what this is."""

from dataclasses import dataclass
from datetime import timedelta

from flask import render_template
from flask.typing import ResponseReturnValue

from behaviors import queries
from behaviors.charts import DAYS, week
from behaviors.receipt import arithmetic_of
from behaviors.views import blueprint as blueprint
from behaviors.views.common import by_family, rule_book, today
from behaviors.views.public import worked_example
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id

LATEST = 5
MOST_HELD = 50
SHOWN_OF_FAMILY = 3
EXAMPLE = "bike_ride"


@dataclass(frozen=True)
class Pending:
    """What waits for a person, and what it would come to if all of it were accepted."""

    records: int
    reduction_g: int
    credits: int


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Show the account to its resident, and what this is to everybody else."""
    account_id = current_account_id()
    if account_id is None:
        return landing()
    session, day = current_session(), today()
    totals = queries.day_totals(
        session, account_id=account_id, since=day - timedelta(days=DAYS - 1), until=day
    )
    return render_template(
        "behaviors/home.html",
        balances=queries.balances(session, account_id=account_id),
        pending=pending(account_id),
        week=week(totals, today=day),
        totals=totals,
        behaviors=rule_book().behavior_by_id,
        latest=queries.latest_records(session, account_id=account_id, limit=LATEST),
    )


def landing() -> ResponseReturnValue:
    """Say what this is, with an act worked out by today's rules and what others are worth."""
    counted = []
    for _family, members in by_family(rule_book(), today()):
        worth = [
            (info, entry)
            for info, entry in members
            if info.enabled and entry and entry.rule.unit_factor_nano
        ]
        counted += worth[:SHOWN_OF_FAMILY]
    info, entry = next((pair for pair in counted if pair[0].code == EXAMPLE), (None, None))
    return render_template(
        "behaviors/landing.html",
        counted=counted,
        enabled=sum(info.enabled for info in rule_book().behaviors.values()),
        info=info,
        example=worked_example(entry) if entry else None,
    )


def pending(account_id: int) -> Pending:
    """Return what an account's held records would come to; caps may leave less of it."""
    held = queries.held_records(current_session(), account_id=account_id, limit=MOST_HELD)
    book = rule_book()
    sums = [
        arithmetic_of(record, book.rule_by_id(record.rule_version_id), record.quantity_milli)
        for record in held
    ]
    return Pending(
        len(held), sum(item.reduction_g for item in sums), sum(item.credits for item in sums)
    )
