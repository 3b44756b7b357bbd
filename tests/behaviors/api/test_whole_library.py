"""The whole library through the API: every behaviour listed, scored by hand's count, or off."""

from flask.testing import FlaskClient

from tests.behaviors.api.conftest import body_of
from tests.behaviors.test_library import HABITS, IN_2026, SWITCHED_OFF, WORKED

SCORE = "/api/v1/score"


def test_every_behaviour_answers(public: FlaskClient) -> None:
    listed = {item["code"] for item in body_of(public.get("/api/v1/behaviors"))["behaviors"]}
    assert listed == {code for code, *_ in WORKED} | set(HABITS) | SWITCHED_OFF
    assert len(listed) == 38


def test_every_worked_example_comes_back_to_the_gram(public: FlaskClient) -> None:
    asked = [row for row in WORKED if row[0] not in SWITCHED_OFF]
    found = []
    for code, day, activity, _grams in asked:
        question = {"behavior": code, "activity": activity, "occurred_on": day.isoformat()}
        response = public.post(SCORE, json={**question, "evidence": "A"})
        found.append((code, day, activity, body_of(response).get("reduction_g")))
    assert found == asked


def test_habits_earn_credits_and_no_grams(public: FlaskClient) -> None:
    for code, (field, cap) in HABITS.items():
        question = {"behavior": code, "activity": {field: str(cap)}, "evidence": "D"}
        response = public.post(SCORE, json={**question, "occurred_on": IN_2026.isoformat()})
        answer = body_of(response)
        assert (answer["reduction_g"], answer["credits"]) == (0, 10 * cap), code


def test_what_is_switched_off_says_so(public: FlaskClient) -> None:
    for code in SWITCHED_OFF:
        response = public.post(SCORE, json={"behavior": code, "activity": {}})
        assert (response.status_code, body_of(response)["code"]) == (409, "behavior_off"), code
