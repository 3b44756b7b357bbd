"""The receipt of a record: the arithmetic step by step, by whom, by which rule, what was booked."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from tests.behaviors.pages.acts import report
from tests.behaviors.pages.conftest import Ride
from tests.people import Browser, writing
from tests.queries import counting

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


def words(browser: Browser, record_id: int | None) -> str:
    """Return the page's text without its markup."""
    response = browser.get(f"/records/{record_id}")
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


def test_the_arithmetic_is_the_one_of_a_pocket_calculator(alice: Browser, ride: Ride) -> None:
    text = words(alice, ride("3.207").record_id)
    # 3.207 km x 0.0487 kg/km x 1000 = 156.1809 g, rounded down; evidence A: a credit a gram.
    assert "3.207 × 0.048700000 × 1000 = 156.1809 g 舍去小数 → 156 g" in text
    assert "156 g × 1 积分/克 × 1" in text
    assert "= 156 积分" in text
    assert "复算与账本一致" in text


def test_it_names_source_evidence_rule_parameters_and_bookings(alice: Browser, ride: Ride) -> None:
    text = words(alice, ride("10", event_id="trip-77").record_id)
    for said in (
        "骑行公司",
        "合作方系统推送",
        "trip-77",
        "A 级 · 官方系统计量",
        "ef_reduction",
        "0.0487 kg/km",
        "中国环境管理 2022",
        "第 1 版",
        "获得 487 克",
        "获得 487 积分",
        "发放账户 → 我的账户",
        "可用于核证",
    ):
        assert said in text, said


def test_what_came_after_the_cap_was_used_up_says_so(alice: Browser, ride: Ride) -> None:
    full = ride("20", at=NOON)
    nothing = ride("10", at=NOON + timedelta(hours=3))
    assert (nothing.code, nothing.reduction_g, nothing.credits) == ("capped", 0, 0)
    text = words(alice, nothing.record_id)
    assert "达到每日上限" in text
    assert "已计入" not in text
    assert "这条计入 0 公里" in text
    assert "已计入" in words(alice, full.record_id)
    page = alice.get("/records").text
    assert page.count("达到每日上限") == 1
    lines = alice.get("/records.csv").data.decode("utf-8-sig").splitlines()
    assert [line.count("达到每日上限") for line in lines] == [0, 1, 0]


def test_the_photo_is_shown_to_its_owner_and_to_nobody_else(
    app: Flask, alice: Browser, bob: Browser
) -> None:
    page = report(alice, "bus_trip", photo=True, distance_km="10").headers["Location"]
    assert f'src="{page}/photo"' in alice.get(page).text
    photo = alice.get(f"{page}/photo")
    assert (photo.status_code, photo.mimetype) == (200, "image/webp")
    assert photo.headers["Cache-Control"] == "private, no-store"
    with Image.open(io.BytesIO(photo.data)) as picture:
        assert (picture.format, dict(picture.getexif())) == ("WEBP", {})
    assert bob.get(f"{page}/photo").status_code == 404
    assert Browser(app).get(f"{page}/photo").headers["Location"].startswith("/sign-in")
    without = report(alice, "metro_trip", distance_km="10").headers["Location"]
    assert "/photo" not in alice.get(without).text
    assert alice.get(f"{without}/photo").status_code == 404


def test_a_capped_record_says_what_was_left(alice: Browser, ride: Ride) -> None:
    ride("18", at=NOON)
    text = words(alice, ride("10", at=NOON + timedelta(hours=3)).record_id)
    # The cap is 20 km: 2 km are left, 2 x 48.7 = 97.4 g.
    assert "在它之前已计 18 公里，这条计入 2 公里" in text
    assert "2.000 × 0.048700000 × 1000 = 97.4 g 舍去小数 → 97 g" in text
    assert "复算与账本一致" in text


def test_an_overlap_links_the_record_in_the_way(alice: Browser, ride: Ride) -> None:
    first = ride("10", at=NOON, ended_at=NOON + timedelta(hours=1))
    second = ride(
        "5",
        behavior="bus_trip",
        at=NOON + timedelta(minutes=30),
        ended_at=NOON + timedelta(hours=2),
        evidence="B",
    )
    assert second.code == "overlap"
    page = alice.get(f"/records/{second.record_id}").text
    assert "同一次只算一次" in page
    assert f'href="/records/{first.record_id}"' in page
    assert "复算与账本一致" in page


def test_a_replaced_record_shows_that_it_was_reversed(alice: Browser, ride: Ride) -> None:
    weak = ride("10", at=NOON, ended_at=NOON + timedelta(hours=1), evidence="B")
    ride("8", at=NOON, ended_at=NOON + timedelta(hours=1), evidence="A")
    text = words(alice, weak.record_id)
    assert "已被取代" in text
    assert "冲回 487 克" in text
    assert "复算与账本一致" in text


def test_a_self_report_shows_grams_that_are_not_recorded(alice: Browser) -> None:
    location = report(alice, "bus_trip", distance_km="10").headers["Location"]
    text = words(alice, int(location.rsplit("/", 1)[1]))
    assert "证据 D 级不计减排量 → 0 g" in text
    assert "520 g × 1 积分/克 × 0.25" in text
    assert "本人填写" in text


def test_a_habit_has_credits_only(alice: Browser) -> None:
    location = report(alice, "reusable_cup", uses="2").headers["Location"]
    text = words(alice, int(location.rsplit("/", 1)[1]))
    assert "没有可溯源的减排数字" in text
    assert "复算与账本一致" in text


def test_a_record_that_does_not_agree_with_the_books_says_so(
    app: Flask, alice: Browser, ride: Ride
) -> None:
    record_id = ride("10").record_id
    with writing(app) as session:
        session.connection().execute(
            sa.text("UPDATE activity_record SET reduction_g = 488 WHERE id = :id"),
            {"id": record_id},
        )
        session.commit()
    assert "复算与账本不一致" in words(alice, record_id)


def test_the_same_as_json(alice: Browser, ride: Ride) -> None:
    receipt = alice.get(f"/records/{ride('3.207').record_id}.json").get_json()
    assert receipt["quantity"] == "3.207"
    assert receipt["unit_factor"] == "0.048700000"
    assert receipt["exact_g"] == "156.1809"
    assert (receipt["reduction_g"], receipt["credits"]) == (156, 156)
    assert receipt["rule"]["parameters"][0]["value"] == "0.0487"
    assert [transfer["amount"] for transfer in receipt["transfers"]] == [156, 156]
    assert {transfer["unit"] for transfer in receipt["transfers"]} == {"g", "credit"}
    assert receipt["agrees"] is True


@pytest.mark.parametrize("ending", ["", ".json"])
def test_another_persons_record_does_not_exist(
    alice: Browser, ride: Ride, bob: Browser, ending: str
) -> None:
    path = f"/records/{ride('10').record_id}{ending}"
    assert alice.get(path).status_code == 200
    assert bob.get(path).status_code == 404
    assert bob.get("/records/999999999").status_code == 404
    # More than a column of any of the databases holds.
    assert bob.get("/records/9223372036854775808").status_code == 404
    assert bob.get("/records/999999999999999999999.json").status_code == 404


def test_it_needs_sign_in(app: Flask, ride: Ride) -> None:
    assert Browser(app).get(f"/records/{ride('10').record_id}").status_code == 303


def test_few_statements(app: Flask, alice: Browser, ride: Ride) -> None:
    record_id = ride("10").record_id
    with counting(app) as statements:
        alice.get(f"/records/{record_id}")
    # Who it is (2), the record, behaviours, rules, the cap's use, transfers.
    assert len(statements) <= 8, "\n".join(statements)
