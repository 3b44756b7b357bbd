"""The web server killed while residents redeem: what it answered is there, the books are whole.

gunicorn with its workers gets SIGKILL as one group, as when a machine's memory runs out; another
is started on the same database, and whoever had no answer presses the button again.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from rewards.models import Coupon
from tests.behaviors.api.test_served import PATIENCE_S, free_port, wait_for
from tests.people import COOKIE, Browser, csrf_token
from tests.rewards.redeeming.arranging import broken, earn, open_shop
from tests.rewards.redeeming.test_kill import wait_for_orphans

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
BUYERS, ANSWERS_BEFORE = 4, 6
KILLS = max(1, int(os.environ.get("CRASH_KILLS", "12")) // 12)


class Buyer:
    """A resident who redeems again and again, each time with a key of its own."""

    def __init__(self, cookie: str, token: str, path: str, name: int) -> None:
        self.cookie, self.token, self.path, self.name = cookie, token, path, name
        self.answered: set[str] = set()
        self.unanswered: set[str] = set()
        self._numbers = count()

    def redeem(self, site: str, key: str) -> None:
        """Press the button; a server that is gone leaves the key without an answer."""
        self.unanswered.add(key)
        answer = httpx.post(
            f"{site}{self.path}",
            data={"csrf_token": self.token, "form_token": key, "price": "1"},
            headers={"Cookie": f"{COOKIE}={self.cookie}"},
            trust_env=False,
            timeout=PATIENCE_S,
        )
        assert "/coupons/" in answer.headers.get("Location", ""), answer.status_code
        self.unanswered.discard(key)
        self.answered.add(key)

    def shop_until_gone(self, site: str, heard: threading.Semaphore) -> None:
        """Redeem until the server is gone."""
        try:
            while True:
                self.redeem(site, f"buyer-{self.name}-key-{next(self._numbers):06}")
                heard.release()
        except httpx.TransportError:
            return


@contextmanager
def server_group(settings: Settings, folder: Path) -> Iterator[tuple[str, int]]:
    """Run two workers as a process group; yields the address and the group."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PROFILE": "demo",
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "DATA_KEY": settings.data_key.get_secret_value(),
        "INSTANCE_PATH": str(settings.instance_path),
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        site = f"http://127.0.0.1:{port}"
        wait_for(site, server)
        yield site, server.pid
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
        server.wait(timeout=PATIENCE_S)


def shop_until_killed(settings: Settings, folder: Path, buyers: list[Buyer]) -> None:
    """Let all redeem at once, and kill the server after some answers."""
    heard = threading.Semaphore(0)
    with (
        ThreadPoolExecutor(len(buyers)) as pool,
        server_group(settings, folder) as (site, group),
    ):
        shopping = [pool.submit(buyer.shop_until_gone, site, heard) for buyer in buyers]
        try:
            for _ in range(ANSWERS_BEFORE):
                while not heard.acquire(timeout=1):
                    # Whoever ended before the server did says why.
                    for shopper in shopping:
                        if shopper.done():
                            shopper.result()
        finally:
            os.killpg(group, signal.SIGKILL)
        for shopper in shopping:
            shopper.result(timeout=PATIENCE_S)


def arrange(app: Flask, session: Session) -> list[Buyer]:
    """Open a reward and sign residents in who can pay for it."""
    browsers = [Browser(app) for _ in range(BUYERS)]
    for number, browser in enumerate(browsers):
        browser.sign_in(f"1380013900{number}")
    now = utc_now()
    shop = open_shop(session, stock=100_000, price_credits=1, since=now)
    accounts = select(col(Account.id)).where(col(Account.kind) == AccountKind.PERSON)
    for account_id in session.exec(accounts).all():
        earn(session, account_id or 0, 100_000, now.year)
    session.commit()
    page = f"/rewards/{shop.reward_public_id}"
    # The page first: the cookie holds what its token is compared with.
    tokens = [csrf_token(browser.get(page)) for browser in browsers]
    return [
        Buyer(browser.cookie, token, f"{page}/redeem", number)
        for number, (browser, token) in enumerate(zip(browsers, tokens, strict=True))
    ]


def kept_keys(session: Session) -> set[str]:
    """Return the keys of the coupons there are; none is there twice."""
    keys = session.exec(select(col(Coupon.request_key))).all()
    session.rollback()
    assert len(keys) == len(set(keys))
    return set(keys)


def test_a_killed_server_leaves_whole_books_and_the_same_press_gets_the_same_coupon(
    app: Flask, session: Session, settings: Settings, tmp_path: Path
) -> None:
    buyers = arrange(app, session)
    for _ in range(KILLS):
        shop_until_killed(settings, tmp_path, buyers)
        wait_for_orphans(session)
        assert broken(session) == {}
        session.rollback()
        answered = set().union(*(buyer.answered for buyer in buyers))
        assert len(answered) >= ANSWERS_BEFORE
        assert answered <= kept_keys(session)
    pressed = set().union(*(buyer.answered | buyer.unanswered for buyer in buyers))
    with server_group(settings, tmp_path) as (site, _group):
        for buyer in buyers:
            for key in sorted(buyer.unanswered):
                buyer.redeem(site, key)
            buyer.redeem(site, min(buyer.answered))
    assert kept_keys(session) == pressed
    assert broken(session) == {}
