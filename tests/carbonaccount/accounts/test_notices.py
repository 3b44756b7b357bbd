"""The privacy notice: complete in both languages, and hashed as it was shown."""

import hashlib
import html
import re

import pytest
from flask import Flask

from carbonaccount.accounts.notices import PRIVACY_VERSION, privacy_notice
from tests.people import Browser


@pytest.mark.parametrize("language", ["zh", "en"])
def test_operator_contact_city_and_version_are_put_in(language: str) -> None:
    notice = privacy_notice(language=language, city="CITY", operator="OPERATOR", contact="CONTACT")
    for text in ("CITY", "OPERATOR", "CONTACT", PRIVACY_VERSION):
        assert text in notice.text
    assert not re.search(r"[{}]", notice.text)
    assert notice.sha256 == hashlib.sha256(notice.text.encode()).hexdigest()


def test_both_languages_have_the_same_parts() -> None:
    shape = {
        language: [
            (kind, len(blocks))
            for kind, blocks in privacy_notice(
                language=language, city="", operator="", contact=""
            ).grouped()
        ]
        for language in ("zh", "en")
    }
    assert shape["zh"] == shape["en"]
    # Who, what, sources, recipients, how long, automatic, rights, children, protection, changes.
    assert sum(count for kind, count in shape["zh"] if kind == "heading") == 10


@pytest.mark.parametrize(
    "must_be_named",
    [
        "手机号码",
        "区县",
        "照片",
        "阿里云",
        "撤回",
        "注销",
        "投诉",
        "14 周岁",
        "保存多久",
        "联系方式",
    ],
)
def test_the_notice_names_what_the_law_asks_for(must_be_named: str) -> None:
    notice = privacy_notice(language="zh", city="济宁市", operator="", contact="")
    assert must_be_named in notice.text


def test_the_page_shows_every_line_and_the_hash(app: Flask) -> None:
    notice = privacy_notice(language="zh", city="济宁市", operator="", contact="")
    page = html.unescape(Browser(app).get("/privacy").text)
    for block in notice.blocks():
        assert block.text in page
    assert notice.sha256 in page
