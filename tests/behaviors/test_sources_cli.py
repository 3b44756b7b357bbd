"""`flask sources`: a new key is one JSON object, a refusal a sentence, every act on the trail."""

import base64
import json
from datetime import UTC, datetime

import pytest
from click.testing import Result
from flask import Flask
from sqlmodel import Session, col, select

from behaviors.models import Source, SourceKey, SourceSubject
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import AuditEntry
from tests.behaviors.api.conftest import Partner, body_of, bound_account, item

ADD = ("add", "buses", "--name", "城市公交", "--name-en", "City Buses", "--behaviors")


def sources(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["sources", *arguments], env={"LANG": "C.UTF-8"})


def added(app: Flask, *more: str) -> dict[str, str]:
    result = sources(app, *ADD, "bus_trip,metro_trip", *more)
    assert result.exit_code == 0, result.output
    key: dict[str, str] = json.loads(result.stdout)
    return key


def test_add_prints_one_object_and_the_key_works(app: Flask, session: Session) -> None:
    key = added(app)
    assert set(key) == {"key_id", "secret"}
    source = session.exec(select(Source).where(col(Source.code) == "buses")).one()
    assert (source.name_zh, source.name_en) == ("城市公交", "City Buses")
    assert source.behaviors == ["bus_trip", "metro_trip"]
    assert set(source.consent_texts) == {"zh", "en"}
    bound_account(session, "buses", "card-1")
    partner = Partner("buses", key["key_id"], key["secret"], app.test_client())
    ride = item("trip-1", subject="card-1", behavior="bus_trip", activity={"distance_km": "10"})
    assert body_of(partner.send(ride))["items"][0]["reduction_g"] == 520


def test_unknown_behaviors_are_refused_by_name(app: Flask, session: Session) -> None:
    result = sources(app, *ADD, "bus_trip,flying,teleport")
    assert result.exit_code == 1
    assert "flying, teleport" in result.stderr
    assert session.exec(select(Source).where(col(Source.code) == "buses")).first() is None


@pytest.mark.parametrize(
    "arguments",
    [
        (*ADD, ""),
        ("add", "Buses", "--name", "x", "--behaviors", "bus_trip"),
        ("add", "buses", "--name", " ", "--behaviors", "bus_trip"),
        (*ADD, "bus_trip", "--algorithm", "ed25519"),
        (*ADD, "bus_trip", "--algorithm", "ed25519", "--public-key", "c2hvcnQ="),
        (*ADD, "bus_trip", "--public-key", base64.b64encode(bytes(32)).decode()),
        ("rotate", "nobody"),
        ("revoke", "k_nothing"),
        ("bind", "nobody", "card-1", "--account", "x"),
    ],
)
def test_refusals_are_sentences(app: Flask, arguments: tuple[str, ...]) -> None:
    result = sources(app, *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_refusals_are_chinese_in_a_chinese_shell(app: Flask) -> None:
    result = app.test_cli_runner().invoke(
        args=["sources", "rotate", "nobody"], env={"LC_ALL": "zh_CN.UTF-8"}
    )
    assert "没有名为 nobody 的数据来源" in result.stderr


def test_a_code_is_taken_once(app: Flask) -> None:
    added(app)
    result = sources(app, *ADD, "bus_trip")
    assert (result.exit_code, "exists already" in result.stderr) == (1, True)


def test_ed25519_has_no_secret_to_print(app: Flask) -> None:
    public = base64.b64encode(bytes(range(32))).decode()
    key = added(app, "--algorithm", "ed25519", "--public-key", public)
    assert key["secret"] is None


def test_rotate_revoke_and_list(app: Flask, session: Session) -> None:
    old = added(app)
    new = json.loads(sources(app, "rotate", "buses", "--overlap-days", "3").stdout)
    assert new["key_id"] != old["key_id"]
    end = session.get_one(SourceKey, old["key_id"]).expires_at
    assert end is not None
    assert 2.9 < (end - datetime.now(UTC)).total_seconds() / 86_400 < 3.1
    session.rollback()
    assert sources(app, "revoke", old["key_id"]).exit_code == 0
    listed = sources(app, "list").stdout
    assert "城市公交" in listed
    assert f"{old['key_id']}  hmac-sha256  revoked" in listed
    assert f"{new['key_id']}  hmac-sha256  valid" in listed
    assert old["secret"] not in listed
    assert new["secret"] not in listed


def test_the_help_desk_binds_and_it_is_logged(app: Flask, session: Session) -> None:
    added(app)
    account = open_account(
        session, kind=AccountKind.PERSON, district_code=None, now=datetime.now(UTC)
    )
    session.commit()
    result = sources(app, "bind", "buses", "card-1", "--account", account.public_id)
    assert result.exit_code == 0, result.stderr
    subject = session.exec(select(SourceSubject)).one()
    assert (subject.subject, subject.account_id, subject.active) == ("card-1", account.id, True)
    actors = dict(session.exec(select(col(AuditEntry.action), col(AuditEntry.actor))).all())
    assert actors["binding.bind"] == actors["source.add"] == "system:cli"
