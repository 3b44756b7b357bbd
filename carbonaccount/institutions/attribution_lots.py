"""A lot from the shares of a source and period: the grams leave the accounts for the lot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.certified import certified_between, certified_free_g
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.institutions import lots
from carbonaccount.institutions.attribution import FLEET, FLEET_BEHAVIORS, WHOLE
from carbonaccount.institutions.offset_models import (
    Attribution,
    AttributionTake,
    LotKind,
    OffsetLot,
)
from carbonaccount.ledger import holdings
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit

# One lot is one transaction.
MOST_SHARES = 5_000


@dataclass(frozen=True)
class Taking:
    """What a share would give for a period: its days, the certified grams, its part of them."""

    attribution: Attribution
    first: date
    last: date
    certified_g: int
    amount_g: int


def waiting(
    session: Session, *, institution_id: int, source_id: int, role: str, first: date, last: date
) -> list[Taking]:
    """Return what the shares of a source would give for a period, without taking it.

    A share's days are those of the period on which it was in force and that were not taken yet.
    As a fleet, of what new-energy vehicles drove alone; what else the source reports stays where it
    is. Takes at most what an account still has to let go. Shares that give nothing are left out.
    """
    shares = _shares(session, institution_id, source_id, role, first, last)
    return [
        taking
        for taking in _takings(session, shares, source_id, first, last)
        if taking.amount_g > 0
    ]


def _shares(
    session: Session, institution_id: int, source_id: int, role: str, first: date, last: date
) -> Sequence[Attribution]:
    """Return the shares in the order of their ids, which nobody else takes from meanwhile."""
    return session.exec(
        select(Attribution)
        .where(
            col(Attribution.institution_id) == institution_id,
            col(Attribution.source_id) == source_id,
            col(Attribution.role) == role,
            col(Attribution.first_day) <= last,
            (col(Attribution.last_day).is_(None)) | (col(Attribution.last_day) >= first),
        )
        .order_by(col(Attribution.id))
        .limit(MOST_SHARES)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _takings(
    session: Session, shares: Sequence[Attribution], source_id: int, first: date, last: date
) -> list[Taking]:
    """Work out each share; those with the same days are asked for together."""
    by_days = sorted(
        ((_days(share, first, last), share) for share in shares),
        key=lambda item: (item[0], item[1].stored_id),
    )
    found = []
    for days, group in groupby(by_days, key=lambda item: item[0]):
        if days[0] > days[1]:
            continue
        some = [share for _, share in group]
        grams = certified_between(
            session,
            account_ids={share.account_id for share in some},
            source_id=source_id,
            first=days[0],
            last=days[1],
            behaviors=FLEET_BEHAVIORS if some[0].role == FLEET else None,
        )
        found += [_taking(session, share, days, grams.get(share.account_id, 0)) for share in some]
    return sorted(found, key=lambda taking: taking.attribution.stored_id)


def _days(share: Attribution, first: date, last: date) -> tuple[date, date]:
    """Return the days of a share within a period that were not taken yet; may be none."""
    begin = max(share.first_day, first)
    if share.taken_through is not None:
        begin = max(begin, share.taken_through + timedelta(days=1))
    return begin, min(last, share.last_day or last)


def _taking(
    session: Session, share: Attribution, days: tuple[date, date], certified: int
) -> Taking:
    amount = certified * share.permille // WHOLE
    if amount > 0:
        # Locked, so that what is free now is still free when it is taken.
        holdings.purses(session, account_id=share.account_id, unit=Unit.G)
        amount = min(amount, certified_free_g(session, share.account_id))
    return Taking(share, *days, certified, amount)


def make_lot(
    session: Session,
    *,
    institution_id: int,
    source_id: int,
    role: str,
    first: date,
    last: date,
    title: str,
    acting_user: Actor,
    now: datetime,
) -> OffsetLot:
    """Take an institution's shares of a source and period into one lot.

    The period lies within one year and is over. Raises Invalid (share_period), Conflict
    (nothing_to_take).
    """
    if first > last or first.year != last.year or last >= business_day(now):
        raise Invalid("share_period", field="last")
    takings = waiting(
        session,
        institution_id=institution_id,
        source_id=source_id,
        role=role,
        first=first,
        last=last,
    )
    if not takings:
        raise Conflict("nothing_to_take")
    lot = lots.add(
        session,
        institution_id=institution_id,
        new=lots.NewLot(
            kind=LotKind.FLEET if role == FLEET else LotKind.STAFF,
            vintage=first.year,
            title=title,
            amount_g=sum(taking.amount_g for taking in takings),
            origin=f"attribution:{takings[0].attribution.public_id}:{takings[0].first}",
        ),
        grams_from=None,
        acting_user=acting_user,
        now=now,
    )
    _take(session, lot, takings, now)
    return lot


def _take(session: Session, lot: OffsetLot, takings: Sequence[Taking], now: datetime) -> None:
    """Write down each share's take and move its grams."""
    book = lots.book_of(session, institution_id=lot.institution_id)
    postings = []
    for taking in takings:
        take = AttributionTake(
            attribution_id=taking.attribution.stored_id,
            lot_id=lot.stored_id,
            first_day=taking.first,
            last_day=taking.last,
            certified_g=taking.certified_g,
            permille=taking.attribution.permille,
            amount_g=taking.amount_g,
        )
        taking.attribution.taken_through = taking.last
        session.add(take)
        session.flush()  # Its id is the cause of its transfer.
        postings.append(_posting(session, taking, take.id or 0, book, now))
    ledger.post_few(session, postings=postings, computed=frozenset(), booked_at=now)


def _posting(
    session: Session, taking: Taking, take_id: int, book: int, now: datetime
) -> ledger.Posting:
    source = ledger.owned_account(
        session,
        owner_id=taking.attribution.account_id,
        kind=LedgerKind.RESIDENT,
        unit=Unit.G,
        vintage=0,
    )
    return ledger.Posting(
        debit_id=source,
        credit_id=book,
        amount=taking.amount_g,
        unit=Unit.G,
        kind=TransferKind.ATTRIBUTE,
        cause=Cause.ATTRIBUTION,
        cause_id=take_id,
        revision=0,
        business_day=business_day(now),
        occurred_at=now,
    )
