"""A donation from the catalogue has its certificate; the examples of the demonstration hold."""

from pathlib import Path

import pytest
from flask import Flask
from sqlmodel import Session, col, func, select

from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.sealing import normal_number
from rewards import certificate_content, certificates, demo_all
from rewards.certificate_checks import Verdict, check
from rewards.giving_models import Beneficiary, PlotPaper, TreePlot
from rewards.models import RewardClass
from tests.rewards.giving.arranging import broken
from tests.rewards.redeeming.arranging import NOW, open_people, open_shop, redeem


def test_a_donation_by_coupon(app: Flask, session: Session) -> None:
    vault = app.extensions["carbonaccount.vault"]
    texts = {"zh": {"title": "给村小捐书"}, "en": {"title": "Books for a school"}}
    shop = open_shop(session, reward_class=RewardClass.DONATION.value, texts=texts)
    repair = open_shop(session)
    alice, bob = open_people(session, 2)
    coupon, other = redeem(session, shop, alice), redeem(session, repair, alice, "other")

    with pytest.raises(NotFound):
        certificate_content.of_donation_coupon(session, account_id=bob, public_id=coupon.public_id)
    with pytest.raises(NotFound):
        certificate_content.of_donation_coupon(session, account_id=alice, public_id=other.public_id)
    content = certificate_content.of_donation_coupon(
        session, account_id=alice, public_id=coupon.public_id
    )
    with pytest.raises(Invalid):
        certificates.issue(
            session,
            account_id=alice,
            content=content,
            shown=certificates.ShownName("两\n行\x00", "同意"),
            vault=vault,
            acting_user=SYSTEM,
            now=NOW,
        )
    row = certificates.issue(
        session,
        account_id=alice,
        content=content,
        shown=certificates.ShownName(),
        vault=vault,
        acting_user=SYSTEM,
        now=NOW,
    )
    payload = certificates.payload_of(row)
    assert (payload["total"], payload["unit"], payload["about"]["to"]["en"]) == (
        100,
        "credit",
        "Books for a school",
    )
    misread = row.number.replace("0", "o").replace("1", "l").lower()
    assert normal_number(f" {misread[:8]}-{misread[8:]} ") == row.number
    found = check(session, number=row.number, total=100, issued_on=NOW.date(), vault=vault)
    assert found.verdict is Verdict.GENUINE
    with pytest.raises(NotFound):
        certificates.take_back(
            session, number=row.number, account_id=bob, acting_user=SYSTEM, now=NOW
        )
    certificates.take_back(
        session, number=row.number, account_id=alice, acting_user=SYSTEM, now=NOW
    )
    with pytest.raises(Conflict):
        certificates.take_back(
            session, number=row.number, account_id=alice, acting_user=SYSTEM, now=NOW
        )
    assert broken(session) == {}


def test_the_demonstration_is_loaded_once_and_holds(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    needs = {
        "now": NOW,
        "vault": app.extensions["carbonaccount.vault"],
        "instance_path": tmp_path,
    }
    rewards = demo_all.load(session, **needs)
    assert rewards > 0
    assert demo_all.load(session, **needs) == rewards
    session.commit()

    counts = session.exec(
        select(
            select(func.count()).select_from(Beneficiary).scalar_subquery(),
            select(func.count()).select_from(TreePlot).scalar_subquery(),
        )
    ).one()
    files = session.exec(select(col(PlotPaper.file_name))).all()
    assert tuple(counts) == (2, 1)
    assert all((tmp_path / "plot-papers" / name).is_file() for name in files)
    assert len(files) == 2
    assert broken(session) == {}
