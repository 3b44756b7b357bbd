"""Guardians: two accounts that both agree, codes that are good once, and pages for both."""

import re
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlmodel import Session

from carbonaccount.accounts import guardians
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from rewards.eligibility import eligibility
from tests.people import ALICE, BOB, Browser
from tests.rewards.catalogue.arranging import NOW, on_shelf
from tests.rewards.fund import arranged

VAULT = Vault(b"k" * 32)


def born(session: Session, account_id: int, year: int, month: int = 1) -> None:
    """Let a resident tell a month of birth."""
    guardians.tell_born_month(
        session,
        account_id=account_id,
        born_month=date(year, month, 1),
        acting_user=SYSTEM,
        now=NOW,
    )


def test_a_child_takes_rewards_only_while_somebody_answers(session: Session) -> None:
    child, parent, other = (arranged.person(session, NOW) for _ in range(3))
    reward = on_shelf(session, "票")
    eligibility(session, account_id=child, reward=reward, now=NOW)
    born(session, child, 2014)
    asking = {"child_id": child, "vault": VAULT, "acting_user": SYSTEM, "now": NOW}
    with pytest.raises(Invalid, match="guardian_needed"):
        eligibility(session, account_id=child, reward=reward, now=NOW)
    first = guardians.ask(session, **asking)  # type: ignore[arg-type]
    code = guardians.ask(session, **asking)  # type: ignore[arg-type]

    def confirm(guardian_id: int, typed: str, minutes: int = 0) -> None:
        guardians.confirm(
            session,
            guardian_id=guardian_id,
            code=typed,
            vault=VAULT,
            acting_user=SYSTEM,
            now=NOW + timedelta(minutes=minutes),
        )

    for guardian_id, typed, minutes, refusal in (
        (parent, code, 0, "guardian_age_unknown"),
        (other, code, 0, "guardian_too_young"),
        (parent, first, 0, "guardian_code_wrong"),
        (parent, code, 30, "guardian_code_wrong"),
    ):
        if refusal == "guardian_too_young":
            # 18 in July 2026 and not before: born in June 2008, seen in June 2026.
            born(session, other, 2008, 6)
        if typed == first:
            born(session, parent, 1985)
        with pytest.raises(DomainError, match=refusal):
            confirm(guardian_id, typed, minutes)
    confirm(parent, f" {code[:4].lower()}-{code[4:]} ")
    eligibility(session, account_id=child, reward=reward, now=NOW)
    with pytest.raises(Invalid, match="guardian_code_wrong"):
        confirm(parent, code)
    with pytest.raises(Conflict, match="guardian_there"):
        guardians.ask(session, **asking)  # type: ignore[arg-type]

    ending = {"child_id": child, "acting_user": SYSTEM, "now": NOW}
    with pytest.raises(NotFound):
        guardians.end(session, account_id=other, **ending)  # type: ignore[arg-type]
    assert guardians.end(session, account_id=parent, **ending)  # type: ignore[arg-type]
    assert not guardians.end(session, account_id=parent, **ending)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="guardian_needed"):
        eligibility(session, account_id=child, reward=reward, now=NOW)


def test_nobody_grows_up_by_telling_another_month(session: Session) -> None:
    child = arranged.person(session, NOW)
    born(session, child, 2014)
    with pytest.raises(Conflict, match="born_month_older"):
        born(session, child, 2000)
    born(session, child, 2015)
    for wrong in (date(2026, 7, 1), date(1900, 1, 1), date(2000, 1, 2)):
        with pytest.raises(Invalid, match="born_month_invalid"):
            guardians.tell_born_month(
                session, account_id=child, born_month=wrong, acting_user=SYSTEM, now=NOW
            )


def test_the_pages_of_child_and_guardian(app: Flask, session: Session) -> None:
    public_id = on_shelf(session, "儿童乐园", minimum_age=6).public_id
    session.commit()
    child, parent = Browser(app), Browser(app)
    child.sign_in(ALICE)
    parent.sign_in(BOB)
    reward = f"/rewards/{public_id}"
    assert "/guardian?next=" in child.get(reward).text
    this_year = utc_now().year
    told = child.post(
        "/guardian/birth-month",
        {"year": str(this_year - 10), "month": "1", "next": reward},
        page="/guardian",
    )
    assert (told.status_code, told.location) == (303, reward)
    assert "须由监护人确认" in child.get("/rewards").text
    assert child.post("/guardian/code", {}, page="/guardian").status_code == 303
    shown = re.search(r'class="spelled"[^>]*>(\w{4}) (\w{4})<', child.get("/guardian").text)
    assert shown
    code = shown[1] + shown[2]
    confirm = "/guardian/confirm"
    unknown = parent.post(confirm, {"code": code}, page="/guardian")
    assert unknown.status_code == 422
    assert "请先填写您自己的出生年月" in unknown.text
    parent.post("/guardian/birth-month", {"year": "1985", "month": "5"}, page="/guardian")
    wrong = parent.post(confirm, {"code": "ZZZZZZZZ"}, page="/guardian")
    assert (wrong.status_code, "确认码不对" in wrong.text) == (422, True)
    assert parent.post(confirm, {"code": code}, page="/guardian").status_code == 303
    page = parent.get("/guardian").text
    assert "尾号 8000 的孩子" in page
    assert "监护人已确认，您现在可以兑换和捐赠了。" in child.get("/messages").text
    assert "须由监护人确认" not in child.get("/rewards").text
    row = re.search(r'name="guardian" value="(\d+)"', page)
    assert row
    stranger = Browser(app)
    stranger.sign_in("13700000001")
    refused = stranger.post("/guardian/end", {"guardian": row[1]}, page="/guardian")
    assert refused.status_code == 404
    ended = parent.post("/guardian/end", {"guardian": row[1]}, page="/guardian")
    assert ended.status_code == 303
    assert "须由监护人确认" in child.get("/rewards").text
    # A wrong code can be typed ten times an hour; the right one was among the ten.
    statuses = [
        parent.post(confirm, {"code": "ZZZZZZZZ"}, page="/guardian").status_code for _ in range(8)
    ]
    assert statuses == [422] * 7 + [429]
