"""Photos as evidence: opened with limits, turned upright, re-encoded without EXIF, hashed."""

import hashlib
import io
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from carbonaccount.errors import Invalid, NotFound

MAX_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 50_000_000
LONGEST_SIDE_PX = 2048
# The MPO of many phones is opened as JPEG; Pillow knows no opener by that name.
_FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True)
class Photo:
    """A cleaned picture: WebP bytes, its size in pixels, and two hashes of what it shows.

    `sha256` is of the bytes as they were sent, `dhash` a 64-bit difference hash (signed) of the
    picture, equal or nearly so for the same picture in another size or compression;
    `dhash_mirrored` is that of the picture seen in a mirror.
    """

    content: bytes
    sha256: str
    dhash: int
    dhash_mirrored: int
    width_px: int
    height_px: int


def clean_photo(data: bytes) -> Photo:
    """Return the photo without anything but its pixels.

    Raises Invalid: photo_too_large, photo_format (not a JPEG, PNG or WebP, or damaged).
    """
    if len(data) > MAX_BYTES:
        raise Invalid("photo_too_large", limit_mib=MAX_BYTES // 1024 // 1024)
    try:
        with warnings.catch_warnings():
            # Pillow only warns of pictures that unpack to too many pixels.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise Invalid("photo_too_large", limit_mib=MAX_BYTES // 1024 // 1024)
                picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        raise Invalid("photo_format") from None
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=82)
    return Photo(
        content=buffer.getvalue(),
        sha256=hashlib.sha256(data).hexdigest(),
        dhash=difference_hash(picture),
        dhash_mirrored=difference_hash(ImageOps.mirror(picture)),
        width_px=picture.width,
        height_px=picture.height,
    )


def difference_hash(picture: Image.Image) -> int:
    """Return 64 bits telling for an 8x8 grid whether it gets brighter to the right; signed."""
    small = picture.convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    grey = np.asarray(small, dtype=np.int16)
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def photo_folder(instance_path: Path) -> Path:
    """Return where the photos are kept."""
    return instance_path / "evidence"


def store_photo(photo: Photo, folder: Path) -> str:
    """Write the photo under a random name and return the name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{secrets.token_hex(16)}.webp"
    (folder / name).write_bytes(photo.content)
    return name


def stored_photo(name: str, folder: Path) -> bytes:
    """Return the WebP bytes of a stored photo. Raises NotFound (photo_gone)."""
    file = folder / name
    if not file.is_file():
        raise NotFound("photo_gone")
    return file.read_bytes()
