"""Pictures that look like nothing else: blocks of colour, another one for each seed."""

import random
from io import BytesIO

from PIL import Image, ImageDraw


def noise(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Return a picture of coloured blocks, another one for each seed."""
    dice = random.Random(seed)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = dice.randrange(size[0]), dice.randrange(size[1])
        colour = (dice.randrange(256), dice.randrange(256), dice.randrange(256))
        draw.rectangle((x, y, x + dice.randrange(40, 200), y + dice.randrange(40, 200)), colour)
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options: int) -> bytes:
    """Return the picture as a file."""
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
