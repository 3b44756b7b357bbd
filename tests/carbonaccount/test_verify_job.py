"""The nightly check of the books: nothing broken, and what is broken is named and logged."""

import pytest
import sqlalchemy as sa
from flask import Flask

from carbonaccount import scheduler
from carbonaccount.clock import business_day, utc_now
from tests.people import writing


def test_what_is_broken_is_named(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    engine, now = app.extensions["carbonaccount.engine"], utc_now()

    def told() -> str:
        with app.app_context():
            day = business_day(now)
            return scheduler.try_out(engine, name="verify-books", period=day, now=now).summary

    whole = told()
    assert whole.startswith("invariants=")
    assert whole.endswith(" broken=0")
    with writing(app) as session:
        # A balance that no transfer explains.
        session.execute(
            sa.text(
                "INSERT INTO ledger_account (id, owner_id, kind, unit, vintage, balance) "
                "VALUES (999999, 999999, 2, 1, 0, 5)"
            )
        )
        session.commit()
    assert "L1:1" in told()
    assert "invariant_broken" in caplog.text
