"""The demonstration's school has lots, a plan and a statement that can be checked."""

import pytest
from flask import Flask
from sqlmodel import Session, select

from carbonaccount.clock import utc_now
from carbonaccount.institutions import demo, statement_checks, statement_content
from carbonaccount.institutions.neutrality_models import NeutralityStatement
from carbonaccount.institutions.statement_checks import Printed, Verdict
from tests.carbonaccount.institutions.offsets.arranging import broken


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_school_shows_a_statement(app: Flask, session: Session) -> None:
    vault = app.extensions["carbonaccount.vault"]
    for _time in range(2):
        school = demo.load(session, now=utc_now(), vault=vault)
        session.flush()
    row = session.exec(select(NeutralityStatement)).one()
    content = statement_content.read(row.content)
    assert row.institution_id == school.id
    assert "示例" in content["institution"]["name_zh"]
    assert "示例" in content["note"]
    # 40 certificates; whole tonnes first, then what is missing to the gram.
    assert content["balance"]["certificates_kwh"] == 40_000
    assert {lot["kind"] for lot in content["offsets"]} >= {"ccer", "afforestation"}
    assert content["balance"]["offsets_g"] == content["balance"]["after_power_g"]
    assert content["balance"]["neutral"]
    sure = content["uncertainty_stated"]
    assert sure["coverage"] == "whole"
    assert all(part["factor_basis"].startswith("示例") for part in sure["parts"])
    found = statement_checks.check(
        session,
        number=row.public_id,
        printed=Printed(content["balance"]["emissions_g"]),
        vault=vault,
    )
    assert found.verdict is Verdict.EXISTS
    assert broken(session) == {}
