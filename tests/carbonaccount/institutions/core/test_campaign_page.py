"""Challenges on the pages: begun, counted from records, compared, called off."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from behaviors import totals
from behaviors.models import ActivityRecord, Behavior, RuleVersion
from behaviors.telling import close_due
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day, day_start, utc_now
from carbonaccount.errors import Invalid
from carbonaccount.institutions.campaign_models import Campaign
from carbonaccount.institutions.campaigns import CampaignContent, begin
from carbonaccount.institutions.models import Institution, InstitutionMember
from tests.carbonaccount.institutions.places import Place, arranged
from tests.people import writing
from tests.queries import counting

PHONES = ("13800000031", "13800000032", "13800000033")


class Deeds:
    """Writes members and their records; a record's number keeps it apart from others."""

    def __init__(self, session: Session, institution_id: int, month: date) -> None:
        self.session, self.institution_id, self.month = session, institution_id, month
        behaviors = {row.code: row.id or 0 for row in session.exec(select(Behavior))}
        self.bus, self.metro = behaviors["bus_trip"], behaviors["metro_trip"]
        self.rule = session.exec(select(RuleVersion.id)).first() or 0
        self.number = 0

    def member(self, team: str, *, left: date | None = None) -> int:
        """Return the account of a new member, since the month before."""
        now = utc_now()
        account = open_account(self.session, kind=AccountKind.PERSON, district_code=None, now=now)
        self.session.add(
            InstitutionMember(
                institution_id=self.institution_id,
                account_id=account.stored_id,
                team=team,
                first_day=self.month - timedelta(days=9),
                last_day=left,
                consented_at=now,
            )
        )
        self.session.flush()
        return account.stored_id

    def act(self, account_id: int, of_month: int, **changes: object) -> None:
        """Write a counted bus trip of a day of the month."""
        day = self.month.replace(day=of_month)
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
        totals.mark_days(self.session, [day])

    def tell(self) -> None:
        """Add up and tell what is over, as the jobs do every night."""
        self.session.flush()
        totals.add_up(self.session, now=utc_now())
        close_due(self.session, now=utc_now())
        self.session.commit()


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


def last_month() -> date:
    """Return the first day of the last month, of which the 1st to the 14th are told by now."""
    return (business_day(utc_now()).replace(day=1) - timedelta(days=1)).replace(day=1)


def arrange(app: Flask, place: Place) -> str:
    """Write a challenge that began on the 8th of the last month, with what members did.

    What is told of it are the 8th to the 14th and what came before, the 1st to the 7th.
    """
    with writing(app) as session:
        deeds = Deeds(session, place.row_id, last_month())
        for _person in range(12):  # 2 acts before, 4 since
            account = deeds.member("一班")
            for day in (1, 7, 8, 9, 11, 14):
                deeds.act(account, day)
        for _person in range(10):  # 3 before, 2 since
            account = deeds.member("二班")
            for day in (2, 3, 4, 8, 14):
                deeds.act(account, day)
        for team in ("三班", "四班"):  # 9 people each: withheld, 18 acts in the sum
            for _person in range(9):
                deeds.act(deeds.member(team), 10)
        idle = deeds.member("一班")  # a 13th who did nothing that counts
        deeds.act(idle, 15)  # one of whom nothing is told
        deeds.act(idle, 9, behavior_id=deeds.metro)
        deeds.act(idle, 9, status="d", outcome="declined")
        deeds.act(idle, 9, outcome="overlap")
        gone = deeds.member("一班", left=deeds.month.replace(day=5))  # a 14th of before
        deeds.act(gone, 10)
        begun, until = deeds.month.replace(day=8), business_day(utc_now()) + timedelta(days=7)
        public_id = challenge(session, place, begun, until, utc_now())
        deeds.tell()
    return public_id


def test_teams_are_compared_with_themselves(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    with counting(app) as empty:
        assert school.reader.get(school.address).status_code == 200
    page = f"{school.address}/campaigns/{arrange(app, school)}"
    shown = school.reader.get(page).text
    # 12 x 4 + 10 x 2 + 18 = 86 acts of the goal's 100. A week of 一班: 48 / 13 = 3.692, before it
    # 24 / 14 = 1.714; of 二班: 20 / 10, before it 30 / 10.
    for said in ("<strong>86</strong>", "86%", "已公布", "+2.0", "-1.0", "不足 10 人"):
        assert said in shown
    assert "按名称排列" in shown
    table = [
        "班级或部门,成员,每人每周次数,变化",
        "一班,13,3.7,2.0",
        "二班,10,2.0,-1.0",
        "三班,9,不足 10 人，不显示,不足 10 人，不显示",
        "四班,9,不足 10 人，不显示,不足 10 人，不显示",
    ]
    assert lines(school, page) == table
    with counting(app) as full:
        home = school.reader.get(school.address).text
    assert "公交三周" in home
    assert len(full) == len(empty), "the first page asks as often with a history as without"

    # --- who changes the team, leaves, or whose record comes late does not show ---
    with writing(app) as session:
        first, second = session.exec(
            select(InstitutionMember).where(col(InstitutionMember.team) == "一班").limit(2)
        ).all()
        first.team, second.last_day = "二班", last_month().replace(day=9)
        deeds = Deeds(session, school.row_id, last_month())
        deeds.number = 1000
        deeds.act(first.account_id, 13)
        totals.mark_days(session, [last_month().replace(day=11)])
        deeds.tell()
    assert lines(school, page) == table
    assert "<strong>86</strong>" in school.reader.get(page).text
    # A challenge that is a week longer tells nothing of its own either.
    with writing(app) as session:
        longer = challenge(session, school, last_month(), last_month().replace(day=14), utc_now())
        session.commit()
    assert "<strong>140</strong>" in school.reader.get(f"{school.address}/campaigns/{longer}").text

    # --- outside the government profile places are given ---
    settings = app.extensions["carbonaccount.settings"]
    app.extensions["carbonaccount.settings"] = settings.model_copy(
        update={"government_profile": False}
    )
    assert lines(school, page)[1:3] == ["1,一班,13,3.7,2.0", "2,二班,10,2.0,-1.0"]
    assert "名次" in school.reader.get(page).text

    # --- called off, it stands as it was ---
    off = f"{page}/call-off"
    assert school.clerk.post(off, {}, page=page).status_code == 303
    assert "已提前结束" in school.reader.get(page).text
    assert "<strong>86</strong>" in school.reader.get(page).text
    assert school.clerk.post(off, {}, page="/institutions/seat").status_code == 409


def lines(school: Place, page: str) -> list[str]:
    """Return the lines of a challenge's file of teams."""
    return str(school.reader.get(f"{page}/teams.csv").data, "utf-8-sig").splitlines()


def test_a_challenge_is_announced(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    listed = f"{school.address}/campaigns"
    assert "还没有挑战" in school.reader.get(listed).text
    coming = (business_day(utc_now()).replace(day=28) + timedelta(days=7)).replace(day=1)
    good = {
        "name_zh": "四月骑行",
        "behavior": "bike_ride",
        "first_day": coming.isoformat(),
        "last_day": coming.replace(day=7).isoformat(),
        "goal_acts": "300",
    }
    for change, said in (
        ({"name_zh": ""}, "请填名称"),
        ({"behavior": "flying"}, "Not a valid choice|不是有效|选择"),
        ({"first_day": ""}, "请选择第一天"),
        ({"first_day": coming.replace(day=2).isoformat()}, "Not a valid choice|不是有效|选择"),
        ({"first_day": coming.replace(day=8).isoformat()}, "7 至 92 天"),
        ({"goal_acts": "many"}, "请填整数"),
        ({"goal_acts": "0"}, "目标至少 1 次"),
        ({"goal_acts": "100000001"}, "至多 100000000 次"),
    ):
        told = school.clerk.post(f"{listed}/new", {**good, **change}, page=listed)
        assert told.status_code == 422
        assert any(part in told.text for part in said.split("|")), said
    with writing(app) as session:
        institution = session.get_one(Institution, school.row_id)
        for days, code in (
            ((coming - timedelta(days=400), coming), "campaign_first_day"),
            ((coming.replace(day=2), coming.replace(day=14)), "campaign_first_part"),
            ((coming, coming.replace(day=13)), "campaign_last_part"),
        ):
            content = CampaignContent("四月骑行", "", "bike_ride", *days, 300)
            with pytest.raises(Invalid) as refused:
                begin(
                    session,
                    institution=institution,
                    content=content,
                    acting_user=SYSTEM,
                    now=utc_now(),
                )
            assert refused.value.code == code
    for turn in range(5):
        begun = {**good, "name_zh": f"骑行{turn}"}
        assert school.clerk.post(f"{listed}/new", begun, page=listed).status_code == 303
    sixth = school.clerk.post(f"{listed}/new", good, page=listed)
    assert (sixth.status_code, "至多 5 个" in sixth.text) == (409, True)
    page = school.reader.get(listed).text
    assert "骑行4" in page
    assert "还没开始" in page
    file = school.reader.get(f"{listed}.csv?state=ahead").data.decode("utf-8-sig").splitlines()
    assert len(file) == 6
    assert file[1].startswith("骑行4,")
    assert file[1].endswith(",300,还没开始")
    assert "没有这种状态的挑战" in school.reader.get(f"{listed}?state=over").text
    number = page.split("/campaigns/")[1].split('"')[0]
    shown = school.reader.get(f"{listed}/{number}").text
    assert "还没有结果" in shown
    # Told when it is over for a week: the 1st to the 7th on the 15th.
    assert f'datetime="{coming.replace(day=15)}"' in shown
