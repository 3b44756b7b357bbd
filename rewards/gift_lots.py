"""Donated grams as lots: what was used for an institution becomes a lot of it, once.

The grams lie in the books of the beneficiary that stands for the institution; making the lot
moves them on to the institution's own.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import NotFound
from carbonaccount.institutions import lots
from carbonaccount.institutions.given import GivenGrams, Giving, register_giving
from carbonaccount.institutions.offset_models import LotKind, OffsetLot
from carbonaccount.ledger.models import LedgerKind
from rewards.giving_models import Beneficiary, GiftUse

_ORIGIN = "gift_use:"
LONGEST_TITLE = 120


def waiting(session: Session, institution_id: int) -> list[GivenGrams]:
    """Return the uses of grams for an institution of which it has made no lot, the oldest first."""
    made = sa.select(col(OffsetLot.origin)).where(
        col(OffsetLot.institution_id) == institution_id, col(OffsetLot.kind) == LotKind.GIFT
    )
    rows = session.exec(
        select(GiftUse)
        .join(Beneficiary, col(Beneficiary.id) == col(GiftUse.beneficiary_id))
        .where(
            col(Beneficiary.institution_id) == institution_id,
            (sa.literal(_ORIGIN) + sa.cast(col(GiftUse.id), sa.String)).not_in(made),
        )
        .order_by(col(GiftUse.id))
    )
    return [GivenGrams(str(row.id), row.purpose, row.grams, row.gifts, row.used_at) for row in rows]


def turn(
    session: Session, institution_id: int, ref: str, acting_user: Actor, now: datetime
) -> OffsetLot:
    """Make a lot of one use, once. Raises NotFound (unknown_given), Conflict (lot_made_before)."""
    use, beneficiary = _use(session, institution_id, ref)
    new = lots.NewLot(
        kind=LotKind.GIFT,
        vintage=business_day(use.used_at).year,
        title=use.purpose[:LONGEST_TITLE],
        amount_g=use.grams,
        origin=f"{_ORIGIN}{use.id}",
    )
    return lots.add(
        session,
        institution_id=institution_id,
        new=new,
        grams_from=lots.Holder(beneficiary.account_id, LedgerKind.INSTITUTION),
        acting_user=acting_user,
        now=now,
    )


def _use(session: Session, institution_id: int, ref: str) -> tuple[GiftUse, Beneficiary]:
    number = int(ref) if ref.isascii() and ref.isdigit() and len(ref) < 10 else 0
    found = session.exec(
        select(GiftUse, Beneficiary)
        .join(Beneficiary, col(Beneficiary.id) == col(GiftUse.beneficiary_id))
        .where(col(GiftUse.id) == number, col(Beneficiary.institution_id) == institution_id)
    ).first()
    if found is None:
        raise NotFound("unknown_given")
    return found


register_giving(Giving(waiting, turn))
