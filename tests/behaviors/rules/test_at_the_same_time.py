"""Two people at the same moment: one step happens, the other is refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlmodel import Session

from behaviors import rule_services
from behaviors.models import RuleVersion
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import Actor
from carbonaccount.database import open_session
from carbonaccount.errors import Conflict
from tests.behaviors.rules.acts import staff
from tests.behaviors.rules.drafts import (
    CITATION,
    MONDAY,
    Office,
    approve,
    bus_rule,
    steps,
    submitted,
)


def test_one_of_two_approvals_counts(app: Flask, session: Session, office: Office) -> None:
    greta = staff(session, "greta", Role.RULE_APPROVER)
    version_id = submitted(session, office.erin)
    session.commit()

    def try_to_approve(actor: Actor) -> str:
        with open_session(app.extensions["carbonaccount.engine"]) as own:
            try:
                approve(own, version_id, actor)
            except Conflict as refused:
                return refused.code
            own.commit()
            return "approved"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(try_to_approve, [office.anna, greta]))
    assert sorted(outcomes) == ["approved", "rule_not_in_state"]
    assert steps(session, version_id).count("approved") == 1


def test_drafts_at_the_same_time_take_different_numbers(
    app: Flask, session: Session, office: Office
) -> None:
    rule = bus_rule(session, "0.0269")
    session.commit()

    def draft_it(actor: Actor) -> int:
        with open_session(app.extensions["carbonaccount.engine"]) as own:
            version = rule_services.draft_rule(
                own,
                rule=rule,
                grade="B",
                citation=CITATION,
                reason="x",
                acting_user=actor,
                now=MONDAY,
            )
            own.commit()
            return version.version

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(draft_it, [office.erin, office.fred] * 3))
    assert sorted(numbers) == [2, 3, 4, 5, 6, 7]


def test_an_edit_while_it_is_being_approved_is_refused(
    app: Flask, session: Session, office: Office
) -> None:
    """The approver must not approve other words than those that were looked at."""
    version_id = submitted(session, office.erin)
    session.commit()
    approve(session, version_id, office.anna)
    rule = bus_rule(session, "0.9")

    def edit_it() -> None:
        with open_session(app.extensions["carbonaccount.engine"]) as own:
            rule_services.edit_draft(
                own,
                rule_version_id=version_id,
                rule=rule,
                grade="B",
                citation=CITATION,
                reason="x",
                acting_user=office.fred,
                now=MONDAY,
            )

    with ThreadPoolExecutor(1) as pool:
        edit = pool.submit(edit_it)
        session.commit()
        with pytest.raises(Conflict, match="rule_not_in_state"):
            edit.result()
    stored = session.get_one(RuleVersion, version_id)
    session.refresh(stored)
    assert stored.unit_factor_nano == 26_900_000
