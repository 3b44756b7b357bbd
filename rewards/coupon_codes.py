"""What a holder shows at the till: a QR code that changes every half minute, or eight digits.

The code is a signature over the coupon and the half minute. Its key is derived from the vault's
and stays on the server, so a phone holds nothing from which the next code could be made, and a
picture of the page is worth nothing a minute later. What a code opens is the coupon's row: that
it is used once is guarded there, whatever was scanned.
"""

import base64
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from markupsafe import Markup
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount.accounts.limits import Limit
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.qr import qr_svg
from rewards.coupon_life import refusal_of
from rewards.models import Coupon, CouponCode

STEP_SECONDS = 30
# The present step and the one before: whoever scans in the last second of one is not refused.
STEPS_ACCEPTED = 2
DIGITS = 8
DIGITS_LIVE = timedelta(minutes=5)
DIGITS_KEPT = timedelta(days=1)
# Of a hundred million codes some hundred are alive: ten guesses in ten minutes find none.
WRONG_DIGITS = Limit("coupon_digits", 10, timedelta(minutes=10))
_PREFIX = "CA1"
_MAC_BYTES = 10
_MASK = 2
_QR_PURPOSE, _DIGITS_PURPOSE = "coupon-qr", "coupon-digits"
_QR_TEXT = re.compile(r"CA1\.([0-9A-Z]{8,64})\.([0-9]{1,12})\.([A-Z2-7]{16})", re.ASCII)
_BETWEEN_DIGITS = re.compile(r"[\s\-·.]+")


@dataclass(frozen=True)
class Shown:
    """A QR code as it is shown now, and for how long."""

    qr_text: str
    svg: Markup
    step: int
    seconds_left: int
    made_at: datetime


@dataclass(frozen=True)
class Digits:
    """Eight digits to read out, and until when they are good."""

    text: str
    expires_at: datetime
    extended: bool

    @property
    def spaced(self) -> str:
        """Return the digits in two groups, as people read them out."""
        return f"{self.text[:4]} {self.text[4:]}"


def step_of(now: datetime) -> int:
    """Return the number of the half minute that holds a moment."""
    return int(now.timestamp()) // STEP_SECONDS


def shown(coupon: Coupon, *, vault: Vault, now: datetime, label: str = "QR") -> Shown:
    """Return the code of a coupon for this half minute; `label` is the picture's alternative."""
    step = step_of(now)
    text = f"{_PREFIX}.{coupon.public_id}.{step}.{_mac(vault, coupon.public_id, step)}"
    made_at = datetime.fromtimestamp(step * STEP_SECONDS, UTC)
    left = STEP_SECONDS - int((now - made_at).total_seconds())
    return Shown(text, qr_svg(text, label=label, mask=_MASK), step, left, made_at)


def _mac(vault: Vault, public_id: str, step: int) -> str:
    """Return the signature of a coupon and a half minute, in letters of the small alphabet."""
    digest = bytes.fromhex(vault.index(f"{public_id}.{step}", purpose=_QR_PURPOSE))
    return base64.b32encode(digest[:_MAC_BYTES]).decode()


def read_code(session: Session, *, text: str, vault: Vault, now: datetime) -> Coupon:
    """Return the coupon behind a scanned QR text or eight digits, if it can be used now.

    Raises Invalid: code_foreign (something else was scanned), digits_count, code_forged,
    code_outdated (older than a minute, e.g. a picture of the page), code_unknown, coupon_used,
    coupon_cancelled, coupon_expired.
    """
    cleaned = unicodedata.normalize("NFKC", text).strip()
    compact = _BETWEEN_DIGITS.sub("", cleaned)
    if compact.isdecimal() and compact.isascii():
        coupon = _by_digits(session, compact, vault, now)
    else:
        coupon = _by_qr(session, cleaned, vault, now)
    refusal = refusal_of(coupon, business_day(now))
    if refusal:
        raise Invalid(refusal)
    return coupon


def is_digits(text: str) -> bool:
    """Return whether somebody typed digits, which could be guessed, rather than scanned."""
    return _BETWEEN_DIGITS.sub("", unicodedata.normalize("NFKC", text)).isdecimal()


def _by_qr(session: Session, text: str, vault: Vault, now: datetime) -> Coupon:
    if not text.startswith(f"{_PREFIX}."):
        raise Invalid("code_foreign")
    found = _QR_TEXT.fullmatch(text)
    if found is None or not hmac.compare_digest(found[3], _mac(vault, found[1], int(found[2]))):
        raise Invalid("code_forged")
    if not 0 <= step_of(now) - int(found[2]) < STEPS_ACCEPTED:
        raise Invalid("code_outdated")
    coupon = session.exec(
        select(Coupon)
        .where(col(Coupon.public_id) == found[1])
        .execution_options(populate_existing=True)
    ).first()
    if coupon is None:
        raise Invalid("code_unknown")
    return coupon


def _by_digits(session: Session, digits: str, vault: Vault, now: datetime) -> Coupon:
    if len(digits) != DIGITS:
        raise Invalid("digits_count", wanted=DIGITS)
    found = session.exec(
        select(Coupon, col(CouponCode.expires_at))
        .join(CouponCode, col(CouponCode.coupon_id) == col(Coupon.id))
        .where(col(CouponCode.code_hash) == vault.index(digits, purpose=_DIGITS_PURPOSE))
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise Invalid("code_unknown")
    coupon, expires_at = found
    if expires_at <= now:
        raise Invalid("code_outdated")
    return coupon


def standing_digits(
    session: Session, *, coupon: Coupon, vault: Vault, now: datetime
) -> Digits | None:
    """Return the digits of a coupon while they are good; None when it has none now."""
    row = _code_row(session, coupon)
    if row is None or row.expires_at <= now:
        return None
    text = vault.open(row.code_sealed, purpose=_DIGITS_PURPOSE)
    return Digits(text, row.expires_at, row.extended)


def digits_for(session: Session, *, coupon: Coupon, vault: Vault, now: datetime) -> Digits:
    """Return the digits of a coupon, new ones when it has none that are good.

    Raises Conflict: coupon_used, coupon_cancelled, coupon_expired. Does not commit.
    """
    refusal = refusal_of(coupon, business_day(now))
    if refusal:
        raise Conflict(refusal)
    while (standing := standing_digits(session, coupon=coupon, vault=vault, now=now)) is None:
        _draw_digits(session, coupon, vault, now)
    return standing


def _draw_digits(session: Session, coupon: Coupon, vault: Vault, now: datetime) -> None:
    """Try one set of digits; those of another coupon that are still good are not taken."""
    digits = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    code_hash = vault.index(digits, purpose=_DIGITS_PURPOSE)
    table = CouponCode.__table__  # type: ignore[attr-defined]
    connection = session.connection()
    own_or_same = sa.or_(table.c.coupon_id == coupon.id, table.c.code_hash == code_hash)
    connection.execute(sa.delete(table).where(own_or_same, table.c.expires_at <= now))
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    connection.execute(
        insert(table)
        .values(
            code_hash=code_hash,
            coupon_id=coupon.id,
            code_sealed=vault.seal(digits, purpose=_DIGITS_PURPOSE),
            created_at=now,
            expires_at=now + DIGITS_LIVE,
            extended=False,
        )
        .on_conflict_do_nothing()
    )


def extend_digits(session: Session, *, coupon: Coupon, vault: Vault, now: datetime) -> Digits:
    """Let a coupon's digits live five minutes longer, once.

    Raises Conflict: digits_over, digits_extended. Does not commit.
    """
    row = _code_row(session, coupon)
    if row is None or row.expires_at <= now:
        raise Conflict("digits_over")
    moved = session.connection().execute(
        sa.update(CouponCode.__table__)  # type: ignore[attr-defined]
        .where(
            col(CouponCode.code_hash) == row.code_hash,
            col(CouponCode.extended).is_(False),
        )
        .values(expires_at=row.expires_at + DIGITS_LIVE, extended=True)
    )
    if moved.rowcount != 1:
        raise Conflict("digits_extended")
    return Digits(
        vault.open(row.code_sealed, purpose=_DIGITS_PURPOSE), row.expires_at + DIGITS_LIVE, True
    )


def _code_row(session: Session, coupon: Coupon) -> CouponCode | None:
    return session.exec(_CODE_OF, params={"coupon_id": coupon.stored_id}).first()


_CODE_OF = (
    select(CouponCode)
    .where(col(CouponCode.coupon_id) == sa.bindparam("coupon_id"))
    .execution_options(populate_existing=True)
)


def forget_digits(session: Session, *, now: datetime) -> int:
    """Delete digits that ended a day ago; until then they are told from unknown ones."""
    gone = session.connection().execute(
        sa.delete(CouponCode.__table__).where(  # type: ignore[attr-defined]
            col(CouponCode.expires_at) <= now - DIGITS_KEPT
        )
    )
    return int(gone.rowcount)


def guesses_of(account_id: int, text: str, vault: Vault) -> tuple[tuple[Limit, str], ...]:
    """Return what to count before a person at a till is told whether typed digits are good.

    Nothing for a scanned code, which nobody guesses. What turned out to be good is forgiven.
    """
    if not is_digits(text):
        return ()
    return ((WRONG_DIGITS, vault.index(str(account_id), purpose="rate:coupon-digits")),)
