"""Challenges on the pages: begun, counted from records, compared, called off."""

from datetime import date, datetime, timedelta
from typing import Any

from flask import Flask
from sqlmodel import Session, select

from behaviors.models import ActivityRecord, Behavior, RuleVersion
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.clock import business_day, day_start, utc_now
from carbonaccount.institutions.campaign_models import Campaign
from carbonaccount.institutions.models import InstitutionMember
from tests.carbonaccount.institutions.places import Place, arranged
from tests.people import writing
from tests.queries import counting

PHONES = ("13800000031", "13800000032", "13800000033")


class Deeds:
    """Writes members and their records; a record's number keeps it apart from others."""

    def __init__(self, session: Session, institution_id: int, today: date) -> None:
        self.session, self.institution_id, self.today = session, institution_id, today
        behaviors = {row.code: row.id or 0 for row in session.exec(select(Behavior))}
        self.bus, self.metro = behaviors["bus_trip"], behaviors["metro_trip"]
        self.rule = session.exec(select(RuleVersion.id)).first() or 0
        self.number = 0

    def member(self, team: str, *, left: date | None = None) -> int:
        """Return the account of a new member, since two days ago unless they left before."""
        now = utc_now()
        account = open_account(self.session, kind=AccountKind.PERSON, district_code=None, now=now)
        first = self.today - timedelta(days=2)
        self.session.add(
            InstitutionMember(
                institution_id=self.institution_id,
                account_id=account.stored_id,
                team=team,
                first_day=min(first, left or first),
                last_day=left,
                consented_at=now,
            )
        )
        self.session.flush()
        return account.stored_id

    def act(self, account_id: int, days_ago: int, **changes: object) -> None:
        """Write a counted bus trip of a day."""
        day = self.today - timedelta(days=days_ago)
        self.number += 1
        values: dict[str, Any] = {
            "source_id": 1,
            "event_id": f"e{self.number}",
            "account_id": account_id,
            "behavior_id": self.bus,
            "rule_version_id": self.rule,
            "occurred_at": day_start(day) + timedelta(hours=9),
            "business_day": day,
            "evidence": "A",
            "activity": "{}",
            "quantity_milli": 1000,
            "counted_milli": 1000,
            "reduction_g": 1,
            "credits": 1,
            "status": "c",
            "outcome": "ok",
            "fingerprint": self.number,
            "batch_id": 1,
            "recorded_at": utc_now(),
            **changes,
        }
        self.session.add(ActivityRecord(**values))


def challenge(session: Session, place: Place, first: date, last: date, now: datetime) -> str:
    """Write a challenge that began some days ago; returns its public id."""
    row = Campaign(
        public_id=f"C{first}",
        institution_id=place.row_id,
        name_zh="公交三周",
        behavior="bus_trip",
        first_day=first,
        last_day=last,
        goal_acts=100,
        created_by=1,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row.public_id


def arrange(app: Flask, place: Place) -> str:
    """Write a challenge in its second week, with what members did before and since.

    It began 8 days ago, so that the first 7 days count: 8 to 2 days ago, against 15 to 9 days ago.
    """
    with writing(app) as session:
        today = business_day(utc_now())
        deeds = Deeds(session, place.row_id, today)
        for _person in range(12):  # 2 acts before, 4 since: +2 each
            account = deeds.member("一班")
            for days_ago in (9, 15, 8, 5, 3, 2):
                deeds.act(account, days_ago)
        for _person in range(10):  # 3 before, 2 since: -1 each
            account = deeds.member("二班")
            for days_ago in (9, 12, 15, 8, 2):
                deeds.act(account, days_ago)
        for _person in range(9):  # 9 people: withheld, 9 acts in the sum
            deeds.act(deeds.member("三班"), 4)
        idle = deeds.member("一班")  # a 13th who did nothing that counts
        deeds.act(idle, 16)  # before both times
        deeds.act(idle, 1)  # after the days that are counted
        deeds.act(idle, 3, behavior_id=deeds.metro)
        deeds.act(idle, 3, status="d", outcome="declined")
        deeds.act(idle, 3, outcome="overlap")
        gone = deeds.member("一班", left=today - timedelta(days=3))
        deeds.act(gone, 5)
        begun, until = today - timedelta(days=8), today + timedelta(days=12)
        public_id = challenge(session, place, begun, until, utc_now())
        session.commit()
    return public_id


def test_teams_are_compared_with_themselves(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    with counting(app) as empty:
        assert school.reader.get(school.address).status_code == 200
    page = f"{school.address}/campaigns/{arrange(app, school)}"
    shown = school.reader.get(page).text
    # 12 x 4 + 10 x 2 + 9 = 77 acts of the goal's 100; 24 / 13 = 1.846..., -10 / 10.
    for said in ("<strong>77</strong>", "77%", "已计 7 天", "+1.8", "-1.0", "不足 10 人"):
        assert said in shown
    assert "按名称排列" in shown
    rows = school.reader.get(f"{page}/teams.csv").data.decode("utf-8-sig").splitlines()
    assert rows == [
        "班级或部门,成员,每人次数的变化",
        "一班,13,'+1.8",
        "二班,10,'-1.0",
        "三班,9,不足 10 人，不显示",
    ]
    with counting(app) as full:
        home = school.reader.get(school.address).text
    assert "公交三周" in home
    assert len(full) == len(empty), "the first page asks as often with a history as without"

    # --- outside the government profile places are given ---
    settings = app.extensions["carbonaccount.settings"]
    app.extensions["carbonaccount.settings"] = settings.model_copy(
        update={"government_profile": False}
    )
    rows = school.reader.get(f"{page}/teams.csv").data.decode("utf-8-sig").splitlines()
    assert rows[1:3] == ["1,一班,13,'+1.8", "2,二班,10,'-1.0"]
    assert "名次" in school.reader.get(page).text

    # --- called off, it stands as it was ---
    off = f"{page}/call-off"
    assert school.clerk.post(off, {}, page=page).status_code == 303
    assert "已提前结束" in school.reader.get(page).text
    assert "<strong>77</strong>" in school.reader.get(page).text
    assert school.clerk.post(off, {}, page="/institutions/seat").status_code == 409


def test_a_challenge_is_announced(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    listed = f"{school.address}/campaigns"
    assert "还没有挑战" in school.reader.get(listed).text
    today = business_day(utc_now())
    good = {
        "name_zh": "四月骑行",
        "behavior": "bike_ride",
        "first_day": today.isoformat(),
        "last_day": (today + timedelta(days=6)).isoformat(),
        "goal_acts": "300",
    }
    early, short = today - timedelta(days=1), today + timedelta(days=5)
    for change, said in (
        ({"name_zh": ""}, "请填名称"),
        ({"behavior": "flying"}, "Not a valid choice|不是有效|选择"),
        ({"first_day": early.isoformat()}, "今天或以后"),
        ({"last_day": short.isoformat()}, "7 至 92 天"),
        ({"goal_acts": "many"}, "请填整数"),
        ({"goal_acts": "0"}, "目标至少 1 次"),
        ({"goal_acts": "100000001"}, "至多 100000000 次"),
    ):
        told = school.clerk.post(f"{listed}/new", {**good, **change}, page=listed)
        assert told.status_code == 422
        assert any(part in told.text for part in said.split("|")), said
    for turn in range(5):
        begun = {**good, "name_zh": f"骑行{turn}"}
        assert school.clerk.post(f"{listed}/new", begun, page=listed).status_code == 303
    sixth = school.clerk.post(f"{listed}/new", good, page=listed)
    assert (sixth.status_code, "至多 5 个" in sixth.text) == (409, True)
    page = school.reader.get(listed).text
    assert "骑行4" in page
    assert "进行中" in page
    file = school.reader.get(f"{listed}.csv?state=running").data.decode("utf-8-sig").splitlines()
    assert len(file) == 6
    assert file[1].startswith("骑行4,")
    assert file[1].endswith(",300,进行中")
    assert "没有这种状态的挑战" in school.reader.get(f"{listed}?state=over").text
    number = page.split("/campaigns/")[1].split('"')[0]
    assert "开始满 7 天后" in school.reader.get(f"{listed}/{number}").text
