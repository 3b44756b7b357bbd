"""What residents are told, in their language, with a number at the bell until they read it."""

import ast
import re
from datetime import timedelta
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

from behaviors import announcements, message_texts
from carbonaccount.clock import business_day, utc_now
from carbonaccount.messages.services import announce, send
from carbonaccount.messages.texts import message_kinds
from tests.behaviors.pages.conftest import newest_person
from tests.people import Browser, writing
from tests.queries import counting

ROOT = Path(__file__).resolve().parents[3]
PARAMS = {
    "record_id": 7,
    "behavior": "bus_trip",
    "name_zh": "公交出行",
    "name_en": "Bus trip",
    "day": "2026-03-02",
    "reduction_g": 520,
    "credits": 260,
    "reason": "unreadable",
    # Of a re-scoring: 520 g and 520 credits became 269 each, 251 credits of it were spent.
    "first_day": "2026-03-01",
    "last_day": "2026-03-31",
    "records": 12,
    "g_before": 520,
    "g_after": 269,
    "credits_before": 520,
    "credits_after": 269,
    "debt_g": 0,
    "debt_credits": 131,
}


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def tell(app: Flask, account_id: int, *kinds: str, cause: str = "record:7") -> None:
    with writing(app) as session:
        for kind in kinds:
            send(
                session, account_id=account_id, kind=kind, cause=cause, params=PARAMS, now=utc_now()
            )
        session.commit()


def unread(browser: Browser) -> str | None:
    found = re.search(r'id="unread"><span[^>]*>[^<]*</span>([^<]+)<', browser.get("/me").text)
    return found[1] if found else None


def test_nothing_yet(alice: Browser) -> None:
    page = alice.get("/messages").text
    assert "还没有消息" in page
    assert unread(alice) is None


def test_every_kind_in_both_languages(app: Flask, alice: Browser) -> None:
    tell(app, newest_person(app).stored_id, *sorted(message_texts.MESSAGE_KINDS))
    text = words(alice.get("/messages").text)
    assert "3月2日 周一 的公交出行照片已通过审核，计入减排 520 g、260 积分。" in text
    assert "照片没有通过审核：看不清。" in text
    assert "得到支持，增加减排 520 g、260 积分" in text
    assert "没有得到支持" in text
    assert "（12 条）按更正后的规则重算：减排 520 g → 269 g，积分 520 → 269。" in text
    assert "其中减排 0 g、131 积分您已用掉" in text
    alice.post("/language", {"locale": "en", "next": "/messages"}, page="/messages")
    english = words(alice.get("/messages").text)
    assert "Bus trip" in english
    assert "260 credits" in english
    assert not re.search(r"[\u4e00-\u9fff]", english.replace("中文", ""))


def test_the_number_at_the_bell_goes_when_they_are_read(app: Flask, alice: Browser) -> None:
    account_id = newest_person(app).stored_id
    tell(app, account_id, "review_accepted", "appeal_refused")
    assert unread(alice) == "2"
    response = alice.post("/messages/read", {}, page="/messages")
    assert response.status_code == 303
    assert unread(alice) is None
    tell(app, account_id, "review_accepted", cause="record:8")
    assert unread(alice) == "1"


def test_only_ones_own(app: Flask, alice: Browser, bob: Browser) -> None:
    tell(app, newest_person(app).stored_id, "review_accepted")
    assert unread(bob) == "1"
    assert unread(alice) is None
    alice.post("/messages/read", {}, page="/messages")
    assert unread(bob) == "1"
    assert "还没有消息" in alice.get("/messages").text


def test_htmx_takes_the_number_away(app: Flask, alice: Browser) -> None:
    tell(app, newest_person(app).stored_id, "review_accepted")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', alice.get("/messages").text)
    assert token
    response = alice.client.post(
        "/messages/read", data={"csrf_token": token[1]}, headers={"HX-Request": "true"}
    )
    assert response.status_code == 200
    assert 'hx-swap-oob="delete"' in response.text
    assert unread(alice) is None


def test_announcements_stand_above(app: Flask, alice: Browser) -> None:
    now = utc_now()
    with writing(app) as session:
        for cause, last_day in (("a", 3), ("b", -1)):
            announce(
                session,
                kind=announcements.BEHAVIOR_STOPPED,
                cause=cause,
                params={
                    "behavior": "bus_trip",
                    "name_zh": f"公交出行{cause}",
                    "name_en": "Bus trip",
                    "from_day": "2026-11-01",
                },
                last_day=business_day(now) + timedelta(days=last_day),
                now=now,
            )
        session.commit()
    page = alice.get("/messages").text
    assert "公交出行a暂停受理" in page
    assert "公交出行b" not in page
    assert 'href="/methods/bus_trip"' in page


def test_older_pages(app: Flask, alice: Browser) -> None:
    account_id = newest_person(app).stored_id
    for number in range(31):
        tell(app, account_id, "review_accepted", cause=f"record:{number}")
    first = alice.get("/messages").text
    assert first.count("照片已通过审核") == 30
    older = re.search(r'href="(/messages\?before=\d+)"', first)
    assert older
    assert alice.get(older[1]).text.count("照片已通过审核") == 1


def test_no_statement_more_a_page(app: Flask, alice: Browser) -> None:
    tell(app, newest_person(app).stored_id, "review_accepted")
    with counting(app) as statements:
        alice.get("/me")
    assert sum("FROM message" in statement for statement in statements) == 1


@pytest.mark.usefixtures("app")
def test_whatever_is_sent_has_words() -> None:
    """A kind that somebody sends and nobody words would break the page of its readers.

    Every room has registered its words once there is an application.
    """
    sent = set()
    for room in ("carbonaccount", "behaviors", "admin", "rewards"):
        for file in (ROOT / room).rglob("*.py"):
            sent |= _kinds_sent(file)
    assert sent >= {"review_accepted", "review_declined", "rescore"}
    assert {kind for kind in sent if not has_words(kind)} == set()


def has_words(kind: str) -> bool:
    """Return whether the page of messages can say something for a kind."""
    return any(fnmatchcase(known, kind) for known in message_kinds())


def _kinds_sent(file: Path) -> set[str]:
    """Return the kinds that calls of send, send_many and _tell are given.

    A kind may be a literal, a constant of the module, or that of another module by its name.
    A kind that is only handed on by a parameter is found where it is given.
    """
    tree = ast.parse(file.read_text("utf-8"))
    found = set()
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        for keyword in call.keywords if name in {"send", "send_many", "_tell"} else []:
            if keyword.arg == "kind":
                found |= _literals(keyword.value, _module_of(file))
    return found


def _module_of(file: Path) -> ModuleType:
    return import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def _literals(value: ast.expr, module: ModuleType) -> set[str]:
    """Return what an expression of a module says: both sides of a choice, * for what varies."""
    match value:
        case ast.Constant():
            return {str(value.value)}
        case ast.IfExp():
            return _literals(value.body, module) | _literals(value.orelse, module)
        case ast.JoinedStr():
            parts = (v.value if isinstance(v, ast.Constant) else "*" for v in value.values)
            return {"".join(map(str, parts))}
    named = _named(value, module)
    return {named} if isinstance(named, str) else set()


def _named(value: ast.expr, module: ModuleType) -> object:
    """Return what a name of a module stands for, None for a parameter."""
    if isinstance(value, ast.Attribute):
        return getattr(_named(value.value, module), value.attr, None)
    return getattr(module, value.id, None) if isinstance(value, ast.Name) else None
