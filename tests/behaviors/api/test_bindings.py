"""Binding a partner's customer to a resident, through the API and at the help desk."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlmodel import Session, col, select

from behaviors import jobs, sources
from behaviors.models import ActivityRecord
from carbonaccount.accounts.models import Account, AccountKind, Consent
from carbonaccount.accounts.services import give_consent, open_account
from carbonaccount.audit import SYSTEM, Actor, AuditEntry
from carbonaccount.errors import Conflict, Invalid, NotFound
from tests.behaviors.api.conftest import (
    BINDINGS,
    Partner,
    add_partner,
    body_of,
    bound_account,
    item,
    source_of,
)

RESIDENT = Actor("resident", "somebody")


@pytest.fixture
def resident(session: Session) -> Account:
    """A resident who has bound nothing yet."""
    return person(session)


def person(session: Session) -> Account:
    account = open_account(
        session, kind=AccountKind.PERSON, district_code=None, now=datetime.now(UTC)
    )
    session.commit()
    return account


def binding_code(session: Session, partner: Partner, account: Account) -> str:
    """What the page does when a resident agrees: consent and code in one transaction."""
    now, source = datetime.now(UTC), source_of(session, partner.code)
    give_consent(
        session,
        account_id=account.stored_id,
        purpose=sources.consent_purpose(source),
        version="1",
        text="text",
        channel="web",
        acting_user=RESIDENT,
        now=now,
    )
    code = sources.start_binding(
        session, account_id=account.stored_id, source=source, acting_user=RESIDENT, now=now
    )
    session.commit()
    return code


def unbind(session: Session, partner: Partner, account: Account) -> int:
    stopped = sources.unbind(
        session,
        account_id=account.stored_id,
        source=source_of(session, partner.code),
        acting_user=RESIDENT,
        now=datetime.now(UTC),
    )
    session.commit()
    return stopped


def claim(partner: Partner, code: str, subject: str = "u-1") -> tuple[int, str | None]:
    response = partner.post(BINDINGS, {"code": code, "subject": subject})
    return response.status_code, body_of(response).get("code")


def test_a_code_binds_once(partner: Partner, resident: Account, session: Session) -> None:
    code = binding_code(session, partner, resident)
    assert len(code) == 8
    assert (
        body_of(partner.send(item("before", subject="u-1")))["items"][0]["code"]
        == "unknown_subject"
    )
    response = partner.post(BINDINGS, {"code": code, "subject": "u-1"})
    assert response.status_code == 200, response.text
    assert body_of(response)["subject"] == "u-1"
    assert body_of(response)["active"] is True
    assert body_of(partner.send(item("after", subject="u-1")))["accepted"] == 1
    assert claim(partner, code, "u-2") == (422, "binding_code_invalid")


def test_a_code_is_typed_by_people(partner: Partner, resident: Account, session: Session) -> None:
    code = binding_code(session, partner, resident)
    assert claim(partner, f" {code.lower()} ")[0] == 200


def test_wrong_codes_are_refused(partner: Partner, resident: Account, session: Session) -> None:
    binding_code(session, partner, resident)
    assert claim(partner, "AAAAAAAA") == (422, "binding_code_invalid")


def test_a_code_ends_after_10_minutes(
    partner: Partner, resident: Account, session: Session
) -> None:
    code = binding_code(session, partner, resident)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=601), tick=False):
        assert claim(partner, code) == (422, "binding_code_invalid")
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=590), tick=False):
        assert claim(partner, code)[0] == 200


def test_a_new_code_ends_the_one_before(
    partner: Partner, resident: Account, session: Session
) -> None:
    old, new = (binding_code(session, partner, resident) for _ in range(2))
    assert claim(partner, old) == (422, "binding_code_invalid")
    assert claim(partner, new)[0] == 200


def test_a_code_is_for_one_partner(
    app: Flask, partner: Partner, resident: Account, session: Session
) -> None:
    code = binding_code(session, partner, resident)
    assert claim(add_partner(app, "other"), code) == (422, "binding_code_invalid")


def test_no_code_without_consent(partner: Partner, resident: Account, session: Session) -> None:
    with pytest.raises(Invalid, match="no_consent"):
        sources.start_binding(
            session,
            account_id=resident.stored_id,
            source=source_of(session, partner.code),
            acting_user=RESIDENT,
            now=datetime.now(UTC),
        )


def test_bad_subjects_are_refused(partner: Partner, resident: Account, session: Session) -> None:
    code = binding_code(session, partner, resident)
    for subject in ("", "13800138000", "+8613800138000", "a\nb", "x" * 65, "名字"):
        response = partner.post(BINDINGS, {"code": code, "subject": subject})
        assert response.status_code == 422, subject
        assert body_of(response)["errors"][0]["field"] == "subject"
    # The code was not used up by them.
    assert claim(partner, code)[0] == 200


def test_a_subject_of_another_resident_is_taken(
    partner: Partner, rider: Account, resident: Account, session: Session
) -> None:
    code = binding_code(session, partner, resident)
    assert claim(partner, code, "rider-1") == (409, "subject_taken")


def test_a_pseudonym_gives_way_and_keeps_its_past(
    partner: Partner, resident: Account, session: Session
) -> None:
    pseudonym = bound_account(session, partner.code, "bike-7", kind=AccountKind.PSEUDONYM)
    partner.send(item("before", subject="bike-7"))
    assert claim(partner, binding_code(session, partner, resident), "bike-7")[0] == 200
    partner.send(item("after", subject="bike-7", occurred_at="2026-03-02T08:00:00+08:00"))
    owners = dict(
        session.exec(select(col(ActivityRecord.event_id), col(ActivityRecord.account_id))).all()
    )
    assert owners == {"before": pseudonym.id, "after": resident.id}


def test_unbinding_works_at_once_and_can_be_undone(
    partner: Partner, resident: Account, session: Session
) -> None:
    claim(partner, binding_code(session, partner, resident))
    pending = binding_code(session, partner, resident)
    assert unbind(session, partner, resident) == 1
    assert (
        body_of(partner.send(item("while-off", subject="u-1")))["items"][0]["code"] == "no_consent"
    )
    assert claim(partner, pending) == (422, "binding_code_invalid")
    consents = session.exec(select(Consent).where(col(Consent.account_id) == resident.id)).all()
    assert all(consent.withdrawn_at for consent in consents)
    session.rollback()
    assert claim(partner, binding_code(session, partner, resident))[0] == 200
    assert body_of(partner.send(item("on-again", subject="u-1")))["accepted"] == 1


def test_a_subject_that_was_unbound_is_free_for_another(
    partner: Partner, resident: Account, session: Session
) -> None:
    claim(partner, binding_code(session, partner, resident))
    unbind(session, partner, resident)
    assert claim(partner, binding_code(session, partner, person(session)))[0] == 200


def test_a_consent_withdrawn_elsewhere_stops_the_claim(
    partner: Partner, resident: Account, session: Session
) -> None:
    code = binding_code(session, partner, resident)
    consent = session.exec(
        select(Consent).where(
            col(Consent.account_id) == resident.id, col(Consent.withdrawn_at).is_(None)
        )
    ).one()
    consent.withdrawn_at = datetime.now(UTC)
    session.add(consent)
    session.commit()
    assert claim(partner, code) == (422, "no_consent")


def test_the_help_desk_binds_with_consent_and_trail(
    partner: Partner, resident: Account, session: Session
) -> None:
    sources.bind_subject(
        session,
        source=source_of(session, partner.code),
        subject="desk-1",
        account_public_id=resident.public_id,
        acting_user=SYSTEM,
        now=datetime.now(UTC),
    )
    session.commit()
    consent = session.exec(select(Consent).where(col(Consent.account_id) == resident.id)).one()
    assert (consent.purpose, consent.channel) == ("source:bikes", "help_desk")
    actions = session.exec(select(col(AuditEntry.action))).all()
    assert "binding.bind" in actions
    session.rollback()
    assert body_of(partner.send(item("desk", subject="desk-1")))["accepted"] == 1


def test_the_help_desk_binds_existing_open_accounts_only(
    partner: Partner, resident: Account, session: Session
) -> None:
    def bind(public_id: str) -> None:
        sources.bind_subject(
            session,
            source=source_of(session, partner.code),
            subject="desk-1",
            account_public_id=public_id,
            acting_user=SYSTEM,
            now=datetime.now(UTC),
        )

    with pytest.raises(NotFound, match="unknown_account"):
        bind("nobody")
    resident.closed_at = datetime.now(UTC)
    session.add(resident)
    session.flush()
    with pytest.raises(Conflict, match="account_closed"):
        bind(resident.public_id)


def test_a_partner_learns_what_changed_of_its_own(
    app: Flask, partner: Partner, resident: Account, session: Session
) -> None:
    other = add_partner(app, "other")
    bound_account(session, other.code, "not-yours")
    claim(partner, binding_code(session, partner, resident), "u-1")
    bound_account(session, partner.code, "u-2")
    start = datetime.now(UTC)
    unbind(session, partner, resident)
    everything = body_of(partner.get(BINDINGS))
    assert {one["subject"]: one["active"] for one in everything["bindings"]} == {
        "u-1": False,
        "u-2": True,
    }
    assert everything["next_after"] is None
    since = start.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    recent = body_of(partner.get(f"{BINDINGS}?since={since}"))["bindings"]
    assert [one["subject"] for one in recent] == ["u-1"]


def test_long_lists_come_in_pages(partner: Partner, session: Session) -> None:
    bound_account(session, partner.code, *(f"u-{number:04}" for number in range(1001)))
    first = body_of(partner.get(BINDINGS))
    assert len(first["bindings"]) == 1000
    rest = body_of(partner.get(f"{BINDINGS}?after={first['next_after']}"))
    assert [one["subject"] for one in rest["bindings"]] == ["u-1000"]
    assert rest["next_after"] is None


def test_odd_and_unsigned_questions_are_refused(partner: Partner) -> None:
    for query in ("since=yesterday", "since=2026-03-01T00:00:00", "after=-1", "after=x"):
        assert partner.get(f"{BINDINGS}?{query}").status_code == 422, query
    assert partner.client.get(BINDINGS).status_code == 401
    assert partner.client.post(BINDINGS, json={"code": "x", "subject": "y"}).status_code == 401


def test_reading_uses_up_a_nonce_too(partner: Partner) -> None:
    headers = partner.headers("GET", BINDINGS, b"")
    assert partner.client.get(BINDINGS, headers=headers).status_code == 200
    assert partner.client.get(BINDINGS, headers=headers).status_code == 401


def test_old_codes_are_forgotten(partner: Partner, resident: Account, session: Session) -> None:
    binding_code(session, partner, resident)
    later = datetime.now(UTC) + timedelta(days=2)
    done = jobs.forget_signing_traces(session, period=later.date(), now=later)
    assert done == "nonces=0 codes=1"
