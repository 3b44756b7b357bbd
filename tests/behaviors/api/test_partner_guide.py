"""docs/partners.md: its programs are run as they stand, against a server."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from carbonaccount.database import open_session
from tests.behaviors.api.conftest import Partner, add_partner, bound_account, item

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "partners.md"


def program(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The application behind a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(command: list[str], partner: Partner, site: str, **more: str) -> dict[str, object]:
    environment = {
        **os.environ,
        "SITE": site,
        "KEY_ID": partner.key_id,
        "SECRET": partner.secret,
        "no_proxy": "127.0.0.1",
        **more,
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_the_python_example(app: Flask, site: str) -> None:
    partner = partner_for(app, "u-3f9a")
    answer = run([sys.executable, "-c", program("python")], partner, site)
    # 3.2 km x 0.0487 kg/km = 0.15584 kg
    assert answer["accepted"] == 1
    assert answer["items"] == [
        {
            "event_id": "trip-20260301-000017",
            "status": "accepted",
            "code": "ok",
            "reduction_g": 155,
            "credits": 155,
        }
    ]


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")), reason="curl or openssl not installed"
)
def test_the_shell_example(app: Flask, site: str, tmp_path: Path) -> None:
    partner = partner_for(app, "rider-1")
    body = tmp_path / "batch.json"
    body.write_text(json.dumps({"items": [item("ride-1")]}))
    answer = run(["sh", "-eu", "-c", program("sh")], partner, site, BODY_FILE=str(body))
    assert answer["accepted"] == 1


def partner_for(app: Flask, subject: str) -> Partner:
    partner = add_partner(app, behaviors=("bike_ride",))
    with open_session(app.extensions["carbonaccount.engine"]) as session:
        bound_account(session, partner.code, subject)
    return partner
