"""What a reward must be before it is written down, and what becomes of its picture."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from carbonaccount.errors import Invalid
from rewards.pictures import PICTURE_NAME, SIZE_PX, clean_picture, remove_picture, store_picture
from rewards.reward_content import check_content, columns_of, yuan_text
from tests.rewards.catalogue.arranging import content

LONG = {"title": "长" * 61, "text": "x", "terms": ""}
FINE = {"title": "x", "text": "x", "terms": ""}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"price_credits": 0}, "reward_number", "price_credits"),
        ({"price_credits": 10_000_001}, "reward_number", "price_credits"),
        ({"value_fen": -1}, "reward_number", "value_fen"),
        ({"stock_per_day": 0}, "reward_number", "stock_per_day"),
        ({"limit_per_person": 0}, "reward_number", "limit_per_person"),
        ({"coupon_days": 0}, "reward_number", "coupon_days"),
        ({"coupon_days": 367}, "reward_number", "coupon_days"),
        ({"minimum_age": 100}, "reward_number", "minimum_age"),
        ({"reward_class": "weapons"}, "reward_choice", "reward_class"),
        ({"limit_period": "week"}, "reward_choice", "limit_period"),
        ({"allotment": "auction"}, "reward_choice", "allotment"),
        ({"offered_until": date(2025, 12, 31)}, "reward_days", "offered_until"),
        ({"texts": {"zh": FINE, "en": {**FINE, "title": " "}}}, "reward_text", "title_en"),
        ({"texts": {"zh": LONG, "en": FINE}}, "reward_text", "title_zh"),
        ({"texts": {"zh": FINE}}, "reward_text", "title_en"),
    ],
)
def test_what_a_reward_cannot_be(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_content(content(1, **changes))
    assert (refused.value.code, refused.value.params["field"]) == (code, field)


def test_what_it_may_be_is_kept_without_blanks_around() -> None:
    texts = {"zh": {**FINE, "title": " 票 "}, "en": {**FINE, "terms": "once\n"}}
    fine = content(1, texts=texts, value_fen=0, stock_per_day=None, districts=("b", "a"))
    check_content(fine)
    columns = columns_of(fine)
    assert columns["texts"]["zh"]["title"] == "票"
    assert columns["texts"]["en"]["terms"] == "once"
    assert columns["districts"] == ["a", "b"]


def test_fen_as_yuan() -> None:
    assert [yuan_text(fen) for fen in (0, 5, 123_456_7)] == ["0.00", "0.05", "12,345.67"]


def photo(**saving: Any) -> bytes:
    """Return a tall picture, red above and blue below."""
    picture = Image.new("RGB", (400, 1200), (220, 20, 20))
    picture.paste((20, 20, 220), (0, 600, 400, 1200))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **saving)
    return buffer.getvalue()


def test_a_picture_is_cut_to_one_shape_without_what_the_camera_wrote(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110] = "CAMERA-OF-ALICE"
    exif[0x0112] = 3  # held upside down
    cleaned = clean_picture(photo(exif=exif))
    assert b"CAMERA-OF-ALICE" not in cleaned
    with Image.open(io.BytesIO(cleaned)) as shown:
        assert (shown.format, shown.size, dict(shown.getexif())) == ("WEBP", SIZE_PX, {})
        red, _green, blue = shown.convert("RGB").getpixel((480, 20))  # type: ignore[misc]
    # Turned upright, blue is above.
    assert blue > red
    name = store_picture(cleaned, tmp_path)
    assert PICTURE_NAME.fullmatch(name)
    remove_picture(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
    remove_picture("../" + name, tmp_path)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", photo()[:200]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        clean_picture(data)
    assert refused.value.code == "photo_format"


def test_too_large_a_picture_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        clean_picture(b"x" * (12 * 1024 * 1024 + 1))
    assert refused.value.code == "photo_too_large"
