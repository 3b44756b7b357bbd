"""Browsers of invented people, who do what people do on the pages; for tests of any room."""

import html
import re

import pyotp
from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session
from werkzeug.test import TestResponse

from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import add_staff
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from carbonaccount.database import open_session

ALICE = "13800138000"
BOB = "13912345678"
DANA_PASSWORD = "correct horse battery"
COOKIE = "carbon"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_DEMO_CODE = re.compile(r"data-demo-code>(\d{6})<")
_ERROR = re.compile(r'class="field__error"[^>]*>([^<]*)<')


def csrf_token(response: TestResponse) -> str:
    """Return the token against forged requests that a page carries."""
    found = _TOKEN.search(response.text)
    assert found, f"no token in a page of status {response.status_code}"
    return found[1]


def field_errors(response: TestResponse) -> list[str]:
    """Return what a form says is wrong with its fields."""
    return [html.unescape(text) for text in _ERROR.findall(response.text)]


def says(text: str, word: str) -> bool:
    """Return whether a text holds a short word that stands for itself.

    Inside a longer one it is none: the ids and tokens of a page are random, and hold any two or
    three digits once in a few dozen pages.
    """
    return bool(re.search(rf"(?<![0-9A-Za-z]){re.escape(word)}(?![0-9A-Za-z])", text))


def demo_code(response: TestResponse) -> str | None:
    """Return the code that a page of the demonstration shows."""
    found = _DEMO_CODE.search(response.text)
    return found[1] if found else None


class Browser:
    """A browser with its cookies; posts carry the token of the page they come from."""

    def __init__(self, app: Flask, *, address: str = "127.0.0.1") -> None:
        self.app = app
        self.address = address
        self.client: FlaskClient = app.test_client()

    def get(self, path: str, **kwargs: object) -> TestResponse:
        """Open a page."""
        environ = {"REMOTE_ADDR": self.address}
        return self.client.get(path, environ_base=environ, **kwargs)

    def post(self, path: str, data: dict[str, str], *, page: str | None = None) -> TestResponse:
        """Send a form from the page it stands on, by default the one at the same address."""
        token = csrf_token(self.get(page or path))
        return self.post_with(token, path, data)

    def post_with(self, token: str, path: str, data: dict[str, str]) -> TestResponse:
        """Send a form with a token that is known already."""
        environ = {"REMOTE_ADDR": self.address}
        return self.client.post(path, data={"csrf_token": token, **data}, environ_base=environ)

    def ask_code(self, phone: str = ALICE, **changes: str) -> TestResponse:
        """Tick both boxes and ask for a code."""
        data = {"phone": phone, "district": "", "adult": "y", "agree": "y", **changes}
        return self.post("/sign-in", {name: value for name, value in data.items() if value})

    def shown_code(self) -> str:
        """Return the code that the demonstration shows."""
        code = demo_code(self.get("/sign-in/code"))
        assert code is not None
        return code

    def enter(self, code: str) -> TestResponse:
        """Enter a code."""
        return self.post("/sign-in/code", {"code": code})

    def sign_in(self, phone: str = ALICE, **changes: str) -> TestResponse:
        """Register or sign in with the code that the demonstration shows."""
        assert self.ask_code(phone, **changes).status_code == 303
        response = self.enter(self.shown_code())
        assert response.status_code == 303, field_errors(response)
        return response

    def sign_in_staff(
        self, totp: str, login: str = "dana", password: str = DANA_PASSWORD
    ) -> TestResponse:
        """Send the form of the staff's sign-in."""
        return self.post("/staff/sign-in", {"login": login, "password": password, "totp": totp})

    @property
    def cookie(self) -> str:
        """Return the value of the session cookie, as a thief would copy it."""
        found = self.client.get_cookie(COOKIE)
        assert found is not None
        return found.value

    def twin(self) -> "Browser":
        """Return another browser with a copy of this one's cookie."""
        other = Browser(self.app, address=self.address)
        other.client.set_cookie(COOKIE, self.cookie)
        return other

    def is_signed_in(self) -> bool:
        """Return whether the page of signed-in browsers lets this one in."""
        return self.get("/sessions").status_code == 200


def writing(app: Flask) -> Session:
    """Return a session of its own on the application's database."""
    return open_session(app.extensions["carbonaccount.engine"])


def add_dana(app: Flask, *roles: Role, login: str = "dana") -> pyotp.TOTP:
    """Add a member of staff and return what her authenticator app computes."""
    with writing(app) as session:
        added = add_staff(
            session,
            login=login,
            display_name="Dana",
            password=DANA_PASSWORD,
            roles=frozenset(roles or {Role.OPERATOR}),
            vault=app.extensions["carbonaccount.vault"],
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()
    return pyotp.TOTP(added.totp_secret)
