"""The same photo sent again is found among all photos, near ones too, and only those."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import ImageOps
from sqlmodel import Session, col, select

from behaviors import photo_matching
from behaviors.models import EvidencePhoto, PhotoMatch
from behaviors.photos import clean_photo
from behaviors.services import report_act
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.audit import SYSTEM
from tests.behaviors.reviews.pictures import encoded, noise

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)


def report(session: Session, folder: Path, photo: bytes, token: str, *, minute: int) -> int:
    """Let a new resident report an act with a photo; returns the record."""
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
    result = report_act(
        session,
        account_id=account.stored_id,
        behavior="bus_trip",
        activity={"distance_km": "10"},
        occurred_at=NOW.replace(hour=1, minute=minute),
        photo=photo,
        photo_folder=folder,
        form_token=token,
        acting_user=SYSTEM,
        now=NOW,
    )
    assert result.record_id is not None
    return result.record_id


def matches(session: Session, record_id: int) -> dict[int, bool]:
    """Return the records whose photos look like a record's, and whether in a mirror."""
    rows = session.exec(select(PhotoMatch).where(col(PhotoMatch.record_id) == record_id))
    return {row.other_id: row.mirrored for row in rows}


def test_a_photo_of_somebody_else_is_recognised_from_both_sides(
    session: Session, tmp_path: Path
) -> None:
    first = report(session, tmp_path, encoded(noise(1)), "a", minute=1)
    smaller = noise(1).resize((400, 300))
    second = report(session, tmp_path, encoded(smaller, quality=40), "b", minute=2)
    other = report(session, tmp_path, encoded(noise(2)), "c", minute=3)
    assert matches(session, first) == {second: False}
    assert matches(session, second) == {first: False}
    assert matches(session, other) == {}


def test_a_mirrored_photo_is_recognised(session: Session, tmp_path: Path) -> None:
    first = report(session, tmp_path, encoded(noise(3)), "a", minute=1)
    turned = report(session, tmp_path, encoded(ImageOps.mirror(noise(3)), "PNG"), "b", minute=2)
    assert matches(session, turned) == {first: True}
    assert matches(session, first) == {turned: True}


def test_parts_of_a_hash() -> None:
    # -1 is sixty-four ones; 0x0123456789ABCDEF is cut at every fourth hexadecimal digit.
    assert photo_matching.bands(-1) == (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)
    assert photo_matching.bands(0x0123456789ABCDEF) == (0x0123, 0x4567, 0x89AB, 0xCDEF)


def test_differing_bits() -> None:
    assert photo_matching.distance(0, 0) == 0
    assert photo_matching.distance(0, -1) == 64
    # The sign bit is one bit like the others.
    assert photo_matching.distance(-(2**63), 0) == 1
    assert photo_matching.distance(0b1011, 0b0110) == 3


@pytest.fixture
def bare_photos(session: Session) -> None:
    """Let photos stand without records: only their hashes matter here."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(
            sa.text("ALTER TABLE evidence_photo DROP CONSTRAINT "
                    "fk_evidence_photo_record_id_activity_record")
        )  # fmt: skip
    else:
        session.connection().commit()
        session.connection().exec_driver_sql("COMMIT")
        session.connection().exec_driver_sql("PRAGMA foreign_keys=OFF")
        session.connection().exec_driver_sql("BEGIN IMMEDIATE")


def put(session: Session, record_id: int, dhash: int) -> None:
    parts = photo_matching.bands(dhash)
    session.add(
        EvidencePhoto(
            record_id=record_id,
            file_name=f"{record_id}.webp",
            sha256="0" * 64,
            dhash=dhash,
            dhash_mirrored=0,
            band_0=parts[0],
            band_1=parts[1],
            band_2=parts[2],
            band_3=parts[3],
            width_px=1,
            height_px=1,
            stored_at=NOW,
        )
    )


@pytest.mark.usefixtures("bare_photos")
def test_up_to_eight_bits_are_near_and_nine_are_not(session: Session) -> None:
    dice = random.Random(20261121)
    wanted, mirrored = (dice.getrandbits(64) - 2**63 for _ in range(2))
    expected = set()
    for record_id in range(1, 201):
        bits = dice.sample(range(64), record_id % 13)
        base = mirrored if record_id % 3 == 0 else wanted
        flipped = (base % 2**64) ^ sum(1 << bit for bit in bits)
        put(session, record_id, flipped - 2**64 if flipped >= 2**63 else flipped)
        if len(bits) <= 8:
            expected.add((record_id, len(bits), record_id % 3 == 0))
    session.flush()
    found = photo_matching.similar_photos(session, dhash=wanted, dhash_mirrored=mirrored)
    assert {tuple(match) for match in found} == expected
    assert [match.distance for match in found] == sorted(match.distance for match in found)


@pytest.mark.usefixtures("bare_photos")
def test_the_worst_spread_of_eight_bits_is_found(session: Session) -> None:
    # Two differences in each of the four parts: no part is equal, none differs in one bit only.
    put(session, 1, 0x0003_0003_0003_0003)
    put(session, 2, 0x0007_0003_0003_0003)
    session.flush()
    found = photo_matching.similar_photos(session, dhash=0, dhash_mirrored=0x5A5A_5A5A_5A5A_5A5A)
    assert [tuple(match) for match in found] == [(1, 8, False)]


@pytest.mark.usefixtures("bare_photos")
def test_a_picture_sent_very_often_keeps_the_nearest_twenty(session: Session) -> None:
    photo = clean_photo(encoded(noise(4)))
    for record_id in range(1, 31):
        put(session, record_id, photo.dhash)
    session.flush()
    photo_matching.add_photo(session, record_id=99, photo=photo, file_name="99.webp", now=NOW)
    session.flush()
    assert set(matches(session, 99)) == set(range(1, 21))
