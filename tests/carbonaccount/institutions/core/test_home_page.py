"""The first page: distance to neutrality and totals of members, worked out by hand."""

import io
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from flask import Flask
from openpyxl import load_workbook
from sqlmodel import Session, SQLModel, select

from behaviors.models import Behavior
from behaviors.told_models import ToldTotal
from carbonaccount.accounts.sessions import Owner, open_login
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions.campaign_models import Campaign
from carbonaccount.institutions.dashboard import counts, distance
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryChange,
    InventoryLine,
)
from carbonaccount.institutions.models import InstitutionMember
from carbonaccount.institutions.neutrality_models import NeutralityStatement
from carbonaccount.institutions.offset_models import OffsetLot
from tests.carbonaccount.institutions.places import Place, actor_of, arranged
from tests.people import Browser, csrf_token, says, writing
from tests.queries import counting

_TOKENS = re.compile(r"""name="csrf_token"[^>]*value="[^"]+"|X-CSRFToken[^}]+""")
PHONES = ("13800000031", "13800000032", "13800000033")


def use_power(session: Session, place: Place) -> None:
    """Write 1,000 kWh at 0.6191 kg: 619.100 kg, and a statement of the year."""
    now = utc_now()
    year = Inventory(institution_id=place.row_id, year=2025, created_at=now)
    session.add(year)
    session.flush()
    values: dict[str, Any] = {
        "inventory_id": year.stored_id,
        "factor_code": "grid.shandong",
        "factor_version": 1,
        "factor_value": "0.6191",
        "factor_unit": "kgCO2/kWh",
        "entered_unit": "kWh",
        "changed_by": 1,
        "changed_at": now,
    }
    line = InventoryLine(month=1, entered_amount="1000", amount="1000", **values)
    # A correction copied this one: nobody wrote it here.
    copy = InventoryLine(month=2, entered_amount="0", amount="0", origin_id=77, **values)
    session.add_all((line, copy))
    session.flush()
    session.add(
        InventoryChange(
            inventory_id=year.stored_id,
            line_id=line.stored_id,
            batch="b",
            what="line.add",
            changed_by=1,
            changed_at=now,
        )
    )
    session.add(
        NeutralityStatement(
            public_id="S",
            institution_id=place.row_id,
            year=2025,
            inventory_id=year.stored_id,
            inventory_version=1,
            drafted_by=1,
            drafted_at=now,
        )
    )
    session.flush()


def lot(session: Session, place: Place, first: int, **changes: object) -> None:
    """Write a lot of 2 x 100 kg that came in two months ago."""
    values: dict[str, object] = {
        "public_id": f"L{first}",
        "institution_id": place.row_id,
        "kind": "ccer",
        "registry_code": "ccer",
        "serial_prefix": "T-",
        "serial_first": first,
        "serial_last": first + 1,
        "series_key": "t",
        "joined_key": "t",
        "joined_first": first,
        "joined_last": first + 1,
        "serial_g": 100_000,
        "amount_g": 200_000,
        "vintage": 2025,
        "added_at": utc_now() - timedelta(days=62),
        **changes,
    }
    session.add(OffsetLot(**values))  # type: ignore[arg-type]


def test_how_far_from_neutral(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    now, month = utc_now(), business_day(utc_now()).replace(day=1)
    used = {"status": "retired", "retired_at": now, "purpose_id": 1}
    with writing(app) as session:
        assert distance(session, institution_id=school.row_id, today=month) is None
        assert counts(session, institution_id=school.row_id, month=month).moved.nothing
        use_power(session, school)
        lot(session, school, 1)  # held: does not count
        lot(session, school, 11, **used, purpose="statement_year")
        # 500 kWh of certificates take 309.550 kg off the power line.
        lot(
            session,
            school,
            21,
            **used,
            purpose="power_line",
            kind="green_certificate",
            registry_code="gec",
            serial_g=0,
            amount_g=0,
            serial_kwh=250,
            amount_kwh=500,
            added_at=now,
        )
        lot(session, school, 31, **{**used, "purpose_id": 77}, purpose="event")
        session.commit()
        found = distance(session, institution_id=school.row_id, today=month)
        assert found is not None
        # 619,100 - 309,550 - 200,000 = 109,550 g; 509,550 / 619,100 = 82.3 %.
        balance = found.balance
        assert (balance.emissions_g, balance.power_reduction_g) == (619_100, 309_550)
        assert (balance.offsets_g, balance.remaining_g, found.percent) == (200_000, 109_550, 82)
        assert (found.account.year, found.statement) == (2025, "draft")
        assert found.published is None
        stated: dict[str, Any] = {
            "institution_id": school.row_id,
            "inventory_id": 1,
            "inventory_version": 1,
            "drafted_by": 1,
            "drafted_at": now,
            "status": "published",
            "published_at": now,
            "is_neutral": True,
        }
        for year in (2023, 2024):
            session.add(NeutralityStatement(public_id=f"S{year}", year=year, **stated))
        session.commit()
        again = distance(session, institution_id=school.row_id, today=month)
        assert again is not None
        assert again.published is not None
        assert (again.published.year, again.published.public_id) == (2024, "S2024")
        turned = counts(session, institution_id=school.row_id, month=month).moved
        assert (turned.inventory_lines, turned.lots_added, turned.lots_retired) == (1, 1, 3)
        assert turned.retired_g == 400_000
    home = school.reader.get(school.address).text
    # Emissions and what is left are shortened upwards, what was taken off downwards.
    for said in (
        # Two months are no year, and nothing speaks of one.
        "2025 年已填报的部分离碳中和还有",
        "已填报的 2 个月的排放",
        ">110</span>",
        "已抵消 82%",
        "620 kg",
        "309 kg",
        "清单还在填报",
        "草稿",
    ):
        assert said in home
    assert "全年排放" not in home


def test_totals_of_members_and_their_files(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)
    last = business_day(utc_now()).replace(day=1) - timedelta(days=1)
    before = last.replace(day=1) - timedelta(days=1)
    with writing(app) as session:
        bus = next(b.id for b in session.exec(select(Behavior)) if b.code == "bus_trip")
        for month, people, records in ((last, 12, 40), (before, 9, 30)):
            for behavior_id in (0, bus or 0):
                told = people >= 10
                session.add(
                    ToldTotal(
                        institution_id=school.row_id,
                        period=month.isoformat()[:7],
                        behavior_id=behavior_id,
                        records=records if told else None,
                        people=people if told else None,
                        reduction_g=records * 100 if told else None,
                    )
                )
        session.commit()
    page = school.reader.get(f"{school.address}/members").text
    for said in ("4.00 kg", "公交", "40", "12", "不足 10 人，不显示", "也不计在合计里"):
        assert said in page
    assert not says(page.split('id="totals"')[1].split("</section>")[0], "30")
    assert "12 人，40 次" in school.reader.get(school.address).text
    sent = school.reader.get(f"{school.address}/members/totals.xlsx")
    sheet = load_workbook(io.BytesIO(sent.data)).active
    assert sheet is not None
    rows = [tuple(cell or "" for cell in row) for row in sheet.iter_rows(values_only=True)]
    assert rows[1][2:5] == ("", 40, 4000)
    assert rows[2] == ("按月", before.isoformat()[:7], "", "", "", "不足 10 人，不显示")
    assert rows[3] == ("按月", last.isoformat()[:7], 12, 40, 4000, "")


def shown(app: Flask, school: Place) -> str:
    """Return the page as it is kept; it is the one that would be drawn anew."""
    kept = school.owner.get(school.address).text
    app.extensions["carbonaccount.kept"].clear()
    drawn = school.owner.get(school.address).text
    without_tokens = [_TOKENS.sub("", page) for page in (kept, drawn)]
    assert without_tokens[0] == without_tokens[1]
    return without_tokens[0]


def rows_of_a_school(school: Place) -> list[SQLModel]:
    """Return a row of everything that the page tells of and nothing else brings."""
    now, today = utc_now(), business_day(utc_now())
    last = today.replace(day=1) - timedelta(days=1)
    by: dict[str, Any] = {"institution_id": school.row_id}
    return [
        Campaign(
            **by,
            public_id="walk",
            name_zh="走路上学",
            behavior="walk",
            first_day=today,
            last_day=today,
            goal_acts=1,
            created_by=1,
            created_at=now,
        ),
        InstitutionMember(
            **by, account_id=1, team="", first_day=today, consented_at=now, notice_version=""
        ),
        *(
            ToldTotal(
                **by,
                period=month.isoformat()[:7],
                behavior_id=0,
                records=40,
                people=12,
                reduction_g=4000,
            )
            for month in (last, last.replace(day=1) - timedelta(days=1))
        ),
    ]


def test_the_page_is_kept_until_something_it_tells_of_changes(app: Flask) -> None:
    school = arranged(app, "ines", PHONES)

    def arrange_year(session: Session) -> None:
        use_power(session, school)
        lot(session, school, 1)

    def update(table: str, change: str) -> Callable[[Session], object]:
        return lambda session: session.execute(sa.text(f"UPDATE {table} SET {change}"))

    retired = (
        "status = 'retired', retired_at = added_at, purpose = 'statement_year', purpose_id = 1"
    )
    day = f"'{business_day(utc_now()) - timedelta(days=60)}'"
    steps: list[Callable[[Session], object]] = [
        arrange_year,
        *(partial(Session.add, instance=row) for row in rows_of_a_school(school)),
        update("institution", "name_zh = '新名字小学', head_count = 7"),
        update("institution_person", "seat = 'reader'"),
        update("offset_lot", retired),
        update("offset_lot", f"retired_at = '{utc_now().isoformat(' ')}'"),
        update("inventory_change", "undone = NOT undone"),
        update("inventory", "status = 'locked'"),
        update("neutrality_statement", "status = 'in_review'"),
        update("campaign", f"first_day = {day}, last_day = {day}"),
        update("institution_member", f"first_day = {day}, last_day = {day}"),
    ]
    pages = [shown(app, school)]
    for step in steps:
        with writing(app) as session:
            step(session)
            session.commit()
        pages.append(shown(app, school))
    unchanged = [step for step, (one, next_one) in enumerate(pairwise(pages)) if one == next_one]
    assert not unchanged
    # Another browser of the same person gets the page with its own token, which its forms need.
    another = Browser(app)
    with writing(app) as session, another.client.session_transaction() as cookie:
        owner = Owner(account_id=actor_of(app, session, PHONES[0]).id)
        cookie["_user_id"] = open_login(session, owner=owner, now=utc_now())
        session.commit()
    with counting(app) as statements:
        page = another.get(school.address)
    # Who it is, and the facts of the page.
    assert len(statements) == 2
    # It seats nobody as owner any more, so it is refused, but not as forged.
    left = another.post_with(csrf_token(page), f"{school.address}/leave", {})
    assert left.status_code == 303
    assert (
        school.owner.post_with(csrf_token(page), f"{school.address}/leave", {}).status_code == 400
    )
