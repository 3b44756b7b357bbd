"""What is said in words: messages about favourites, and a sentence for every code."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask

from carbonaccount.app import create_app
from carbonaccount.messages.texts import message_text
from carbonaccount.web.messages import SENTENCES
from rewards import giving_labels, labels
from tests.conftest import make_settings

ROOT = Path(__file__).resolve().parents[3]
SOURCES = (
    "carbonaccount/accounts/guardians.py",
    "rewards/catalogue.py",
    "rewards/eligibility.py",
    "rewards/favourites.py",
    "rewards/pictures.py",
    "rewards/queries.py",
    "rewards/reward_content.py",
)
REWARD = {"reward": "R1", "title_zh": "公交日票", "title_en": "Bus ticket"}


@pytest.fixture(scope="module")
def wordy(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application whose database is never asked."""
    folder = tmp_path_factory.mktemp("words")
    return create_app(make_settings(f"sqlite:///{folder / 'none.sqlite3'}", folder))


@pytest.mark.parametrize(
    ("kind", "params", "said"),
    [
        ("reward_back", {"left": 1200}, "您收藏的“公交日票”补货了，现有 1,200 份。"),
        (
            "reward_cheaper",
            {"before": 1350, "price": 300},
            "您收藏的“公交日票”降价了：1,350 → 300 积分。",
        ),
        (
            "reward_ends_soon",
            {"last_day": "2026-12-31"},
            "您收藏的“公交日票”只能兑换到 12月31日 周四。",
        ),
    ],
)
def test_messages_about_favourites(
    wordy: Flask, kind: str, params: dict[str, object], said: str
) -> None:
    with wordy.test_request_context(headers={"Accept-Language": "zh-CN"}):
        shown = message_text(kind, {**REWARD, **params})
    assert (shown.text, shown.link) == (said, "/rewards/R1")


PLAIN_WORDS = re.compile(r'(?<![a-z])_\(\s*"([^"]+)"')


def test_what_has_a_plural_is_never_asked_for_without_its_number() -> None:
    """Or English says "2,000 credit"."""
    catalogue = ROOT / "carbonaccount/translations/en/LC_MESSAGES/messages.po"
    with catalogue.open("rb") as file:
        plurals = {m.id[0] for m in read_po(file) if isinstance(m.id, tuple) and not m.context}
    assert len(plurals) > 20
    places = [*(ROOT / "rewards").rglob("*"), *(ROOT / "admin").rglob("*")]
    wrong = [
        (place.name, words)
        for place in places
        if place.suffix in (".py", ".html")
        for words in PLAIN_WORDS.findall(place.read_text("utf-8"))
        if words in plurals
    ]
    assert wrong == []


# Modules whose acts the panel tells people, and what stands before each step in the trail.
TOLD = {
    "beneficiaries": "beneficiary.",
    "catalogue": "",
    "plots": "plot.",
    "trees": "tree.",
}
STEP = re.compile(r'_audit\(\s*session, "([a-z_.]+)"|, "([a-z]+)", reason, acting')


def test_every_act_that_the_panel_tells_has_words() -> None:
    found = {
        f"{prefix}{step}"
        for module, prefix in TOLD.items()
        for steps in STEP.findall((ROOT / f"rewards/{module}.py").read_text("utf-8"))
        for step in steps
        if step
    }
    assert {"beneficiary.publish", "plot.approve", "tree.dead", "reward.stock"} <= found
    assert found - labels.ACTS.keys() == set()
    withdrawn = {f"certificate.withdraw.{why}" for why in giving_labels.WITHDRAWN if why}
    assert withdrawn | {"certificate.issue"} <= labels.ACTS.keys()


def test_every_code_has_its_sentence() -> None:
    raised = re.compile(
        r'(?:Invalid|Conflict|NotFound|Refused)\(\s*"([a-z_]+)"|return "([a-z_]+)" if'
    )
    found = {
        code
        for name in SOURCES
        for pair in raised.findall((ROOT / name).read_text("utf-8"))
        for code in pair
        if code
    }
    assert len(found) > 30
    assert found - SENTENCES.keys() == set()
    assert labels.OBSTACLES.keys() - SENTENCES.keys() == set()
