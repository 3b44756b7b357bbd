"""The panel's first page tells each person what of rewards waits for them, in one statement."""

import re

from flask import Flask
from sqlmodel import Session

from carbonaccount.accounts.roles import Role
from rewards.fund_models import FundProposal
from rewards.giving_models import PlotPaper, TreePlot
from rewards.merchant_models import CouponDispute, Merchant, Settlement
from rewards.models import Reward
from tests.admin.desk import staff
from tests.people import Browser
from tests.queries import counting
from tests.rewards.catalogue.arranging import member
from tests.rewards.redeeming.arranging import DAY, NOW, open_people, open_shop, redeem, use


def arrange(session: Session) -> None:
    """One of each kind that waits, but two disputes, and one of each that does not."""
    shop = open_shop(session)
    alice, clerk = open_people(session, 2)
    for key, status in (("a", "open"), ("b", "open"), ("c", "refused")):
        coupon = redeem(session, shop, alice, key)
        use(session, shop, coupon, clerk)
        session.add(
            CouponDispute(
                coupon_id=coupon.stored_id,
                use_number=1,
                merchant_id=shop.merchant_id,
                used_at=NOW,
                text="不是我",
                status=status,
                raised_at=NOW,
            )
        )
    for status in ("in_review", "draft"):
        session.add(
            Settlement(
                public_id=f"s-{status}",
                merchant_id=shop.merchant_id,
                first_day=DAY,
                last_day=DAY,
                status=status,
                created_at=NOW,
            )
        )
        session.add(
            FundProposal(
                budget_id=shop.budget_id,
                change_fen=100,
                reason="x",
                status="open" if status == "in_review" else "withdrawn",
                proposed_by="staff:erin",
                proposed_at=NOW,
            )
        )
    open_shop(session, status="in_review")
    closed = open_shop(session)
    session.get_one(Merchant, closed.merchant_id).active = False
    dearer = session.get_one(Reward, open_shop(session).reward_id)
    plot = TreePlot(
        public_id="p1",
        name_zh="林",
        place="x",
        species_zh="槐",
        latitude_micro=1,
        longitude_micro=1,
        planted_on=DAY,
        planted=2,
        refund_rule="none",
        created_at=NOW,
    )
    session.add(plot)
    session.flush()
    for kind in ("photo", "acceptance"):
        session.add(
            PlotPaper(
                plot_id=plot.id or 0,
                kind=kind,
                sha256=kind,
                file_name=kind,
                made_on=DAY,
                added_by="staff:erin",
                added_at=NOW,
            )
        )
    session.flush()
    pat = member(session, "pat", Role.REWARD_EDITOR)
    dearer.proposed_price, dearer.price_proposed_by = 12, pat.id
    session.commit()


def lines(browser: Browser) -> dict[str, int]:
    """Return what the first page says is waiting."""
    text = browser.get("/admin/").text
    if "rewards-waiting" not in text:
        return {}
    table = text[text.index("rewards-waiting") :]
    found = re.findall(r"<a href=[^>]+>([^<]+)</a></th><td[^>]*>([\d,]+)<", table)
    return {name: int(count) for name, count in found}


def test_each_person_is_told_what_waits_on_their_pages(app: Flask, session: Session) -> None:
    approver = staff(app, Role.REWARD_APPROVER, login="april")
    reviewer = staff(app, Role.REVIEWER, login="rita")
    stranger = staff(app, Role.RULE_EDITOR, login="rudi")
    assert lines(approver) == {}
    arrange(session)
    with counting(app) as statements:
        found = lines(approver)
    assert found == {
        "用券异议待核对": 2,
        "结算单待核对和批准": 1,
        "兑换项目待另一人发布": 1,
        "新价格待另一人批准": 1,
        "预算变动待另一人批准": 1,
        "林地报告待另一人批准": 1,
        "已发布、但没有商户收券的项目": 1,
    }
    assert len([text for text in statements if "coupon_dispute" in text]) == 1
    assert lines(reviewer) == {"用券异议待核对": 2}
    with counting(app) as statements:
        assert lines(stranger) == {}
    assert not any("coupon_dispute" in text for text in statements)
