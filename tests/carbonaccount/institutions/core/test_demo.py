"""The demonstration's school: whole, and loading again changes nothing."""

from flask import Flask
from sqlmodel import SQLModel, func, select

from carbonaccount.clock import utc_now
from carbonaccount.institutions import demo
from carbonaccount.institutions.credit_codes import read_credit_code
from tests.carbonaccount.institutions.places import signed_in
from tests.people import writing


def rows(app: Flask) -> dict[str, int]:
    """Return how many rows each table has."""
    with writing(app) as session:
        return {
            table.name: session.exec(select(func.count()).select_from(table)).one()
            for table in SQLModel.metadata.sorted_tables
        }


def load(app: Flask) -> str:
    """Load the school; returns its address."""
    with writing(app) as session:
        vault = app.extensions["carbonaccount.vault"]
        school = demo.load(session, now=utc_now(), vault=vault)
        session.commit()
        return f"/institutions/{school.public_id}"


def test_the_school_is_whole_and_loaded_once(app: Flask) -> None:
    address = load(app)
    once = rows(app)
    assert load(app) == address
    assert rows(app) == once
    assert read_credit_code(demo.CREDIT_CODE) == demo.CREDIT_CODE
    owner, clerk = (signed_in(app, phone) for phone in (demo.OWNER_PHONE, demo.CLERK_PHONE))
    assert "负责人" in owner.get(address).text
    assert "data-join-code" in clerk.get(f"{address}/members").text
    for page in ("campaigns", "recognition"):
        assert "示例" in clerk.get(f"{address}/{page}").text
