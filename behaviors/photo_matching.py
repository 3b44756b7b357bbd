"""The same photo sent again: found by perceptual hash among all photos ever submitted.

Two hashes of 64 bits count as the same picture when at most 8 bits differ. Cut into four parts
of 16 bits, at least one part then differs in at most 2 bits; so every near hash has one of the
137 values within 2 bits of a part of ours, and four indexes find it without reading the table
(multi-index hashing: Norouzi, Punjani and Fleet, CVPR 2012). None is missed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from behaviors.models import EvidencePhoto, PhotoMatch
from behaviors.photos import Photo
from carbonaccount.database import is_sqlite

BITS = 64
MOST_DIFFERING = 8
BANDS = 4
BAND_BITS = BITS // BANDS
BAND_VALUES = 1 << BAND_BITS
# By the pigeonhole principle one of four parts takes at most a quarter of the differences.
BAND_DIFFERING = MOST_DIFFERING // BANDS
# The nearest of them: a picture that was sent a thousand times needs no million pairs.
MOST_MATCHES = 20
# Two reports of one picture at the same moment would not see each other without it.
_LOCK_KEY = 0x70686F746F


class Match(NamedTuple):
    """A photo that looks like the one asked about; `distance` is how many bits differ."""

    record_id: int
    distance: int
    mirrored: bool


def bands(dhash: int) -> tuple[int, ...]:
    """Return the four parts of a hash, highest first, each 0 to 65,535."""
    bits = dhash % (1 << BITS)
    return tuple(bits >> shift & (BAND_VALUES - 1) for shift in range(BITS - BAND_BITS, -1, -16))


def distance(one: int, other: int) -> int:
    """Return how many bits of two hashes differ, 0 to 64."""
    return ((one ^ other) % (1 << BITS)).bit_count()


def add_photo(
    session: Session, *, record_id: int, photo: Photo, file_name: str, now: datetime
) -> EvidencePhoto:
    """Write down a record's photo and which earlier ones it looks like. Does not commit."""
    _serialize(session)
    row = EvidencePhoto(
        record_id=record_id,
        file_name=file_name,
        sha256=photo.sha256,
        dhash=photo.dhash,
        dhash_mirrored=photo.dhash_mirrored,
        **dict(zip(("band_0", "band_1", "band_2", "band_3"), bands(photo.dhash), strict=True)),
        width_px=photo.width_px,
        height_px=photo.height_px,
        stored_at=now,
    )
    found = similar_photos(session, dhash=photo.dhash, dhash_mirrored=photo.dhash_mirrored)
    session.add(row)
    session.flush()  # The pairs refer to it.
    for match in found[:MOST_MATCHES]:
        session.add(_pair(record_id, match.record_id, match))
        session.add(_pair(match.record_id, record_id, match))
    return row


def _pair(record_id: int, other_id: int, match: Match) -> PhotoMatch:
    return PhotoMatch(
        record_id=record_id, other_id=other_id, distance=match.distance, mirrored=match.mirrored
    )


def _serialize(session: Session) -> None:
    # A writing transaction on SQLite is alone anyway. Taken last in a report, so that nobody who
    # holds it waits for an account.
    if not is_sqlite(session):
        session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))


def similar_photos(session: Session, *, dhash: int, dhash_mirrored: int) -> list[Match]:
    """Return every photo within 8 bits of a hash or of its mirror image, the nearest first."""
    wanted = [dhash, dhash_mirrored]
    photo = EvidencePhoto
    columns = (col(photo.band_0), col(photo.band_1), col(photo.band_2), col(photo.band_3))
    near = [
        column.in_(_near_values(bands(value)[number] for value in wanted))
        for number, column in enumerate(columns)
    ]
    candidates = session.execute(
        sa.select(col(photo.record_id), col(photo.dhash)).where(sa.or_(*near))
    )
    found = [_match(record_id, other, dhash, dhash_mirrored) for record_id, other in candidates]
    return sorted(
        (match for match in found if match.distance <= MOST_DIFFERING),
        key=lambda match: (match.distance, match.record_id),
    )


def _match(record_id: int, other: int, dhash: int, dhash_mirrored: int) -> Match:
    plain, mirrored = distance(other, dhash), distance(other, dhash_mirrored)
    return Match(record_id, min(plain, mirrored), mirrored < plain)


_FLIPS: Sequence[int] = [
    sum(1 << bit for bit in chosen)
    for count in range(BAND_DIFFERING + 1)
    for chosen in combinations(range(BAND_BITS), count)
]


def _near_values(values: Iterable[int]) -> list[int]:
    """Return every value of a part within 2 bits of the given ones."""
    return sorted({value ^ flip for value in values for flip in _FLIPS})
