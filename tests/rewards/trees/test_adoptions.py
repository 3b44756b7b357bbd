"""Adopting trees: never more than were accepted, however many people want one at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, func, select

from carbonaccount.database import open_session
from carbonaccount.errors import DomainError
from rewards.giving_models import TreeAdoption, TreePlot
from rewards.models import Coupon
from tests.rewards.giving.arranging import broken, messages, two_staff
from tests.rewards.redeeming.arranging import Shop, balances, open_people, redeem
from tests.rewards.trees.arranging import accepted_plot, tree_shop

PEOPLE = 64


def try_to_adopt(engine: Engine, shop: Shop, account_id: int) -> str:
    """Take the reward in a transaction of its own; returns what came of it."""
    with open_session(engine) as session:
        try:
            redeem(session, shop, account_id)
            session.commit()
        except DomainError as error:
            session.rollback()
            return error.code
        return "adopted"


def test_64_people_after_ten_trees_adopt_ten(app: Flask, session: Session, tmp_path: Path) -> None:
    editor, approver = two_staff(app, session)
    shop = tree_shop(session)
    # Seven and three trees in two plots; the stock of the reward would allow a thousand.
    first = accepted_plot(session, tmp_path, editor, approver, shop, living=7)
    second = accepted_plot(session, tmp_path, editor, approver, shop, living=3, name_zh="二号林")
    people = open_people(session, PEOPLE, credits=150)
    session.commit()

    engine = app.extensions["carbonaccount.engine"]
    with ThreadPoolExecutor(PEOPLE) as pool:
        outcomes = Counter(pool.map(lambda one: try_to_adopt(engine, shop, one), people))

    session.rollback()
    session.expire_all()
    numbers = session.exec(
        select(col(TreeAdoption.plot_id), col(TreeAdoption.number)).order_by(
            col(TreeAdoption.plot_id), col(TreeAdoption.number)
        )
    ).all()
    assert outcomes == {"adopted": 10, "no_tree_left": 54}
    assert numbers == [(first.id, n) for n in range(1, 8)] + [(second.id, n) for n in range(1, 4)]
    assert session.exec(
        select(func.sum(col(TreePlot.adopted)), func.sum(col(TreePlot.accepted)))
    ).one() == (10, 10)
    # Whoever has a tree paid 100 of 150 credits for it; whoever has none kept all.
    owners = set(session.exec(select(col(TreeAdoption.account_id))).all())
    assert len(owners) == 10
    for account_id in people:
        assert balances(session, account_id)["free"] == (50 if account_id in owners else 150)
        assert balances(session, account_id)["held"] == 0
    assert session.exec(select(func.count()).select_from(Coupon)).one() == 10
    told = messages(session, min(owners))
    assert "tree_adopted" in [kind for kind, _ in told]
    assert broken(session) == {}
