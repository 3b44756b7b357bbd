"""The government profile: on unless it is switched off, and what stands where it is on."""

import re
from pathlib import Path

import pytest
from flask import Flask

from carbonaccount.config import Settings
from carbonaccount.web.government import rankings_shown

ROOT = Path(__file__).resolve().parents[2]
# Words of ranking, streaks and promotion in the sentences of pages.
COMPETING = re.compile(r"排名|排行|名次|榜单|签到|连续打卡|推广|促销")
DENYING = re.compile(r"不是排名|不排名|不用打卡|不需要打卡")


@pytest.mark.parametrize("on", [True, False])
def test_rankings_are_shown_only_outside_the_profile(on: bool) -> None:
    app = Flask("site")
    app.extensions["carbonaccount.settings"] = Settings(government_profile=on)
    with app.app_context():
        assert rankings_shown() is not on
    assert Settings.model_fields["government_profile"].default is True


def test_no_page_ranks_or_urges_without_asking_for_the_profile() -> None:
    for room in ("admin", "behaviors", "carbonaccount", "rewards"):
        for file in (ROOT / room).rglob("*.html"):
            text = DENYING.sub("", file.read_text("utf-8"))
            asks = "ranked" in text or "rankings_shown" in text
            assert asks or not COMPETING.search(text), file.relative_to(ROOT)
