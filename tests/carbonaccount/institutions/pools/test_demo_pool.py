"""The demonstration has a pool that residents can join; loading it again adds nothing."""

import pytest
from flask import Flask
from sqlmodel import Session, select

from carbonaccount.institutions.pool_models import Pool
from carbonaccount.ledger.verify import verify_everything
from tests.carbonaccount.institutions.pools.arranging import NOW


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_demonstration_has_one_open_pool(app: Flask, session: Session) -> None:
    load = app.extensions["carbonaccount.load_demo_institutions"]
    for _ in range(2):
        load(session, now=NOW)
    pool = session.exec(select(Pool)).one()
    assert (pool.status, pool.price_fen_per_t) == ("open", 6000)
    assert {code: count for code, _, count in verify_everything(session) if count} == {}
