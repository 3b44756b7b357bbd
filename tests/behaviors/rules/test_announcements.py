"""What is told, in both languages; the numbers are worked out by hand from kg a km."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlmodel import Session

from behaviors import announcements, rule_queries, rule_services
from behaviors.methods import expand_rules, load_library
from behaviors.rulebook import BehaviorInfo
from behaviors.scoring import Rule, unit_factor_nano
from tests.behaviors.rules.drafts import MONDAY, Office, bus_rule, scheduled
from tests.people import says

LIBRARY = load_library()
RULES = {rule.behavior: rule for rule in expand_rules(LIBRARY)}
NEW_YEAR = date(2027, 1, 1)


def info(code: str) -> BehaviorInfo:
    item = LIBRARY.behavior(code)
    return BehaviorInfo(
        id=1,
        code=code,
        family=item.family,
        category=item.category,
        enabled=True,
        stopped=False,
        self_report=True,
        sort=1,
        habit_ends_on=None,
        texts={"zh": {"name": item.name_zh}, "en": {"name": item.name_en}},
    )


def bus(kg_per_km: str) -> Rule:
    shipped = RULES["bus_trip"]
    parameter = replace(shipped.parameters[0], name="ef_reduction", value=Decimal(kg_per_km))
    return replace(
        shipped,
        factor_expression="ef_reduction",
        parameters=(parameter,),
        unit_factor_nano=unit_factor_nano("ef_reduction", (parameter,)),
    )


def told(before: Rule | None, after: Rule, language: str) -> str:
    params = announcements.rule_change(
        info(after.behavior), before=before, after=after, from_day=NEW_YEAR
    )
    return announcements.sentence(announcements.RULE_CHANGE, params, language)


def test_the_numbers_of_ten_kilometres() -> None:
    # 10 km x 0.052 kg = 520 g; 10 km x 0.0269 kg = 269 g; a credit a gram.
    params = announcements.rule_change(
        info("bus_trip"), before=RULES["bus_trip"], after=bus("0.0269"), from_day=NEW_YEAR
    )
    assert params == {
        "behavior": "bus_trip",
        "name_zh": "公交出行",
        "name_en": "Bus trip",
        "from_day": "2027-01-01",
        "amounts": [{"value": "10", "unit": "km"}],
        "g_before": 520,
        "credits_before": 520,
        "g_after": 269,
        "credits_after": 269,
    }


def test_fewer_credits() -> None:
    before, after = RULES["bus_trip"], bus("0.0269")
    assert told(before, after, "zh") == (
        "自 2027年1月1日起，公交出行 10 公里少得 251 积分：从 520 变为 269"
        "（减排量从 520 克变为 269 克）。"
    )
    assert told(before, after, "en") == (
        "From 1 January 2027: Bus trip (10 km) earns 251 credits fewer, 269 instead of 520 "
        "(reduction 269 g instead of 520 g)."
    )


def test_more_credits_and_one_credit() -> None:
    # 10 km x 0.0521 kg = 521 g: one more than 520.
    before, after = RULES["bus_trip"], bus("0.0521")
    assert "多得 1 积分：从 520 变为 521" in told(before, after, "zh")
    assert "earns 1 credit more, 521 instead of 520" in told(before, after, "en")


def test_credits_alone_can_change() -> None:
    # Half a credit a gram: 260, and the grams stay.
    before = RULES["bus_trip"]
    after = replace(before, credits_per_gram=Decimal("0.5"))
    assert told(before, after, "zh") == (
        "自 2027年1月1日起，公交出行 10 公里少得 260 积分：从 520 变为 260。"
    )


def test_an_ordinary_amount_may_earn_the_same() -> None:
    before = RULES["bus_trip"]
    after = replace(before, cap_milli=20_000)
    assert told(before, after, "zh") == (
        "自 2027年1月1日起，公交出行的规则有调整；公交出行 10 公里仍得 520 积分。"
    )
    assert told(before, after, "en") == (
        "From 1 January 2027: the rule of Bus trip changes; Bus trip (10 km) still earns "
        "520 credits."
    )


def test_a_cap_below_the_ordinary_amount_counts() -> None:
    # 5 km of the 10 count: 260 g.
    assert "少得 260 积分" in told(RULES["bus_trip"], replace(bus("0.052"), cap_milli=5_000), "zh")


def test_a_first_rule_is_told_as_new() -> None:
    assert told(None, RULES["bus_trip"], "zh") == (
        "自 2027年1月1日起，新增公交出行：公交出行 10 公里得 520 积分，减排 520 克。"
    )
    assert told(None, RULES["reusable_cup"], "en") == (
        "From 1 January 2027, new: Reusable cup (1 time) earns 10 credits."
    )


def test_an_amount_that_the_old_rule_refused_is_not_compared() -> None:
    """The old rule took at most 4 km; both are compared at 4 km: 208 g and 107 g (107.6)."""
    shipped = RULES["bus_trip"]
    narrow = replace(shipped, fields=(replace(shipped.fields[0], maximum=Decimal(4)),))
    params = announcements.rule_change(
        info("bus_trip"), before=narrow, after=bus("0.0269"), from_day=NEW_YEAR
    )
    assert params["amounts"] == [{"value": "4", "unit": "km"}]
    assert (params["g_before"], params["g_after"]) == (208, 107)


def test_a_rule_with_a_free_part_may_give_nothing() -> None:
    shipped = RULES["bus_trip"]
    free = replace(shipped, quantity_expression="max(0, distance_km - 15)")
    params = announcements.rule_change(
        info("bus_trip"), before=shipped, after=free, from_day=NEW_YEAR
    )
    assert (params["credits_before"], params["credits_after"]) == (520, 0)


@pytest.mark.parametrize("code", sorted(RULES))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_shipped_rule_can_be_told(code: str, language: str) -> None:
    words = told(None, RULES[code], language)
    item = LIBRARY.behavior(code)
    assert (item.name_zh if language == "zh" else item.name_en) in words
    assert "None" not in words


@pytest.mark.parametrize(
    ("kind", "zh", "en"),
    [
        (
            announcements.BEHAVIOR_STOPPED,
            "自 2027年1月1日起，公交出行暂停受理；收到的记录都会保留，恢复后再计入。",
            "From 1 January 2027: Bus trip is paused. Records that come in are kept and count "
            "when it resumes.",
        ),
        (
            announcements.BEHAVIOR_RESUMED,
            "自 2027年1月1日起，公交出行恢复受理，暂停期间保留的记录已按当日规则计入。",
            "From 1 January 2027: Bus trip goes on. Records kept meanwhile were counted by the "
            "rule of their day.",
        ),
        (
            announcements.RULE_CANCELLED,
            "原定 2027年1月1日起的公交出行规则调整已取消，仍按现行规则计算。",
            "The change of Bus trip announced for 1 January 2027 will not come; the present rule "
            "stays.",
        ),
    ],
)
def test_the_other_sentences(kind: str, zh: str, en: str) -> None:
    params = announcements.about_behavior(info("bus_trip"), day=NEW_YEAR)
    assert announcements.sentence(kind, params, "zh") == zh
    assert announcements.sentence(kind, params, "en") == en


# --- when it is told ---


def telling(session: Session, day: date, language: str = "zh") -> list[str]:
    found = rule_queries.announcements_about(session, behavior="bus_trip", day=day)
    return [announcements.sentence(item.kind, item.params, language) for item in found]


def test_an_approval_is_told_at_once_and_a_month_longer(session: Session, office: Office) -> None:
    assert telling(session, date(2026, 3, 2)) == []
    scheduled(session, office)
    (words,) = telling(session, date(2026, 3, 2))
    assert words.startswith("自 2026年3月3日起，公交出行 10 公里少得 251 积分")
    assert len(telling(session, date(2026, 4, 2))) == 1
    assert telling(session, date(2026, 4, 3)) == []


def test_the_second_change_is_compared_with_the_first(session: Session, office: Office) -> None:
    scheduled(session, office)
    scheduled(session, office, bus_rule(session, "0.03", valid_from=date(2026, 3, 10)))
    # 300 g after 269 g.
    assert "多得 31 积分：从 269 变为 300" in telling(session, date(2026, 3, 2))[0]


def test_a_withdrawal_is_told(session: Session, office: Office) -> None:
    version_id = scheduled(session, office)
    now = MONDAY + timedelta(days=2)
    rule_services.withdraw(
        session,
        rule_version_id=version_id,
        from_day=date(2026, 3, 6),
        reason="wrong",
        acting_user=office.anna,
        now=now,
    )
    words = telling(session, date(2026, 3, 4))
    assert words[0].startswith("自 2026年3月6日起，公交出行 10 公里多得 251 积分：从 269 变为 520")
    assert len(words) == 2


def test_a_change_that_never_comes_is_told_and_its_promise_ends(
    session: Session, office: Office
) -> None:
    rule = bus_rule(session, "0.0269", valid_from=date(2026, 3, 9))
    version_id = scheduled(session, office, rule)
    rule_services.withdraw(
        session,
        rule_version_id=version_id,
        from_day=date(2026, 3, 9),
        reason="wrong",
        acting_user=office.anna,
        now=datetime(2026, 3, 4, 4, tzinfo=UTC),
    )
    session.flush()
    (words,) = telling(session, date(2026, 3, 4))
    assert words == "原定 2026年3月9日起的公交出行规则调整已取消，仍按现行规则计算。"


def test_the_method_page_tells_it(session: Session, office: Office, client: FlaskClient) -> None:
    from carbonaccount.clock import business_day, utc_now

    now = utc_now()
    day = rule_queries.earliest_day(session, now=now)
    scheduled(session, office, bus_rule(session, "0.0269", valid_from=day), now=now)
    session.commit()
    page = client.get("/methods/bus_trip").text
    assert business_day(now) <= day
    assert f"自 {day.year}年{day.month}月{day.day}日起，公交出行 10 公里少得 251 积分" in page
    english = client.get("/methods/bus_trip", headers={"Accept-Language": "en"}).text
    assert "earns 251 credits fewer, 269 instead of 520" in english
    assert not says(client.get("/methods/metro_trip").text, "251")
