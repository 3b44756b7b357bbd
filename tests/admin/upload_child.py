"""A process that imports a waiting upload line by line: `upload_child.py URL INSTANCE ID`."""

import sys
import time
from datetime import datetime
from pathlib import Path

from behaviors.intake.background import UploadRunner
from behaviors.intake.upload_files import UploadFiles
from carbonaccount.app import import_models
from carbonaccount.clock import utc_now
from carbonaccount.database import make_engine


def slow_clock() -> datetime:
    """Tell the time after a pause."""
    time.sleep(0.1)
    return utc_now()


if __name__ == "__main__":
    import_models()
    url, instance, upload_id = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    runner = UploadRunner(
        make_engine(url),
        files=UploadFiles(instance / "uploads"),
        lock_folder=instance / "locks",
        batch_rows=1,
        clock=slow_clock,
    )
    with runner.starting(upload_id):
        pass
    runner.join()
