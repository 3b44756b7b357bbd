"""The city added up: a few records whose sums are worked out by hand, and what changes them."""

from datetime import date

import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlmodel import Session, col, select

from behaviors import totals
from behaviors.intake.release import decline_held, release_held
from behaviors.models import ActivityRecord, SourceSubject
from behaviors.total_models import CityTotal, DayChange, DayTotal
from carbonaccount.accounts.models import Account, Resident
from carbonaccount.accounts.services import change_settings
from carbonaccount.audit import SYSTEM
from tests.behaviors.intake.arranging import NOW, admit, bring, broken
from tests.behaviors.totals.arranging import know, people, rides


def rows(session: Session) -> list[tuple[object, ...]]:
    found = session.exec(
        select(DayTotal).order_by(col(DayTotal.business_day), col(DayTotal.district_code))
    )
    return [
        (
            r.business_day.isoformat(),
            r.district_code,
            r.evidence,
            r.records,
            r.people,
            r.reduction_g,
        )
        for r in found
    ]


def total(session: Session, dimension: str, key: str) -> tuple[int, int, int, int]:
    row = session.get_one(CityTotal, (dimension, key), populate_existing=True)
    return row.records, row.people, row.reduction_g, row.credits


def test_days_late_records_and_reversals(session: Session) -> None:
    source = admit(session)
    near, far = people(session, source, 12, "370811"), people(session, source, 3, None)
    bring(session, source, *rides(near), *rides(far), *rides(near[:2], "2026-03-03"))
    assert totals.add_up(session, now=NOW) == 2
    assert rows(session) == [
        ("2026-03-02", "", "A", 3, 3, 438),  # 3 x 146 g
        ("2026-03-02", "370811", "A", 12, 12, 1752),  # 12 x 146 g
        ("2026-03-03", "370811", "A", 2, 2, 292),
    ]
    # 17 records of 15 people: 17 x 146 g = 2482 g
    assert total(session, "all", "") == (17, 15, 2482, 2482)
    assert total(session, "behavior", "bike_ride") == (17, 15, 2482, 2482)
    assert total(session, "district", "370811") == (14, 12, 2044, 2044)
    assert total(session, "month", "2026-03") == (17, 15, 2482, 2482)
    assert total(session, "year_district", "2026/370811") == (14, 12, 2044, 2044)

    # Nothing changed: nothing is worked out, and a day that is marked again gives the same rows.
    assert totals.add_up(session, now=NOW) == 0
    before = rows(session)
    totals.mark_days(session, [date(2026, 3, 2)])
    assert totals.add_up(session, now=NOW) == 1
    assert rows(session) == before
    assert total(session, "all", "") == (17, 15, 2482, 2482)

    # A late record reaches its own day.
    bring(session, source, *rides(far[:1], "2026-03-03", prefix="late"))
    assert totals.add_up(session, now=NOW) == 1
    assert ("2026-03-03", "", "A", 1, 1, 146) in rows(session)
    assert total(session, "all", "") == (18, 15, 2628, 2628)
    assert session.exec(select(DayChange)).all() == []
    assert broken(session) == {}
    # A total that nobody worked out is found.
    session.execute(sa.text("UPDATE day_total SET reduction_g = reduction_g + 1"))
    assert broken(session) == {"T1": 1, "T2": 2}


def test_better_evidence_moves_the_total(session: Session) -> None:
    source = admit(session)
    other = admit(session, "others")
    (name,) = people(session, source, 1, "370811")
    account = session.exec(select(Account).where(col(Account.district_code) == "370811")).one()
    know(session, other, name, account)
    ride = rides([name])[0]
    bring(session, other, ride | {"evidence": "B"})
    totals.add_up(session, now=NOW)
    assert total(session, "evidence", "B") == (1, 1, 146, 146)
    bring(session, source, ride)
    totals.add_up(session, now=NOW)
    assert rows(session) == [("2026-03-02", "370811", "A", 1, 1, 146)]
    assert total(session, "evidence", "B")[0] == 0
    assert total(session, "all", "") == (1, 1, 146, 146)


def test_held_records_count_from_their_release_on(session: Session) -> None:
    source = admit(session)
    names = people(session, source, 2, None)
    session.execute(
        sa.text("UPDATE behavior SET stopped_at = :now WHERE code = 'bike_ride'"), {"now": NOW}
    )
    bring(session, source, *rides(names))
    totals.add_up(session, now=NOW)
    assert rows(session) == []
    first, second = session.exec(
        select(col(ActivityRecord.id)).order_by(col(ActivityRecord.id))
    ).all()
    assert first is not None
    assert second is not None
    release_held(session, record_ids=[first], acting_user=SYSTEM, now=NOW)
    decline_held(session, record_ids=[second], acting_user=SYSTEM, now=NOW)
    totals.add_up(session, now=NOW)
    assert rows(session) == [("2026-03-02", "", "A", 1, 1, 146)]


def test_who_moves_takes_their_records_along(session: Session) -> None:
    source = admit(session)
    (name, *_) = people(session, source, 2, "370811")
    bring(session, source, *rides([name]), *rides([name], "2026-03-03"))
    totals.add_up(session, now=NOW)
    assert total(session, "district", "370811") == (2, 1, 292, 292)
    bound = session.exec(select(SourceSubject).where(col(SourceSubject.subject) == name)).one()
    session.add(
        Resident(
            account_id=bound.account_id,
            phone_index="-",
            phone_sealed=b"-",
            phone_tail="0000",
            created_at=NOW,
        )
    )
    session.flush()
    for district, marked in (("370811", 0), ("370812", 2)):
        change_settings(
            session,
            account_id=bound.account_id,
            district_code=district,
            locale="zh",
            acting_user=SYSTEM,
            now=NOW,
        )
        assert totals.add_up(session, now=NOW) == marked
    assert total(session, "district", "370811") == (0, 0, 0, 0)
    assert total(session, "year_district", "2026/370811") == (0, 0, 0, 0)
    assert total(session, "year_district", "2026/370812") == (2, 1, 292, 292)
    assert total(session, "district", "370812") == (2, 1, 292, 292)
    assert total(session, "all", "") == (2, 1, 292, 292)
    assert broken(session) == {}


def test_the_public_summary(client: FlaskClient, session: Session) -> None:
    address = "/api/v1/public/summary"
    body = client.get(address).get_json()
    assert body["as_of"] is None
    assert body["total"]["withheld"] is True
    source = admit(session)
    near, far = people(session, source, 12, "370811"), people(session, source, 3, None)
    bring(session, source, *rides(near), *rides(far))
    totals.add_up(session, now=NOW)
    session.commit()
    body = client.get(address).get_json()
    assert body["total"] == {
        "key": "",
        "withheld": False,
        "records": 15,
        "people": 15,
        "reduction_g": 2190,
        "credits": 2190,
    }
    # Three people without a district: withheld, and the only other group with them.
    assert [found["withheld"] for found in body["by_district"]] == [True, True]
    assert [found["key"] for found in body["by_evidence"]] == ["A"]
    assert body["by_month"][0]["key"] == "2026-03"
    assert "account" not in str(body)
    page = client.get("/city")
    assert page.status_code == 200
    assert 'value="2190"' in page.text
    table = client.get("/city.csv").text
    assert "按行为,共享单车骑行,15,15,2190,2190" in table
    assert "不公布" in table
