"""Where tests keep files that are made and thrown away by the thousand.

In memory when there is room: SQLite waits for a disk at each commit, and a journaling file system
that has just removed a database's thousand files is slow to make the next thousand.
"""

import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder for temporary files is what is meant
# A whole run was seen to hold 0.2 GiB at a time.
NEEDED_BYTES = 1024**3


def fast_folder() -> str | None:
    """Return a folder in memory, None when there is none or too little room."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED_BYTES:
        return str(MEMORY)
    return None
