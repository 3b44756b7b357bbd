"""The shelf and a coupon's page through the real server, against a bare page of the same size.

The limit is a Flask page with one indexed SELECT and as many bytes, served by the same server
with the same settings, asked by the same clients in the same run.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.app import create_app
from carbonaccount.clock import utc_now
from carbonaccount.database import open_session
from tests.benchmarks.intake import SERVER_SETTINGS, _postgres_url
from tests.conftest import load_template, make_settings
from tests.people import COOKIE, Browser
from tests.postgres import running_postgres
from tests.rewards.redeeming.arranging import earn, open_shop, redeem

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 8
REWARDS, COUPONS = 24, 40
START_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Asked:
    """What the clients ask of a server."""

    port: int
    paths: list[str]
    cookie: str = ""


def arrange(url: str, folder: Path) -> tuple[str, list[str]]:
    """Fill a shelf and give one resident coupons; returns their cookie and the coupons."""
    load_template(url, folder)
    app = create_app(make_settings(url, folder))
    browser = Browser(app)
    browser.sign_in()
    with open_session(app.extensions["carbonaccount.engine"]) as session:
        coupons = _take(session)
        session.commit()
    app.extensions["carbonaccount.engine"].dispose()
    return f"{COOKIE}={browser.cookie}", coupons


def _take(session: Session) -> list[str]:
    now = utc_now()
    person = select(col(Account.id)).where(col(Account.kind) == AccountKind.PERSON)
    account_id = session.exec(person).one() or 0
    earn(session, account_id, 1_000_000, now.year)
    shops = [open_shop(session, since=now) for _ in range(REWARDS)]
    return [
        redeem(session, shops[n % REWARDS], account_id, f"key {n}", now=now).public_id
        for n in range(COUPONS)
    ]


@contextmanager
def serving(module: str, url: str, folder: Path, **settings: str) -> Iterator[int]:
    """Run gunicorn with the site's own settings until the block ends; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {
        **os.environ,
        "BIND": f"127.0.0.1:{port}",
        "DATABASE_URL": url,
        "INSTANCE_PATH": str(folder),
        "PROFILE": "demo",
        **settings,
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--log-level", "warning", module],
        cwd=ROOT,
        env=environment,
        # A line a request, as in life; nobody reads it here.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(server, port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start") from None
            time.sleep(0.05)
        else:
            return


def ask(asked: Asked, seconds: float) -> tuple[float, int]:
    """Ask with several clients for some time; returns requests a second and bytes of a page."""
    for _ in range(2):  # Each worker of the server reads its templates before the clock starts.
        _client(asked, 0.5)
    with ThreadPoolExecutor(CLIENTS) as pool:
        done = list(pool.map(lambda _: _client(asked, seconds), range(CLIENTS)))
    return sum(count for count, _ in done) / seconds, max(size for _, size in done)


def _client(asked: Asked, seconds: float) -> tuple[int, int]:
    """Ask for one page after the other on one connection; anything but 200 is an error."""
    ends, count, size = time.perf_counter() + seconds, 0, 0
    paths = cycle(asked.paths)
    with socket.create_connection(("127.0.0.1", asked.port)) as connection:
        stream = connection.makefile("rb")
        while time.perf_counter() < ends:
            head = (
                f"GET {next(paths)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Language: zh-CN\r\n"
                f"Cookie: {asked.cookie}\r\n\r\n"
            )
            connection.sendall(head.encode())
            status = stream.readline()
            if b" 200 " not in status:
                raise RuntimeError(f"the server answered {status.decode().strip()}")
            size = _length(iter(stream.readline, b"\r\n"))
            stream.read(size)
            count += 1
    return count, size


def _length(lines: Iterator[bytes]) -> int:
    """Read the header lines to their end and return the length of what follows."""
    length = [int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-len")]
    return length[0]


def run(quick: bool) -> Iterator[dict[str, object]]:
    """Yield one line a page, on SQLite and on PostgreSQL."""
    seconds = 1.5 if quick else 4.0
    with TemporaryDirectory(prefix="carbonaccount-bench-") as name:
        folder = Path(name)
        yield from _measure("sqlite", f"sqlite:///{folder / 'pages.sqlite3'}", folder, seconds)
        with running_postgres(SERVER_SETTINGS) as server:
            yield from _measure("postgresql", _postgres_url(server, "pages"), folder, seconds)


def _measure(kind: str, url: str, folder: Path, seconds: float) -> Iterator[dict[str, object]]:
    cookie, coupons = arrange(url, folder)
    pages = {
        "shelf": ["/rewards"],
        "coupon": [f"/coupons/{public_id}" for public_id in coupons],
        "coupon_poll": [f"/coupons/{public_id}/code" for public_id in coupons],
    }
    with (
        serving("wsgi:app", url, folder) as port,
        serving("tests.benchmarks.bare_page:app", url, folder) as bare_port,
    ):
        for page, paths in pages.items():
            ours, size = ask(Asked(port, paths, cookie), seconds)
            bare = [f"/{public_id}?size={size}" for public_id in coupons]
            limit, _ = ask(Asked(bare_port, bare), seconds)
            yield {
                "benchmark": "reward_pages",
                "database": kind,
                "page": page,
                "bytes": size,
                "requests_per_s": round(ours),
                "limit_requests_per_s": round(limit),
                "ratio": round(ours / limit, 2),
            }
