"""Messages are sent once, announcements end, and nobody reads another's."""

from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.messages import queries, services
from carbonaccount.messages.services import Outgoing

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def account(session: Session) -> int:
    opened = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
    session.flush()
    return opened.stored_id


def test_a_message_is_sent_once(session: Session) -> None:
    alice = account(session)
    first = services.send(
        session, account_id=alice, kind="rescored", cause="rescore:1", params={"g": -5}, now=NOW
    )
    again = services.send(
        session, account_id=alice, kind="rescored", cause="rescore:1", params={"g": -9}, now=NOW
    )
    other = services.send(
        session, account_id=alice, kind="rescored", cause="rescore:2", params={}, now=NOW
    )
    assert (first, again, other) == (True, False, True)
    found = queries.messages_of(session, account_id=alice)
    assert [item.cause for item in found] == ["rescore:2", "rescore:1"]
    assert found[1].params == {"g": -5}


def test_many_messages_skip_those_that_were_sent(session: Session) -> None:
    people = [account(session) for _ in range(3)]
    services.send(session, account_id=people[1], kind="k", cause="c", params={}, now=NOW)
    outgoing = [Outgoing(person, "c", {"n": person}) for person in people]
    assert services.send_many(session, kind="k", outgoing=outgoing, now=NOW) == 2
    assert services.send_many(session, kind="k", outgoing=outgoing, now=NOW) == 0


def test_more_messages_than_one_statement_takes(session: Session) -> None:
    alice = account(session)
    outgoing = [Outgoing(alice, f"c{number}") for number in range(9_001)]
    assert services.send_many(session, kind="k", outgoing=outgoing, now=NOW) == 9_001
    assert queries.unread_count(session, account_id=alice) == 9_001


def test_pages_go_on_where_the_last_ended(session: Session) -> None:
    alice, bob = account(session), account(session)
    for number in range(5):
        at = NOW + timedelta(minutes=number // 2)  # two share a moment
        services.send(session, account_id=alice, kind="k", cause=str(number), params={}, now=at)
    services.send(session, account_id=bob, kind="k", cause="bob", params={}, now=NOW)
    first = queries.messages_of(session, account_id=alice, limit=3)
    rest = queries.messages_of(session, account_id=alice, limit=3, before_id=first[-1].id)
    assert [item.cause for item in first + rest] == ["4", "3", "2", "1", "0"]
    assert queries.messages_of(session, account_id=bob, before_id=first[-1].id) == []


def test_reading_marks_ones_own(session: Session) -> None:
    alice, bob = account(session), account(session)
    for person in (alice, bob):
        services.send(session, account_id=person, kind="k", cause="c", params={}, now=NOW)
    assert services.mark_all_read(session, account_id=alice, now=NOW) == 1
    assert services.mark_all_read(session, account_id=alice, now=NOW) == 0
    assert queries.unread_count(session, account_id=alice) == 0
    assert queries.unread_count(session, account_id=bob) == 1


def test_an_announcement_is_told_once_and_ends(session: Session) -> None:
    last = date(2026, 3, 10)
    told = [
        services.announce(
            session, kind="rule_change", cause="rule:7", params={"n": n}, last_day=last, now=NOW
        )
        for n in (1, 2)
    ]
    assert told == [True, False]
    assert [item.params for item in queries.announcements_on(session, last)] == [{"n": 1}]
    assert queries.announcements_on(session, date(2026, 3, 11)) == []
    assert queries.announcements_on(session, last, kinds=["other"]) == []


def test_an_announcement_can_end_sooner(session: Session) -> None:
    services.announce(session, kind="k", cause="c", params={}, last_day=date(2026, 3, 10), now=NOW)
    sooner = date(2026, 3, 1)
    assert services.end_announcement(session, kind="k", cause="c", last_day=sooner)
    assert not services.end_announcement(session, kind="k", cause="c", last_day=sooner)
    session.flush()
    assert queries.announcements_on(session, date(2026, 3, 2)) == []
