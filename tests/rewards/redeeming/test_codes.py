"""What is shown at the till: read by an independent decoder, good once and for a short while."""

import re
from datetime import datetime, timedelta

import pytest
import zxingcpp
from flask import Flask
from PIL import Image, ImageDraw
from sqlmodel import Session, select

from carbonaccount.audit import SYSTEM
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, DomainError
from carbonaccount.qr import qr_svg
from rewards import coupon_codes, redeeming
from rewards.models import Coupon, CouponCode
from tests.rewards.redeeming.arranging import NOW, open_people, open_shop, redeem, use

VAULT = Vault(b"k" * 32)
SOON = timedelta(seconds=30)
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1H(\d+)z")


def picture(svg: str, scale: int = 4) -> Image.Image:
    """Draw the SVG's runs as a picture, as a browser would."""
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert found
    drawn = Image.new("L", (int(found[1]) * scale, int(found[2]) * scale), 255)
    pen = ImageDraw.Draw(drawn)
    runs = _RUN.findall(svg)
    assert "".join(f"M{x} {y}h{w}v1H{x}z" for x, y, w, _ in runs) in svg, "nothing else is drawn"
    for x, y, width, _ in ((int(a), int(b), int(c), d) for a, b, c, d in runs):
        pen.rectangle((x * scale, y * scale, (x + width) * scale - 1, (y + 1) * scale - 1), fill=0)
    return drawn


def decoded(svg: str) -> str:
    """Return what an independent decoder reads."""
    (found,) = zxingcpp.read_barcodes(picture(svg))
    return str(found.text)


@pytest.mark.parametrize("text", ["CA1.X.1.Y", "https://example.org/check?n=1&m=2", "碳账户" * 20])
def test_every_text_is_read_back(text: str) -> None:
    assert decoded(qr_svg(text, label="code")) == text


def test_the_label_is_the_text_alternative() -> None:
    svg = qr_svg("A", label='x" onload="y')
    assert 'role="img" aria-label="x&#34; onload=&#34;y"' in svg
    assert len(qr_svg("CA1" * 14, label="").encode()) < 6000


def coupon_of(number: int) -> Coupon:
    return Coupon(
        public_id=f"PQRSTUVWXYZ23{number}", account_id=1, reward_id=1, budget_id=1, request_key="k",
        price_credits=1, value_fen=1, issued_at=NOW, issued_day=NOW.date(), expires_on=NOW.date(),
    )  # fmt: skip


def test_a_code_changes_every_half_minute_and_tells_when() -> None:
    shown = coupon_codes.shown(coupon_of(2), vault=VAULT, now=NOW + timedelta(seconds=7))
    assert (shown.seconds_left, shown.made_at) == (23, NOW)
    assert decoded(shown.svg) == shown.qr_text
    prefix, public_id, step, mac = shown.qr_text.split(".")
    assert (prefix, public_id) == ("CA1", "PQRSTUVWXYZ232")
    # 2026-03-10 10:00 UTC is 1,773,136,800 seconds after 1970: 59,104,560 half minutes.
    assert (int(step), len(mac)) == (59_104_560, 16)
    last = coupon_codes.shown(coupon_of(2), vault=VAULT, now=NOW + timedelta(seconds=29))
    assert (last.qr_text, last.seconds_left) == (shown.qr_text, 1)
    others = {
        coupon_codes.shown(coupon_of(n), vault=vault, now=now).qr_text.split(".")[3]
        for n, vault, now in ((2, VAULT, NOW + SOON), (3, VAULT, NOW), (2, Vault(b"x" * 32), NOW))
    }
    assert len(others | {mac}) == 4


def answer(session: Session, text: str, now: datetime) -> str:
    """Return what reading a text says: the coupon's id, or the code of the refusal."""
    try:
        return coupon_codes.read_code(session, text=text, vault=VAULT, now=now).public_id
    except DomainError as error:
        return error.code


def test_each_code_gets_its_own_answer(app: Flask, session: Session) -> None:
    shop = open_shop(session, coupon_days=10)
    alice, clerk = open_people(session, 2)
    coupon = redeem(session, shop, alice, "a")
    text = coupon_codes.shown(coupon, vault=VAULT, now=NOW).qr_text
    session.commit()

    def read(what: str, now: datetime = NOW) -> str:
        return answer(session, what, now)

    assert read(f" {text}\n") == coupon.public_id
    assert read(text, NOW + timedelta(seconds=59)) == coupon.public_id
    assert read(text, NOW + timedelta(seconds=60)) == "code_outdated"
    assert read(text, NOW - timedelta(seconds=1)) == "code_outdated"
    assert read(text[:-1] + ("A" if text[-1] != "A" else "B")) == "code_forged"
    assert read(text.replace(coupon.public_id, "A" * 14)) == "code_forged"
    assert read(text.rsplit(".", 1)[0]) == "code_forged"
    assert read("https://example.org/") == "code_foreign"
    assert read("") == "code_foreign"
    assert read(coupon_codes.shown(coupon_of(2), vault=VAULT, now=NOW).qr_text) == "code_unknown"
    elsewhere = coupon_codes.shown(coupon, vault=Vault(b"x" * 32), now=NOW).qr_text
    assert read(elsewhere) == "code_forged"
    use(session, shop, coupon, clerk)
    assert read(text) == "coupon_used"
    cancelled = redeem(session, shop, alice, "b")
    redeeming.cancel(
        session, coupon_id=cancelled.stored_id, account_id=alice, acting_user=SYSTEM, now=NOW
    )
    assert read(coupon_codes.shown(cancelled, vault=VAULT, now=NOW).qr_text) == "coupon_cancelled"
    open_one = redeem(session, shop, alice, "c")
    later = NOW + timedelta(days=11)
    assert read(coupon_codes.shown(open_one, vault=VAULT, now=later).qr_text, later) == (
        "coupon_expired"
    )


def test_digits_live_five_minutes_and_are_extended_once(app: Flask, session: Session) -> None:
    shop = open_shop(session)
    alice, clerk = open_people(session, 2)
    coupon = redeem(session, shop, alice)

    def given(now: datetime) -> coupon_codes.Digits:
        return coupon_codes.digits_for(session, coupon=coupon, vault=VAULT, now=now)

    first = given(NOW)
    assert re.fullmatch(r"\d{8}", first.text)
    assert first.spaced == f"{first.text[:4]} {first.text[4:]}"
    assert (given(NOW + timedelta(minutes=4)), first.expires_at) == (
        first,
        NOW + timedelta(minutes=5),
    )
    full_width = first.text.translate({48 + n: 0xFF10 + n for n in range(10)})
    for typed in (first.spaced, f"{first.text[:4]}-{first.text[4:]}", full_width):
        assert answer(session, typed, NOW) == coupon.public_id
        assert coupon_codes.is_digits(typed)
    row = session.exec(select(CouponCode)).one()
    assert first.text not in row.code_hash
    assert first.text.encode() not in row.code_sealed
    wrong = f"{(int(first.text) + 1) % 10**8:08}"
    assert answer(session, wrong, NOW) == "code_unknown"
    assert answer(session, first.text[:7], NOW) == "digits_count"
    late = NOW + timedelta(minutes=9, seconds=59)
    assert answer(session, first.text, late) == "code_outdated"
    longer = coupon_codes.extend_digits(session, coupon=coupon, vault=VAULT, now=NOW)
    assert longer.expires_at == NOW + timedelta(minutes=10)
    assert answer(session, first.text, late) == coupon.public_id
    with pytest.raises(Conflict, match="digits_extended"):
        coupon_codes.extend_digits(session, coupon=coupon, vault=VAULT, now=late)
    over = NOW + timedelta(minutes=10)
    with pytest.raises(Conflict, match="digits_over"):
        coupon_codes.extend_digits(session, coupon=coupon, vault=VAULT, now=over)
    second = given(over)
    assert (second.extended, second.expires_at) == (False, over + timedelta(minutes=5))
    assert coupon_codes.forget_digits(session, now=over + timedelta(days=1)) == 0
    assert coupon_codes.forget_digits(session, now=over + timedelta(days=1, minutes=5)) == 1
    use(session, shop, coupon, clerk)
    with pytest.raises(Conflict, match="coupon_used"):
        given(over)


def test_only_typed_digits_count_as_guesses() -> None:
    ((limit, key),) = coupon_codes.guesses_of(7, "1234 5678", VAULT)
    assert (limit.maximum, limit.window) == (10, timedelta(minutes=10))
    assert coupon_codes.guesses_of(8, "87654321", VAULT) != ((limit, key),)
    assert coupon_codes.guesses_of(7, "CA1.X.1.Y", VAULT) == ()
