"""The code stands on the page in the demonstration, and nowhere else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from carbonaccount.app import create_app
from carbonaccount.config import Profile
from tests.conftest import make_settings
from tests.people import Browser, demo_code

Build = Callable[[Profile], Flask]


class RecordingGateway:
    """A gateway that claims it may show codes, to prove that its word is not enough."""

    shows_code_on_page = True

    def __init__(self) -> None:
        self.codes: list[str] = []

    def send_code(self, phone: str, code: str) -> None:
        """Keep the code for the test."""
        self.codes.append(code)


@pytest.fixture
def build(database_url: str, tmp_path: Path) -> Iterator[Build]:
    """Build the application for a profile, closing its connections at the end."""
    made: list[Flask] = []

    def build_for(profile: Profile) -> Flask:
        # Cookies stay readable over plain HTTP in the test; in life production is HTTPS only.
        app = create_app(make_settings(database_url, tmp_path / "instance", profile=profile))
        app.config.update(TESTING=True, SESSION_COOKIE_SECURE=False)
        made.append(app)
        return app

    yield build_for
    for app in made:
        app.extensions["carbonaccount.engine"].dispose()


@pytest.mark.parametrize("profile", [Profile.DEVELOPMENT, Profile.PRODUCTION])
def test_outside_the_demonstration_no_page_and_no_cookie_holds_the_code(
    build: Build, profile: Profile
) -> None:
    app = build(profile)
    gateway = app.extensions["carbonaccount.sms"] = RecordingGateway()
    browser = Browser(app)
    assert browser.ask_code().status_code == 303
    page = browser.get("/sign-in/code")
    assert page.status_code == 200
    assert demo_code(page) is None
    assert gateway.codes[0] not in page.text
    with browser.client.session_transaction() as cookie:
        assert gateway.codes[0] not in repr(dict(cookie))
    assert browser.enter(gateway.codes[0]).status_code == 303


def test_a_cookie_of_the_demonstration_shows_nothing_elsewhere(build: Build) -> None:
    demo, development = build(Profile.DEMO), build(Profile.DEVELOPMENT)
    browser = Browser(demo)
    browser.ask_code()
    code = browser.shown_code()
    moved = Browser(development)
    moved.client.set_cookie("carbon", browser.cookie)
    page = moved.get("/sign-in/code")
    assert page.status_code == 200
    assert code not in page.text


def test_the_demonstration_shows_it(build: Build) -> None:
    browser = Browser(build(Profile.DEMO))
    browser.ask_code()
    page = browser.get("/sign-in/code")
    assert demo_code(page) is not None
    assert "演示" in page.text
