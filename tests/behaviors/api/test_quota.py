"""A source's quota of new items a day: the batch that goes beyond it is refused as a whole."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import time_machine
from flask import Flask
from sqlmodel import Session

from carbonaccount.accounts.models import Account
from tests.behaviors.api.conftest import ACTIVITIES, MORNING, Partner, row_counts, source_of


def items(*numbers: int, km: str = "2") -> dict[str, object]:
    return {
        "items": [
            {
                "event_id": f"e-{number}",
                "subject": "rider-1",
                "behavior": "bike_ride",
                "occurred_at": MORNING.replace("08:30", f"08:{number % 60:02}"),
                "activity": {"distance_km": km},
                "evidence": "B",
            }
            for number in numbers
        ]
    }


def allow(session: Session, quota: int | None) -> None:
    source = source_of(session, "bikes")
    source.daily_quota = quota
    session.add(source)
    session.commit()


def test_up_to_the_quota_and_not_beyond(session: Session, partner: Partner, rider: Account) -> None:
    allow(session, 5)
    assert partner.post(ACTIVITIES, items(1, 2, 3)).status_code == 200
    before = row_counts(session)
    refused = partner.post(ACTIVITIES, items(4, 5, 6))
    assert refused.status_code == 429
    assert refused.json is not None
    assert refused.json["code"] == "daily_quota"
    assert "已用 3 条" in refused.json["detail"]
    assert row_counts(session) == before
    assert partner.post(ACTIVITIES, items(4, 5)).status_code == 200
    assert partner.post(ACTIVITIES, items(6)).status_code == 429


def test_what_is_sent_again_costs_nothing(
    session: Session, partner: Partner, rider: Account
) -> None:
    allow(session, 3)
    assert partner.post(ACTIVITIES, items(1, 2, 3)).status_code == 200
    again = partner.post(ACTIVITIES, items(1, 2, 3))
    assert again.status_code == 200
    assert again.json is not None
    assert again.json["duplicate"] == 3


def test_rejected_items_count_too(session: Session, partner: Partner, rider: Account) -> None:
    allow(session, 2)
    assert partner.post(ACTIVITIES, items(1, 2, km="-1")).status_code == 200
    assert partner.post(ACTIVITIES, items(3)).status_code == 429


def test_it_begins_anew_at_midnight_in_the_city(
    session: Session, partner: Partner, rider: Account
) -> None:
    allow(session, 1)
    # 15:50 in UTC is ten minutes before midnight in the city.
    evening = datetime(2026, 11, 20, 15, 50, tzinfo=UTC)
    with time_machine.travel(evening, tick=False):
        assert partner.post(ACTIVITIES, items(1)).status_code == 200
        refused = partner.post(ACTIVITIES, items(2))
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "601"
    with time_machine.travel(evening + timedelta(minutes=11), tick=False):
        assert partner.post(ACTIVITIES, items(2)).status_code == 200


def test_without_a_quota_there_is_no_limit(
    session: Session, partner: Partner, rider: Account
) -> None:
    allow(session, None)
    assert partner.post(ACTIVITIES, items(*range(20))).status_code == 200


def test_two_at_once_cannot_overdraw_it(
    app: Flask, session: Session, partner: Partner, rider: Account
) -> None:
    allow(session, 4)
    answers: list[int] = []

    def send(first: int) -> None:
        twin = Partner(partner.code, partner.key_id, partner.secret, app.test_client())
        answers.append(twin.post(ACTIVITIES, items(first, first + 1)).status_code)

    threads = [Thread(target=send, args=(10 * number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 200, 429, 429, 429, 429]
    assert row_counts(session)["activity_record"] == 4
