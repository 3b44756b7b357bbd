"""The API behind gunicorn, as it is run: what only a real server and real sockets show."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from carbonaccount.config import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
BEHAVIOR = "/api/v1/behaviors/bus_trip"
MIB = 1024 * 1024
PATIENCE_S = 300


@contextmanager
def served(settings: Settings, folder: Path) -> Iterator[str]:
    """Run two workers on a free port, with nothing of this process's environment."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PROFILE": "demo",
        "DATABASE_URL": settings.database_url,
        "INSTANCE_PATH": str(settings.instance_path),
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        site = f"http://127.0.0.1:{port}"
        wait_for(site, server)
        yield site
    finally:
        server.terminate()
        server.wait(timeout=120)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(site: str, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers, however slow the machine, or has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{site}/healthz", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"the server did not start; its exit status: {server.poll()}")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_behind_the_server(settings: Settings, tmp_path: Path) -> None:
    with served(settings, tmp_path) as site:
        metrics_are_the_sum_over_all_workers(site)
        who_sends_too_much_hears_it(site)
    assert list(tmp_path.glob("carbonaccount-metrics-*")) == []


def metrics_are_the_sum_over_all_workers(site: str) -> None:
    # One connection each, so that both workers get their share.
    for _ in range(30):
        httpx.get(f"{site}{BEHAVIOR}", trust_env=False, timeout=PATIENCE_S)
    text = httpx.get(f"{site}/metrics", trust_env=False, timeout=PATIENCE_S).text
    series = 'carbon_requests_total{method="GET",rule="/api/v1/behaviors/<code>",status="200"}'
    found = re.search(rf"^{re.escape(series)} ([0-9.e+]+)$", text, re.MULTILINE)
    assert found
    assert float(found[1]) == 30


def who_sends_too_much_hears_it(site: str) -> None:
    """Without reading what is refused the sender would meet a closed connection instead."""
    for path, status, code in (
        ("/api/v1/activities", 413, "body_too_large"),
        ("/api/v1/score", 413, "body_too_large"),
        ("/api/v1/nothing", 404, "http_404"),
    ):
        told = refusal(site + path, b" " * (12 * MIB))
        assert (told["status"], told["code"]) == (status, code)
    # In pieces, without a length that tells beforehand.
    answer = httpx.post(
        f"{site}/api/v1/activities",
        content=(b" " * MIB for _ in range(12)),
        trust_env=False,
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 413


def refusal(address: str, body: bytes) -> dict[str, object]:
    """Send as a plain program does, and return the problem that is answered."""
    request = urllib.request.Request(  # noqa: S310 - an address of this machine
        address, data=body, headers={"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as error, opener.open(request):
        pass
    told: dict[str, object] = json.load(error.value)
    return told
