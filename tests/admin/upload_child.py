"""A process that imports a waiting upload line by line: `upload_child.py URL INSTANCE ID LINES`.

After so many lines it halts between two batches, as if it had much to do, until it is killed.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from behaviors.intake.background import UploadRunner
from behaviors.intake.upload_files import UploadFiles
from carbonaccount.app import import_models
from carbonaccount.database import make_engine


def halt_after(lines: int) -> Callable[[], None]:
    """Return what waits for ever when it is called for the last of so many lines."""
    left = iter(range(lines - 1))

    def halt() -> None:
        if next(left, None) is None:
            threading.Event().wait()

    return halt


if __name__ == "__main__":
    import_models()
    url, instance, upload_id = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    runner = UploadRunner(
        make_engine(url),
        files=UploadFiles(instance / "uploads"),
        lock_folder=instance / "locks",
        batch_rows=1,
        between_batches=halt_after(int(sys.argv[4])),
    )
    with runner.starting(upload_id):
        pass
    runner.join()
