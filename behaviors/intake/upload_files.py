"""Where uploaded files lie until they are imported, and the lines that were not simply taken.

Names on disk come from us: random, with the format as suffix. What the file was called by the
person who sent it stays in the database.
"""

import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from behaviors.intake.reading import FORMATS, file_format
from carbonaccount.errors import Invalid

_ID_BYTES = 8
_ID = re.compile(r"[0-9a-f]{16}")
_UNKNOWN_KIND = "data"
MAX_NAME = 200
# Files of people's acts are not kept longer than somebody may still want to take them up again.
KEPT_DAYS = 7
REJECTED_KEPT_DAYS = 180
_DAY_S = 24 * 3600


def shown_name(name: str) -> str:
    """Return a sent file's name without folders and without characters that show nothing."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in base if c.isprintable()).strip()[-MAX_NAME:]


@dataclass(frozen=True)
class UploadFiles:
    """The folder of uploads; `root` is made when it is needed."""

    root: Path

    def new(self, name: str) -> tuple[str, Path]:
        """Return a fresh id and where the file of that name is to be stored."""
        upload_id = secrets.token_hex(_ID_BYTES)
        self.root.mkdir(parents=True, exist_ok=True)
        return upload_id, self.root / f"{upload_id}.{_kind_by_name(name)}"

    def data(self, upload_id: str) -> Path | None:
        """Return the stored file of an upload, None when there is none (any more)."""
        if not _ID.fullmatch(upload_id):
            return None
        return next(self.root.glob(f"{upload_id}.*"), None)

    def data_as(self, upload_id: str, kind: str) -> Path | None:
        """Return the stored file under a suffix that tells its kind; some readers go by it."""
        path = self.data(upload_id)
        if path is None or not kind or path.suffix == f".{kind}":
            return path
        return path.rename(path.with_suffix(f".{kind}"))

    def rejected(self, upload_id: str) -> Path:
        """Return where the lines with a reason of an upload are written."""
        return self.root / "rejected" / f"{upload_id}.csv"

    def delete_data(self, upload_id: str) -> None:
        """Delete the stored file of an upload."""
        path = self.data(upload_id)
        if path is not None:
            path.unlink(missing_ok=True)

    def keep_longer(self, upload_id: str) -> None:
        """Let the days for which the stored file of an upload is kept begin anew."""
        path = self.data(upload_id)
        if path is not None:
            path.touch()

    def delete_old(self, *, now_s: float | None = None) -> int:
        """Delete what is older than it is kept, and return how many files that were."""
        found = self.old(now_s=time.time() if now_s is None else now_s)
        self.delete(found)
        return len(found)

    def old(self, *, now_s: float) -> list[Path]:
        """Return the files that are older than they are kept."""
        limits = ((self.root, KEPT_DAYS), (self.root / "rejected", REJECTED_KEPT_DAYS))
        return [
            path
            for folder, days in limits
            for path in folder.glob("*.*")
            if _ID.fullmatch(path.stem) and path.stat().st_mtime < now_s - days * _DAY_S
        ]

    def delete(self, files: Iterable[Path]) -> None:
        """Delete files of this folder; one that is gone already is no error."""
        for path in files:
            path.unlink(missing_ok=True)


def _kind_by_name(name: str) -> str:
    """Return the kind of a file; one that its name does not tell may be told by the mapping."""
    try:
        return file_format(Path(name))
    except Invalid:
        return _UNKNOWN_KIND


def check_kind(name: str, given: str) -> str:
    """Return what kind of file it is: as the mapping says, else by the name.

    Raises Invalid (file_format) with the name the person knows.
    """
    if given:
        if given not in FORMATS:
            raise Invalid("file_format", name=given, allowed=", ".join(FORMATS))
        return given
    return file_format(Path(name))
