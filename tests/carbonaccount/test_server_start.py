"""What the web server says when the settings are unsafe: each problem on a line, no stack trace."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_unsafe_settings_stop_the_server_with_a_list(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(tmp_path),
        "PROFILE": "production",
        "BIND": f"unix:{tmp_path / 'socket'}",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "\n- TRUSTED_HOSTS must name the site's host\n" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
