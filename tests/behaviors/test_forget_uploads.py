"""Old uploads are deleted by their job, and a dry run of it leaves them where they are."""

import os
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from carbonaccount import scheduler
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_dry_run_leaves_files_alone(app: Flask) -> None:
    settings: Settings = app.extensions["carbonaccount.settings"]
    engine, now = app.extensions["carbonaccount.engine"], utc_now()
    file = settings.instance_path / "uploads" / f"{'a' * 16}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("old")
    long_ago = (now - timedelta(days=1000)).timestamp()
    os.utime(file, (long_ago, long_ago))
    needs: dict[str, Any] = {"name": "forget-uploads", "period": business_day(now), "now": now}
    with app.app_context():
        assert scheduler.try_out(engine, **needs).summary == "files=1"
        assert file.exists()
        assert scheduler.attempt(engine, **needs).summary == "files=1"
        assert not file.exists()
