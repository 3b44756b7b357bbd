"""Whoever runs the demonstration is told with which numbers its people sign in."""

from pathlib import Path

import pytest

from carbonaccount.institutions.demo import CLERK_PHONE, OWNER_PHONE
from rewards.demo_merchants import OWNER_PHONES

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("place", ["README.md", "README.zh-CN.md", "behaviors/demo_cli.py"])
def test_the_numbers_stand_where_people_look(place: str) -> None:
    text = (ROOT / place).read_text("utf-8")
    phones = (*OWNER_PHONES, OWNER_PHONE, CLERK_PHONE)
    assert [phone for phone in phones if phone not in text] == []
