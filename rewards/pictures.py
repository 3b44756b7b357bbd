"""Pictures of rewards: opened with limits, turned upright, cut to one shape, without EXIF."""

import io
import re
import secrets
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from carbonaccount.errors import Invalid

MAX_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 50_000_000
# 3:2, sharp on the widest place that shows one.
SIZE_PX = (960, 640)
PICTURE_NAME = re.compile(r"[0-9a-f]{32}\.webp", re.ASCII)
_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITY = 82
# What Pillow raises for files that are no pictures, or hostile ones.
_NOT_A_PICTURE = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def clean_picture(data: bytes) -> bytes:
    """Return a picture as WebP of `SIZE_PX`, cut at its edges, nothing but its pixels.

    Raises Invalid as `open_picture` does.
    """
    return encoded(ImageOps.fit(open_picture(data), SIZE_PX))


def open_picture(data: bytes, *, field: str = "picture") -> Image.Image:
    """Return a picture turned upright, opened with limits; `field` is named in refusals.

    Raises Invalid: photo_too_large (limit_mib), photo_format (not a JPEG, PNG or WebP, or damaged).
    """
    if len(data) > MAX_BYTES:
        raise Invalid("photo_too_large", field=field, limit_mib=MAX_BYTES // 1024 // 1024)
    try:
        with warnings.catch_warnings():
            # Pillow only warns of pictures that unpack to too many pixels.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                return ImageOps.exif_transpose(opened).convert("RGB")
    except _NOT_A_PICTURE:
        raise Invalid("photo_format", field=field) from None


def encoded(picture: Image.Image) -> bytes:
    """Return a picture as WebP, nothing but its pixels."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


def picture_folder(instance_path: Path) -> Path:
    """Return where the pictures of rewards are kept."""
    return instance_path / "reward-pictures"


def store_picture(content: bytes, folder: Path) -> str:
    """Write a cleaned picture under a random name and return the name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{secrets.token_hex(16)}.webp"
    (folder / name).write_bytes(content)
    return name


def remove_picture(name: str, folder: Path) -> None:
    """Remove a picture that no reward shows any more; "" and a missing file are fine."""
    if PICTURE_NAME.fullmatch(name):
        (folder / name).unlink(missing_ok=True)
