"""Residents at the help desk: masked, found by the whole number, unmasked with a reason."""

import csv
import io
import re
from datetime import date

import pytest
from flask import Flask
from sqlmodel import col, select

from carbonaccount.accounts.models import Resident
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import AuditEntry
from tests.admin.desk import newest_person, photo_report, staff
from tests.people import ALICE, Browser, says, writing


@pytest.fixture
def alice(app: Flask) -> Browser:
    browser = Browser(app)
    browser.sign_in(ALICE)
    return browser


@pytest.fixture
def olga(app: Flask, alice: Browser) -> Browser:
    return staff(app, Role.OPERATOR, login="olga")


def public_id(app: Flask) -> str:
    with writing(app) as session:
        return newest_person(session).public_id


def entries(app: Flask, action: str) -> list[AuditEntry]:
    with writing(app) as session:
        return list(session.exec(select(AuditEntry).where(col(AuditEntry.action) == action)))


def test_the_list_is_masked(app: Flask, olga: Browser) -> None:
    page = olga.get("/admin/people").text
    assert "*******8000" in page
    assert ALICE not in page
    exported = olga.get("/admin/people.csv").data.decode("utf-8-sig")
    assert ALICE not in exported
    assert next(csv.DictReader(io.StringIO(exported)))["手机尾号"] == "8000"
    assert "没有符合条件的居民" in olga.get("/admin/people?tail=9999").text
    assert "共 1 条" in olga.get("/admin/people?tail=8000").text


TYPED: list[str] = [ALICE, "138 0013 8000", "+86-138-0013-8000"]


def test_found_by_the_whole_number(app: Flask, olga: Browser) -> None:
    for typed in TYPED:
        response = olga.post("/admin/people/find", {"phone": typed}, page="/admin/people")
        assert response.status_code == 303
        assert response.headers["Location"] == f"/admin/people/{public_id(app)}"
        entry = entries(app, "resident.search")[-1]
        assert (entry.actor, entry.success) == ("staff:olga", True)
        found = f"{entry.subject} {entry.details} {entry.reason}"
        assert not any(says(found, part) for part in (ALICE, "138", "8000"))
    assert len(entries(app, "resident.search")) == len(TYPED)


def test_not_found_is_written_down_too(app: Flask, olga: Browser) -> None:
    response = olga.post("/admin/people/find", {"phone": "13912345678"}, page="/admin/people")
    assert response.status_code == 404
    assert "没有这个号码的账户" in response.text
    assert [entry.success for entry in entries(app, "resident.search")] == [False]


def test_a_part_of_a_number_finds_nobody(app: Flask, olga: Browser) -> None:
    response = olga.post("/admin/people/find", {"phone": "8000"}, page="/admin/people")
    assert response.status_code == 422
    assert entries(app, "resident.search") == []


def test_unmasking_needs_a_reason_and_leaves_a_trace(app: Flask, olga: Browser) -> None:
    page = f"/admin/people/{public_id(app)}"
    assert ALICE not in olga.get(page).text
    refused = olga.post(f"{page}/unmask", {"reason": "看"}, page=page)
    assert refused.status_code == 422
    assert ALICE not in refused.text
    assert entries(app, "resident.unmask") == []
    shown = olga.post(f"{page}/unmask", {"reason": "居民来电核对身份"}, page=page)
    assert shown.status_code == 200
    assert ALICE in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    (entry,) = entries(app, "resident.unmask")
    assert (entry.actor, entry.reason) == ("staff:olga", "居民来电核对身份")
    assert ALICE not in str(entry.details)
    assert ALICE not in olga.get(page).text


def test_a_wrong_month_of_birth_is_forgotten_with_a_reason(app: Flask, olga: Browser) -> None:
    page = f"/admin/people/{public_id(app)}"
    forget = f"{page}/forget-born-month"
    assert "清除出生年月" not in olga.get(page).text
    missing = olga.post(forget, {"born_reason": "居民来电更正"}, page=page)
    assert missing.status_code == 409
    with writing(app) as session:
        resident = session.exec(select(Resident)).one()
        resident.born_month = date(2016, 5, 1)
        session.commit()
    assert not says(olga.get(page).text, "2016")
    assert olga.post(forget, {"born_reason": "错"}, page=page).status_code == 422
    assert olga.post(forget, {"born_reason": "居民来电更正"}, page=page).status_code == 303
    with writing(app) as session:
        assert session.exec(select(Resident)).one().born_month is None
    (entry,) = entries(app, "resident.forget_born_month")
    assert (entry.actor, entry.reason) == ("staff:olga", "居民来电更正")
    assert "2016" not in f"{entry.details}{entry.subject}"


def test_the_account_as_sums(app: Flask, olga: Browser) -> None:
    with writing(app) as session:
        account_id = newest_person(session).stored_id
    photo_report(app, 1, account_id=account_id)
    text = re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", " ", olga.get(f"/admin/people/{public_id(app)}").text)
    )
    assert "待审核 1 0 g 0" in text
    assert "隐私告知" in text
    assert "登录于" in text


def test_looking_leaves_a_trace(app: Flask, olga: Browser) -> None:
    """Who and which account; what a step already writes down is not written twice."""
    page = f"/admin/people/{public_id(app)}"
    olga.get("/admin/people")
    olga.post(f"{page}/unmask", {"reason": "看"}, page="/admin/people")
    assert olga.get("/admin/people/NOBODY").status_code == 404
    assert entries(app, "resident.look") == []
    olga.get(page)
    (entry,) = entries(app, "resident.look")
    assert (entry.actor, entry.subject) == ("staff:olga", f"account:{public_id(app)}")
    assert (entry.reason, entry.details) == (None, {})


def test_signing_a_resident_out(app: Flask, alice: Browser, olga: Browser) -> None:
    assert alice.is_signed_in()
    page = f"/admin/people/{public_id(app)}"
    assert olga.post(f"{page}/sign-out", {}, page=page).status_code == 303
    assert not alice.is_signed_in()
    assert [entry.actor for entry in entries(app, "session.revoke_all")] == ["staff:olga"]


def test_erased_residents_are_not_listed(app: Flask, olga: Browser) -> None:
    page = f"/admin/people/{public_id(app)}"
    with writing(app) as session:
        session.delete(session.exec(select(Resident)).one())
        session.commit()
    assert olga.get(page).status_code == 404
    assert "没有符合条件的居民" in olga.get("/admin/people").text


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR, Role.SYSTEM_ADMIN])
def test_not_for_others(app: Flask, alice: Browser, role: Role) -> None:
    other, page = staff(app, role, login="otto"), f"/admin/people/{public_id(app)}"
    for path in ("/admin/people", "/admin/people.csv", page):
        assert other.get(path).status_code == 403
    for path in ("/admin/people/find", f"{page}/unmask", f"{page}/sign-out"):
        response = other.post(path, {"phone": ALICE, "reason": "想看看号码"}, page="/admin/")
        assert response.status_code == 403
    assert alice.is_signed_in()
