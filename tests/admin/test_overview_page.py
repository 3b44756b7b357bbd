"""The panel's first page and the list of sources: empty, full, and for those who see less."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import select

from behaviors.models import ActivityRecord, Behavior, IntakeBatch, RuleVersion, Source
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import utc_now
from tests.people import Browser, add_dana, writing


def text_of(page: str) -> str:
    """Return a page's words without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_without_anything_it_says_so(dana: Browser) -> None:
    page = dana.get("/admin/").text
    for words in ("最近没有收到数据", "没有等待处理的记录", "还没有导入过文件"):
        assert words in page


def add_batch(app: Flask, source: Source, days_ago: float, **counts: Any) -> None:
    """Add a batch with its counts."""
    with writing(app) as session:
        received = utc_now() - timedelta(days=days_ago)
        session.add(
            IntakeBatch(source_id=source.stored_id, channel="api", received_at=received, **counts)
        )
        session.commit()


def test_recent_batches_are_added_up_by_source(app: Flask, dana: Browser, source: Source) -> None:
    add_batch(app, source, 1, accepted=1200, rejected=3)
    add_batch(app, source, 6.9, accepted=34, duplicate=5)
    add_batch(app, source, 7.1, accepted=1_000_000)
    page = text_of(dana.get("/admin/").text)
    assert re.search(r"济宁公交 2 1,234 5 3 0 0 ", page), page


def add_held(app: Flask, count: int) -> None:
    """Add records that wait for a person, and one that does not."""
    with writing(app) as session:
        behavior = session.exec(select(Behavior).where(Behavior.code == "bus_trip")).one()
        rule = session.exec(select(RuleVersion.id)).first()
        now = utc_now()
        for number in range(count + 1):
            session.add(
                ActivityRecord(
                    source_id=1,
                    event_id=f"e{number}",
                    account_id=1,
                    behavior_id=behavior.id or 0,
                    rule_version_id=rule or 0,
                    occurred_at=now,
                    business_day=now.date(),
                    evidence="C",
                    activity="{}",
                    quantity_milli=1,
                    counted_milli=0,
                    reduction_g=0,
                    credits=0,
                    status="h" if number else "c",
                    outcome="awaiting_review",
                    fingerprint=number,
                    batch_id=1,
                    recorded_at=now,
                )
            )
        session.commit()


def test_held_records_are_counted_by_behaviour_with_the_index_for_them(
    app: Flask, dana: Browser
) -> None:
    add_held(app, 3)
    statements: list[str] = []
    engine = app.extensions["carbonaccount.engine"]
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    page = text_of(dana.get("/admin/").text)
    assert re.search(r"公交[^ ]* 3 合计 3 ", page), page
    counting = next(text for text in statements if "status = 'h'" in text)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {counting}").all()
        else:
            connection.exec_driver_sql("SET enable_seqscan = off")
            plan = connection.exec_driver_sql(f"EXPLAIN {counting}").all()
    assert "ix_activity_record_held" in str(plan)


def test_sources_are_listed(app: Flask, dana: Browser, source: Source) -> None:
    add_batch(app, source, 0.1, accepted=1)
    page = text_of(dana.get("/admin/sources").text)
    assert re.search(r" jn_bus 济宁公交 公交[^ ]* A .*?\d{4}年.* self ", page), page


# --- who may open what: the sentences of every page ---------------------------------------------

OPERATORS_ONLY = (
    "/admin/intake",
    "/admin/intake.csv",
    "/admin/intake/new",
    "/admin/intake/0123456789abcdef",
    "/admin/intake/0123456789abcdef/progress",
    "/admin/intake/0123456789abcdef/lines.csv",
)


def test_pages_need_staff(app: Flask) -> None:
    resident, nobody = Browser(app), Browser(app)
    resident.sign_in()
    for browser in (resident, nobody):
        for path in ("/admin/", "/admin/sources", *OPERATORS_ONLY):
            answer = browser.get(path)
            assert answer.headers.get("Location") == f"/staff/sign-in?next={path}", path


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.SYSTEM_ADMIN, Role.RULE_EDITOR])
def test_files_need_the_operator(app: Flask, role: Role) -> None:
    browser = Browser(app)
    browser.sign_in_staff(add_dana(app, role).now())
    for path in OPERATORS_ONLY:
        answer = browser.get(path)
        assert answer.status_code == 403, path
        assert "你的角色不能这样做。" in answer.text
    overview = browser.get("/admin/")
    assert overview.status_code == 200
    assert "/admin/intake" not in overview.text
    sources = browser.get("/admin/sources").status_code
    assert sources == (200 if role is Role.SYSTEM_ADMIN else 403)


def test_buttons_take_no_get(dana: Browser) -> None:
    for button in ("stop", "resume"):
        assert dana.get(f"/admin/intake/0123456789abcdef/{button}").status_code == 405
