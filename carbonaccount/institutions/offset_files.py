"""Files that prove offsets: certificates of registries, papers of plantations, survival checks.

A file is kept as it was sent, under its SHA-256, so that the hash on a statement is that of the
file a registry gave out.
"""

import hashlib
import io
import warnings
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from carbonaccount.errors import Invalid

MAX_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 50_000_000
CONTENT_TYPES = {"pdf": "application/pdf", "jpg": "image/jpeg", "png": "image/png"}
_PDF = b"%PDF-"
_PICTURES = {"JPEG": "jpg", "PNG": "png"}
# What Pillow raises for files that are no pictures, or hostile ones.
_NOT_A_PICTURE = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class Paper(NamedTuple):
    """A checked file: its hash, the name it is kept under, and its bytes."""

    sha256: str
    file_name: str
    data: bytes


def checked(data: bytes) -> Paper:
    """Return a file that is a PDF, JPEG or PNG of at most 12 MiB.

    Raises Invalid at the field `file`: offset_file_missing, offset_file_large (limit_mib),
    offset_file_format.
    """
    if not data:
        raise Invalid("offset_file_missing", field="file")
    if len(data) > MAX_BYTES:
        raise Invalid("offset_file_large", field="file", limit_mib=MAX_BYTES // 1024 // 1024)
    sha256 = hashlib.sha256(data).hexdigest()
    return Paper(sha256, f"{sha256}.{_suffix(data)}", data)


def _suffix(data: bytes) -> str:
    if data.startswith(_PDF):
        if b"%%EOF" not in data[-2048:]:
            raise Invalid("offset_file_format", field="file")
        return "pdf"
    try:
        with warnings.catch_warnings():
            # Pillow only warns of pictures that unpack to too many pixels.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=tuple(_PICTURES)) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                picture.load()
                return _PICTURES[str(picture.format)]
    except _NOT_A_PICTURE:
        raise Invalid("offset_file_format", field="file") from None


def folder_in(instance_path: Path) -> Path:
    """Return where the papers of offsets are kept."""
    return instance_path / "offset-papers"


def keep(paper: Paper, folder: Path) -> None:
    """Write a paper; the same one again changes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / paper.file_name).write_bytes(paper.data)
