"""The life of a version through its page, and every way of approving one's own change refused."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlmodel import col, select

from behaviors import rule_queries
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import AuditEntry
from carbonaccount.clock import business_day, utc_now
from carbonaccount.messages.models import Announcement
from tests.admin.desk import staff
from tests.admin.rules.office import (
    drafted,
    drafted_factor,
    drafts_of,
    electric_bus,
    factor_step,
    in_review,
    previewed,
    said,
    status_of,
    step,
)
from tests.people import Browser, csrf_token, writing


def approved_by(app: Flask, version_id: int) -> int | None:
    """Return who approved a version."""
    with writing(app) as session:
        return rule_queries.find_version(session, version_id).approved_by


def test_a_draft_without_a_preview_is_not_submitted(app: Flask, erin: Browser) -> None:
    version_id = drafted(erin)
    assert "请先用这一稿做一次历史试算" in said(erin.get(f"/admin/rules/{version_id}"))
    response = step(erin, version_id, "submit")
    assert response.status_code == 409
    assert status_of(app, version_id) == "draft"


def test_a_draft_is_given_up_for_good(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = drafted(erin)
    assert step(anna, version_id, "discard", sure="y").status_code == 403
    assert step(erin, version_id, "discard").status_code == 422  # not sure
    assert step(erin, version_id, "discard", sure="y", reason=" ").status_code == 422
    assert status_of(app, version_id) == "draft"
    assert step(erin, version_id, "discard", sure="y", reason="a slip").status_code == 303
    assert status_of(app, version_id) == "discarded"
    page = said(erin.get(f"/admin/rules/{version_id}"))
    assert "已放弃" in page
    assert "a slip" in page
    for name in ("discard", "submit"):
        assert step(erin, version_id, name, sure="y").status_code == 409
    assert erin.post(f"/admin/rules/{version_id}/edit", electric_bus()).status_code == 409
    # Its number stays its own.
    assert "第 3 版" in said(erin.get(f"/admin/rules/{drafted(erin)}"))


def test_a_factor_draft_is_given_up_for_good(app: Flask, erin: Browser) -> None:
    factor_id, page = drafted_factor(app, erin), "/admin/factors/grid.shandong"
    discard = f"/admin/factors/{factor_id}/discard"
    assert erin.post(discard, {"reason": "a slip"}, page=page).status_code == 422
    sure = {"reason": "a slip", "sure": "y"}
    assert erin.post(discard, sure, page=page).status_code == 303
    assert "已放弃" in said(erin.get(page))
    assert factor_step(erin, factor_id, "submit").status_code == 409
    # The next draft begins with what is in force, not with the slip.
    assert 'value="0.6191"' in erin.get("/admin/factors/new?code=grid.shandong").text
    with writing(app) as session:
        entry = session.exec(
            select(AuditEntry).where(col(AuditEntry.action) == "factor.discard")
        ).one()
    assert (entry.actor, entry.reason) == ("staff:erin", "a slip")


def test_from_draft_to_scheduled(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = in_review(app, erin)
    assert "公交出行 第 2 版" in said(anna.get("/admin/rules"))
    response = step(anna, version_id, "approve", reason="checked")
    assert response.status_code == 303
    assert status_of(app, version_id) == "scheduled"
    page = said(anna.get(f"/admin/rules/{version_id}"))
    assert "已批准并排期" in page
    for word in ("起草", "提交审批", "批准", "checked"):
        assert word in page
    with writing(app) as session:
        told = session.exec(select(Announcement)).one()
    # 10 km: 520 credits before, 269 after.
    assert told.params["credits_before"] == 520
    assert told.params["credits_after"] == 269
    assert "已排期" in said(erin.get("/admin/behaviors/bus_trip"))


def test_a_returned_version_is_a_draft_again(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = in_review(app, erin)
    assert step(anna, version_id, "return", reason="name the source").status_code == 303
    assert status_of(app, version_id) == "draft"
    assert "name the source" in said(erin.get(f"/admin/rules/{version_id}"))


@pytest.mark.parametrize("name", ["submit", "approve", "return"])
def test_a_step_needs_a_reason(app: Flask, bea: Browser, name: str) -> None:
    version_id = drafted(bea)
    previewed(app, version_id)
    response = step(bea, version_id, name, reason="  ")
    assert response.status_code == 422
    assert "请填写" in response.text
    assert status_of(app, version_id) == "draft"


# --- two persons cannot be one -------------------------------------------------------------------


def test_whoever_drafted_cannot_approve(app: Flask, bea: Browser) -> None:
    version_id = in_review(app, bea)
    page = bea.get(f"/admin/rules/{version_id}")
    assert "必须由另一位同事批准" in page.text
    assert f"/admin/rules/{version_id}/approve" not in page.text
    response = step(bea, version_id, "approve")
    assert response.status_code == 403
    assert (status_of(app, version_id), approved_by(app, version_id)) == ("in_review", None)


def test_whoever_edited_cannot_approve(app: Flask, erin: Browser, bea: Browser) -> None:
    version_id = drafted(erin)
    page = f"/admin/rules/{version_id}/edit"
    assert bea.post(page, electric_bus(**{"parameters-0-value": "0.03"})).status_code == 303
    previewed(app, version_id)
    assert step(erin, version_id, "submit").status_code == 303
    assert step(bea, version_id, "approve").status_code == 403
    assert status_of(app, version_id) == "in_review"


def test_who_edited_and_had_it_edited_again_cannot_approve(
    app: Flask, erin: Browser, bea: Browser
) -> None:
    version_id = drafted(bea)
    page = f"/admin/rules/{version_id}/edit"
    assert erin.post(page, electric_bus(**{"parameters-0-value": "0.03"})).status_code == 303
    previewed(app, version_id)
    assert step(erin, version_id, "submit").status_code == 303
    assert step(bea, version_id, "approve").status_code == 403
    assert status_of(app, version_id) == "in_review"


def test_another_browser_of_the_same_person_is_no_other_person(app: Flask, bea: Browser) -> None:
    version_id = in_review(app, bea)
    assert step(bea.twin(), version_id, "approve").status_code == 403
    assert status_of(app, version_id) == "in_review"


def test_who_returned_and_resubmitted_cannot_approve_what_they_drafted(
    app: Flask, bea: Browser
) -> None:
    version_id = in_review(app, bea)
    assert step(bea, version_id, "return").status_code == 303
    assert step(bea, version_id, "submit").status_code == 303
    assert step(bea, version_id, "approve").status_code == 403
    assert status_of(app, version_id) == "in_review"


def test_an_editor_who_is_no_approver_cannot_approve(app: Flask, erin: Browser) -> None:
    version_id = in_review(app, erin)
    assert step(erin, version_id, "approve").status_code == 403
    frank = staff(app, Role.RULE_EDITOR, login="frank")
    assert step(frank, version_id, "approve").status_code == 403
    assert status_of(app, version_id) == "in_review"


def test_a_forged_form_cannot_name_another_approver(
    app: Flask, bea: Browser, anna: Browser
) -> None:
    version_id = in_review(app, bea)
    forged = {"approved_by": "1", "acting_user": "anna", "staff_id": "1", "drafted_by": "2"}
    assert step(bea, version_id, "approve", **forged).status_code == 403
    # Words that the form does not have are not taken over by an honest step either.
    assert step(anna, version_id, "approve", **forged).status_code == 303
    with writing(app) as session:
        version = rule_queries.find_version(session, version_id)
    assert version.approved_by != version.drafted_by


def test_a_draft_cannot_skip_the_review(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = drafted(erin)
    previewed(app, version_id)
    assert step(anna, version_id, "approve").status_code == 409
    assert status_of(app, version_id) == "draft"


def test_approval_is_a_post_with_a_token(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = in_review(app, erin)
    path = f"/admin/rules/{version_id}/approve"
    assert anna.get(path).status_code == 405
    assert anna.post_with("forged", path, {"reason": "x"}).status_code == 400
    assert status_of(app, version_id) == "in_review"


def test_a_rule_of_one_s_own_factor_cannot_be_approved(app: Flask, bea: Browser) -> None:
    """Whoever drafts a factor does not approve it, nor the rules that came of it."""
    anna = staff(app, Role.RULE_APPROVER, login="anna2")
    factor_id = drafted_factor(app, bea)
    assert factor_step(bea, factor_id, "submit").status_code == 303
    assert factor_step(bea, factor_id, "approve").status_code == 403
    assert factor_step(anna, factor_id, "approve").status_code == 303
    (version_id, *_rest) = drafts_of(app)
    previewed(app, version_id)
    assert step(bea, version_id, "submit").status_code == 303
    assert step(bea, version_id, "approve").status_code == 403
    assert step(anna, version_id, "approve").status_code == 303


# --- withdrawing ---------------------------------------------------------------------------------


def test_a_scheduled_version_is_withdrawn(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = in_review(app, erin)
    assert step(anna, version_id, "approve").status_code == 303
    assert "撤回" in anna.get(f"/admin/rules/{version_id}").text
    response = step(anna, version_id, "withdraw", from_day="2099-01-05", reason="data were wrong")
    assert response.status_code == 303
    assert status_of(app, version_id) == "withdrawn"


def test_withdrawing_needs_a_day_that_is_to_come(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = in_review(app, erin)
    assert step(anna, version_id, "approve").status_code == 303
    yesterday = (business_day(utc_now()) - timedelta(days=1)).isoformat()
    for day in ("", "soon", yesterday):
        response = step(anna, version_id, "withdraw", from_day=day)
        assert response.status_code == 422, day
    assert status_of(app, version_id) == "scheduled"


def test_the_only_version_is_not_withdrawn(app: Flask, anna: Browser) -> None:
    with writing(app) as session:
        behavior = rule_queries.find_behavior(session, "bus_trip")
        (version,) = rule_queries.versions_of(session, behavior.id or 0)
    assert version.id is not None
    response = step(anna, version.id, "withdraw", from_day="2099-01-05")
    assert response.status_code == 409
    assert status_of(app, version.id) == "active"


def test_an_editor_cannot_withdraw(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = in_review(app, erin)
    assert step(anna, version_id, "approve").status_code == 303
    assert "/withdraw" not in erin.get(f"/admin/rules/{version_id}").text
    token = csrf_token(erin.get(f"/admin/rules/{version_id}"))
    path = f"/admin/rules/{version_id}/withdraw"
    data = {"reason": "x", "from_day": "2099-01-05"}
    assert erin.post_with(token, path, data).status_code == 403
