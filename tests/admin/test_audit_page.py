"""The audit trail at the panel: searched, paged by id, exported; for auditors."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlmodel import delete

import carbonaccount.institutions
from admin.acts import ACTS, act_text
from admin.views import audit as page_module
from carbonaccount import audit, audit_trail
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import Actor
from carbonaccount.audit_trail import TrailFilter, count_entries, trail_page
from tests.admin.desk import staff
from tests.people import Browser, writing

INSTITUTIONS = Path(carbonaccount.institutions.__file__).parent
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def adam(app: Flask) -> Browser:
    return staff(app, Role.AUDITOR, login="adam")


def test_every_act_at_institutions_has_words() -> None:
    source = "".join(path.read_text() for path in sorted(INSTITUTIONS.glob("*.py")))
    kinds = "institution|inventory|recognition|neutrality|member|campaign"
    acts = set(re.findall(rf'"((?:{kinds})\.[a-z_]+)"', source))
    # Names of columns that foreign keys and joins point at.
    acts = {act for act in acts if not act.endswith(".id")}
    assert len(acts) > 40
    assert acts - set(ACTS) == set()
    assert act_text("wolf.howl") == "wolf.howl"


def write(app: Flask, count: int = 1, **changes: object) -> None:
    values: dict[str, object] = {
        "acting_user": Actor("staff", "olga", 1),
        "action": "thing.do",
        "subject": "thing:1",
        "now": NOON,
        **changes,
    }
    with writing(app) as session:
        for _ in range(count):
            audit.record(session, **values)  # type: ignore[arg-type]
        session.commit()


def rows(browser: Browser, query: str) -> int:
    response = browser.get(f"/admin/audit?{query}")
    assert response.status_code == 200
    return len(re.findall(r'<td data-label="操作者">', response.text))


SEARCHES: list[tuple[str, int]] = [
    ("action=thing.do", 2),
    ("action=thing.", 3),
    ("action=thing.do&actor=staff:olga", 1),
    ("actor=staff:ol&action=thing", 2),
    ("subject=thing:2", 1),
    ("action=thing&success=no", 1),
    ("action=thing&success=yes", 2),
    ("action=thing&since=2026-03-02&until=2026-03-02", 1),
    ("action=thing&since=2026-03-03", 2),
    ("action=thing&until=nonsense", 3),
    ("action=%25", 0),
    ("action=_hing", 0),
]


def test_search(app: Flask, adam: Browser) -> None:
    write(app)
    # Half past midnight in the city is the next day, although in UTC it is not.
    late = NOON.replace(hour=16, minute=30)
    write(app, now=late, acting_user=Actor("staff", "otto", 2), subject="thing:2")
    write(app, now=late + timedelta(days=1), action="thing.undo", success=False)
    for query, found in SEARCHES:
        assert rows(adam, query) == found


def test_paging_there_and_back(app: Flask, adam: Browser) -> None:
    write(app, 120)
    chosen = TrailFilter(action="thing.do")
    with writing(app) as session:
        first = trail_page(session, chosen)
        second = trail_page(session, chosen, older_than=first.older)
        third = trail_page(session, chosen, older_than=second.older)
        back = trail_page(session, chosen, newer_than=third.newer)
        assert count_entries(session, chosen) == 120
    assert [len(page.entries) for page in (first, second, third)] == [50, 50, 20]
    assert (first.newer, third.older) == (None, None)
    assert [entry.id for entry in back.entries] == [entry.id for entry in second.entries]
    ids = [entry.id or 0 for page in (first, second, third) for entry in page.entries]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 120


def test_the_file_holds_every_entry_that_is_counted(
    app: Flask, adam: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "_READ_AT_ONCE", 7)
    write(app, 30, reason="=cmd|' /C calc'!A0")
    response = adam.get("/admin/audit.csv?action=thing.do")
    lines = list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"))))
    assert len(lines) == 31
    assert lines[1][2:7] == ["staff:olga", "thing.do", "thing:1", "是", "'=cmd|' /C calc'!A0"]
    assert lines[1][1] == "2026-03-02 12:00:00+08:00"
    assert "共 30 条" in adam.get("/admin/audit?action=thing.do").text
    assert adam.get("/admin/audit.xlsx?action=thing.do").data[:2] == b"PK"


def test_too_many_for_a_file(app: Flask, adam: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MOST_EXPORTED", 5)
    write(app, 6)
    response = adam.get("/admin/audit.csv?action=thing.do")
    assert response.status_code == 422
    assert "请缩短时间段" in response.text


def test_what_an_entry_holds_is_escaped(app: Flask, adam: Browser) -> None:
    write(app, reason="<script>alert(1)</script>", note="<b>")
    text = adam.get("/admin/audit?action=thing.do").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_the_trail_cannot_be_shortened(app: Flask) -> None:
    write(app)
    with writing(app) as session, pytest.raises(Exception, match="append-only"):
        session.exec(delete(audit.AuditEntry))


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.OPERATOR, Role.REVIEWER])
def test_not_for_others(app: Flask, role: Role) -> None:
    other = staff(app, role, login="otto")
    for path in ("/admin/audit", "/admin/audit.csv"):
        assert other.get(path).status_code == 403


def test_the_security_administrator_reads_it_too(app: Flask) -> None:
    assert staff(app, Role.SECURITY_ADMIN, login="sam").get("/admin/audit").status_code == 200
