"""The rule editor: it checks as one types, keeps what was typed, and stores drafts."""

import time

from flask import Flask

from behaviors import rule_queries
from tests.admin.rules.office import (
    NEW_BUS,
    drafted,
    electric_bus,
    in_review,
    said,
    status_of,
    step,
    value_of,
    versions,
)
from tests.people import Browser, csrf_token, writing

CHECK = "/admin/behaviors/bus_trip/check"


def checked(browser: Browser, **changes: str) -> str:
    """Return what the editor says as one types."""
    token = csrf_token(browser.get(NEW_BUS))
    response = browser.post_with(token, CHECK, electric_bus(reason="", **changes))
    assert response.status_code == 200
    return said(response)


def test_the_editor_begins_with_the_rule_in_force(erin: Browser) -> None:
    page = erin.get(NEW_BUS)
    assert page.status_code == 200
    assert value_of(page, "parameters-0-value") == "0.104"
    assert value_of(page, "parameters-1-value") == "0.052"
    assert value_of(page, "cap") == "40"
    assert "可以用" in page.text


def test_the_worked_example_and_the_rule_in_force(erin: Browser) -> None:
    # 10 km x 0.0269 kg = 269 g; the rule in force gives 10 x 0.052 kg = 520 g.
    text = checked(erin, **{"amounts-0-example": "10"})
    assert "269 克" in text
    assert "现行版本：520 克" in text
    # Beyond the cap of 40 km: 40 x 0.0269 kg = 1,076 g.
    assert "1,076 克" in checked(erin, **{"amounts-0-example": "50"})


def test_evidence_of_the_example(erin: Browser) -> None:
    # Grade C gives half of the 269 credits, rounded down, and grams only where they are ticked.
    text = checked(erin, example_evidence="C", **{"amounts-0-example": "10"})
    assert "0 克 · 134 积分" in " ".join(text.split())


WRONG: list[tuple[dict[str, str], str]] = [
    ({"factor_expression": "ef_reduction - ef_buss"}, "没有名为 ef_buss 的变量"),
    ({"factor_expression": "ef_reduction - ef_buss"}, "第 16 个字符"),
    ({"quantity_expression": "distance_km *"}, "公式在这里读不下去"),
    ({"parameters-0-unit": "kg"}, "不是千克"),
    ({"quantity_unit": "kWh"}, "与量的单位 kWh 不符"),
    ({"parameters-0-unit": "kg/wolf"}, "不认识的单位“kg/wolf”"),
    ({"factor_expression": "1 / (ef_reduction - ef_reduction)"}, "这里的除数是 0"),
    (
        {"factor_expression": "ef_reduction / ef_reduction", "parameters-0-value": "0"},
        "这里的除数是 0",
    ),
    ({"quantity_expression": "10 / distance_km"}, "不能除以行为的量"),
    ({"factor_expression": "0 - ef_reduction"}, "因子算出来是负数"),
    ({"parameters-0-value": "viel"}, "请填写数字"),
    ({"parameters-0-name": "distance_km", "factor_expression": "distance_km"}, "同名"),
    ({"cap": "0"}, "上限须大于 0"),
    ({"cap": "1.0001"}, "最多 3 位小数"),
    ({"amounts-0-maximum": "0"}, "范围不对"),
    ({"valid_from": "soon"}, "日期"),
    ({"amounts-0-example": "501"}, "500"),
]


def test_what_is_wrong_is_said(erin: Browser) -> None:
    for changes, wanted in WRONG:
        assert wanted in checked(erin, **changes)


def test_two_things_that_are_wrong_are_both_said(erin: Browser) -> None:
    text = checked(erin, quantity_expression="distance", factor_expression="ef")
    assert "没有名为 distance 的变量" in text
    assert "没有名为 ef 的变量" in text


HOSTILE = {
    "attribute": "distance_km.__class__",
    "call": "__import__('os')",
    "builtin": "exec",
    "power": "9**9**9**9",
    "brackets": "(" * 10_000 + "1" + ")" * 10_000,
    "digits": "9" * 10_000,
    "lambda": "(lambda: 1)()",
    "more than a form may hold": "1" * 400_000,
}


AT_ONCE_S = 0.05


def test_hostile_formulas_are_refused_at_once(erin: Browser) -> None:
    """Each within 50 ms of processor time, the page around it included; checked or to be stored."""
    token = csrf_token(erin.get(NEW_BUS))
    for address in (CHECK, NEW_BUS):
        erin.post_with(token, address, electric_bus(action="check"))  # templates are loaded by now
        for name, formula in HOSTILE.items():
            for part in ("factor_expression", "quantity_expression"):
                form = electric_bus(**{part: formula})
                assert fastest_s(erin, token, address, form) < AT_ONCE_S, (address, name, part)


def fastest_s(browser: Browser, token: str, address: str, form: dict[str, str]) -> float:
    """Return the processor time that refusing a form takes, the best of three."""
    took_s = []
    for _ in range(3):
        began = time.process_time()
        response = browser.post_with(token, address, form)
        took_s.append(time.process_time() - began)
        assert response.status_code in (413, 422) or "还不能用" in response.text
        if took_s[-1] < AT_ONCE_S:
            break
    return min(took_s)


def test_a_draft_is_stored(app: Flask, erin: Browser) -> None:
    version_id = drafted(erin)
    page = said(erin.get(f"/admin/rules/{version_id}"))
    assert "草稿" in page
    assert "0.026900000 kg/pkm" in page
    with writing(app) as session:
        version = rule_queries.find_version(session, version_id)
        assert version.unit_factor_nano == 26_900_000
        assert (version.version, version.status, version.grade) == (2, "draft", "B")
        assert rule_queries.rule_of(version).cap_milli == 40_000
        assert rule_queries.rule_of(version).grams_for == {"A"}


def test_a_draft_is_worded_anew(app: Flask, erin: Browser) -> None:
    version_id = drafted(erin)
    page = f"/admin/rules/{version_id}/edit"
    assert value_of(erin.get(page), "parameters-0-value") == "0.0269"
    response = erin.post(page, electric_bus(**{"parameters-0-value": "0.03", "reason": "typo"}))
    assert response.status_code == 303
    with writing(app) as session:
        version = rule_queries.find_version(session, version_id)
        assert version.unit_factor_nano == 30_000_000
    shown = said(erin.get(f"/admin/rules/{version_id}"))
    assert "修改" in shown
    assert "typo" in shown


def test_a_submitted_draft_is_not_worded_anew(app: Flask, erin: Browser, anna: Browser) -> None:
    version_id = in_review(app, erin)
    page = f"/admin/rules/{version_id}/edit"
    assert erin.get(page).status_code == 409
    token = csrf_token(erin.get(f"/admin/rules/{version_id}"))
    changed = electric_bus(**{"parameters-0-value": "0.5"})
    assert erin.post_with(token, page, changed).status_code == 409
    with writing(app) as session:
        assert rule_queries.find_version(session, version_id).unit_factor_nano == 26_900_000


NOT_TO_BE_STORED: list[dict[str, str]] = [
    {"reason": ""},
    {"citation": " "},
    {"parameters-0-value": "0,0269"},
    {"factor_expression": "nonsense"},
    {"double_count_group": "invented"},
    {"parameters-0-factor": "grid.atlantis"},
    {"valid_from": "2026-02-30"},
    {"reason": "x" * 501},
]


def test_what_cannot_be_stored_keeps_what_was_typed(app: Flask, erin: Browser) -> None:
    before = versions(app)
    for changes in NOT_TO_BE_STORED:
        response = erin.post(NEW_BUS, electric_bus(cap="39.5", **changes))
        assert 400 <= response.status_code < 500
        assert value_of(response, "cap") == "39.5"
        for name, typed in changes.items():
            if name.startswith(("parameters-0-value", "valid_from")):
                assert value_of(response, name) == typed
        assert versions(app) == before


def test_a_check_without_javascript_stores_nothing(app: Flask, erin: Browser) -> None:
    before = versions(app)
    response = erin.post(NEW_BUS, electric_bus(action="check", reason=""))
    assert response.status_code == 200
    assert "0.026900000" in response.text
    assert "请填写" not in response.text
    assert versions(app) == before


def test_rows_are_added_and_taken_away(app: Flask, erin: Browser) -> None:
    page = erin.post(NEW_BUS, electric_bus(action="add_parameters"))
    assert value_of(page, "parameters-1-name") == ""
    assert value_of(page, "parameters-0-value") == "0.0269"
    page = erin.post(
        NEW_BUS,
        electric_bus(**{"parameters-1-name": "other", "action": "remove_parameters-0"}),
    )
    assert 'name="parameters-0-name"' not in page.text
    assert value_of(page, "parameters-1-name") == "other"


def test_a_factor_brings_its_number(app: Flask, erin: Browser) -> None:
    # grid.shandong is 0.6191 from 2026 on; what was typed beside it does not count.
    version_id = drafted(
        erin,
        **{
            "parameters-0-factor": "grid.shandong",
            "parameters-0-value": "7",
            "amounts-0-unit": "kWh",
            "quantity_unit": "kWh",
        },
    )
    with writing(app) as session:
        rule = rule_queries.rule_of(rule_queries.find_version(session, version_id))
        assert rule.unit_factor_nano == 619_100_000
        assert rule.parameters[0].factor == "grid.shandong"


def test_unknown_behaviours_and_versions_are_not_found(erin: Browser) -> None:
    assert erin.get("/admin/behaviors/flying/rules/new").status_code == 404
    assert erin.get("/admin/rules/999999/edit").status_code == 404
    assert erin.get("/admin/rules/999999").status_code == 404
    assert step(erin, drafted(erin), "submit").status_code == 409


def test_the_draft_is_not_in_force(app: Flask, erin: Browser) -> None:
    version_id = drafted(erin)
    assert status_of(app, version_id) == "draft"
    assert "现行" in said(erin.get("/admin/behaviors/bus_trip"))
    scored = erin.client.post(
        "/api/v1/score",
        json={"behavior": "bus_trip", "activity": {"distance_km": "10"}, "evidence": "A"},
    )
    assert scored.json is not None
    assert scored.json["reduction_g"] == 520
