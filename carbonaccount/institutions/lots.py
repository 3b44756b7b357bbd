"""Adding lots to an institution's holdings, and splitting them before they are used.

Numbers of other registries are compared under the lock of their register, so that one number comes
in once in the whole city. The city's own numbers stand for a gram each and are given out here.
"""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot, SerialSeries
from carbonaccount.institutions.offset_rules import OWN_REGISTRY
from carbonaccount.institutions.serial_numbers import Numbers, Serials, same_number, series_keys
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit

MOST_SERIALS = 10**12


@dataclass(frozen=True)
class NewLot:
    """What is known of a lot before it is added.

    `serials` None: the city gives out numbers of its own, one a gram, for `amount_g` grams.
    Otherwise each number stands for `serial_g` grams or `serial_kwh` kilowatt-hours. `origin`
    names what it was made from, once in the city ("" for bought ones).
    """

    kind: LotKind
    vintage: int
    title: str = ""
    amount_g: int = 0
    registry: str = OWN_REGISTRY
    serials: Serials | None = None
    serial_g: int = 1
    serial_kwh: int = 0
    valid_until: date | None = None
    origin: str = ""
    evidence_sha256: str = ""
    evidence_file: str = ""


@dataclass(frozen=True)
class Holder:
    """The ledger account from which the grams of a lot come: an owner and a kind."""

    owner_id: int
    kind: LedgerKind


# Where grams come from that were not in the books before.
ISSUED = Holder(ledger.CITY, LedgerKind.ISSUANCE)


def add(
    session: Session,
    *,
    institution_id: int,
    new: NewLot,
    grams_from: Holder | None,
    acting_user: Actor,
    now: datetime,
) -> OffsetLot:
    """Add a lot, and its grams to the institution's books.

    grams_from: ISSUED for grams that were not in the books before; another holder to move them
    from there; None when the caller posts transfers of its own to the institution's account (an
    attribution, a pool), which must come to `amount_g`. Green certificates have no grams.
    Raises Invalid (lot_amount), Conflict (serial_taken with `serial`, serial_known_as with
    `serial`, `first` and `last`, lot_made_before), InsufficientBalance. Does not commit.
    """
    lot = _row(institution_id, new, now)
    _refuse_overlap(session, lot)
    _refuse_same_origin(session, lot)
    session.add(lot)
    session.flush()  # Its id is the cause of its transfers.
    if grams_from is not None and lot.amount_g:
        _acquire(session, lot, grams_from, now)
    _audit(session, "add", lot, acting_user, now)
    return lot


def _row(institution_id: int, new: NewLot, now: datetime) -> OffsetLot:
    public_id = new_public_id()
    serials = new.serials or _own_serials(public_id, new)
    count = serials.last - serials.first + 1
    if not 1 <= count <= MOST_SERIALS:
        raise Invalid("lot_amount", field="serial_last", limit=MOST_SERIALS)
    keys = series_keys(new.registry, serials)
    return OffsetLot(
        public_id=public_id,
        institution_id=institution_id,
        kind=new.kind.value,
        registry_code=new.registry,
        series_key=keys.series,
        joined_key=keys.joined,
        joined_first=keys.joined_first,
        joined_last=keys.joined_last,
        serial_prefix=serials.prefix,
        serial_first=serials.first,
        serial_last=serials.last,
        serial_width=serials.width,
        serial_g=new.serial_g,
        serial_kwh=new.serial_kwh,
        amount_g=count * new.serial_g,
        amount_kwh=count * new.serial_kwh,
        vintage=new.vintage,
        title=new.title,
        valid_until=new.valid_until,
        origin=new.origin,
        evidence_sha256=new.evidence_sha256,
        evidence_file=new.evidence_file,
        added_at=now,
    )


def _own_serials(public_id: str, new: NewLot) -> Serials:
    """Return numbers of the city's own: one a gram, after a prefix nobody else has."""
    return Serials(f"CA{new.vintage}-{public_id}-", 1, new.amount_g, len(str(new.amount_g)))


def _refuse_overlap(session: Session, lot: OffsetLot) -> None:
    """Lock the series and raise Conflict (serial_taken) when a number of the range is known.

    Written with other separators, zeros or without the register's name it is the same number.
    """
    _lock_series(session, lot)
    in_register = (
        col(OffsetLot.registry_code) == lot.registry_code,
        col(OffsetLot.parent_id).is_(None),
        col(OffsetLot.status) != LotStatus.WITHDRAWN,
    )
    taken = session.exec(
        select(OffsetLot)
        .where(
            *in_register,
            col(OffsetLot.series_key) == lot.series_key,
            col(OffsetLot.serial_first) <= lot.serial_last,
            col(OffsetLot.serial_last) >= lot.serial_first,
        )
        .order_by(col(OffsetLot.serial_first))
        .limit(1)
    ).first()
    if taken is not None:
        number = max(taken.serial_first, lot.serial_first)
        serial = f"{lot.serial_prefix}{number:0{lot.serial_width}d}"
        raise Conflict("serial_taken", field="serial_first", serial=serial)
    if lot.registry_code != OWN_REGISTRY:
        _refuse_other_groups(session, lot, in_register)


def _refuse_other_groups(
    session: Session, lot: OffsetLot, in_register: tuple[sa.ColumnElement[bool], ...]
) -> None:
    """Raise Conflict (serial_known_as) for a number that is known divided into other groups.

    As 2025000150 is 2025-150. Who writes as the register prints compares with nobody here.
    """
    mine = Numbers(lot.series_key, lot.serial_first, lot.serial_last)
    series = col(OffsetLot.series_key)
    boundaries = sa.func.length(series) - sa.func.length(sa.func.replace(series, ".", ""))
    others = session.exec(
        select(OffsetLot)
        .where(*in_register, boundaries != mine.boundaries)
        .order_by(col(OffsetLot.id))
    )
    for other in others:
        if same_number(mine, Numbers(other.series_key, other.serial_first, other.serial_last)):
            raise Conflict(
                "serial_known_as",
                field="serial_first",
                serial=lot.first_number,
                first=other.first_number,
                last=other.last_number,
            )


def _lock_series(session: Session, lot: OffsetLot) -> None:
    """Let nobody else add numbers of a register before this transaction ends.

    On SQLite there is one writing transaction at a time; on PostgreSQL the row is locked, by
    whoever writes it first, or waited for.
    """
    registry = lot.registry_code
    prefix = lot.serial_prefix if registry == OWN_REGISTRY else ""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.connection().execute(
        insert(SerialSeries.__table__)  # type: ignore[attr-defined]
        .values(registry_code=registry, prefix=prefix)
        .on_conflict_do_nothing()
    )
    session.exec(
        select(SerialSeries)
        .where(col(SerialSeries.registry_code) == registry, col(SerialSeries.prefix) == prefix)
        .with_for_update()
    ).one()


def _refuse_same_origin(session: Session, lot: OffsetLot) -> None:
    """Raise Conflict (lot_made_before); two at the same time meet the unique index."""
    known = (
        lot.origin
        and session.exec(
            select(col(OffsetLot.id)).where(
                col(OffsetLot.origin) == lot.origin,
                col(OffsetLot.parent_id).is_(None),
                col(OffsetLot.status) != LotStatus.WITHDRAWN,
            )
        ).first()
    )
    if known:
        raise Conflict("lot_made_before")


def _acquire(session: Session, lot: OffsetLot, holder: Holder, now: datetime) -> None:
    source = ledger.owned_account(
        session, owner_id=holder.owner_id, kind=holder.kind, unit=Unit.G, vintage=0
    )
    posting = ledger.Posting(
        debit_id=source,
        credit_id=book_of(session, institution_id=lot.institution_id),
        amount=lot.amount_g,
        unit=Unit.G,
        kind=TransferKind.ACQUIRE,
        cause=Cause.LOT,
        cause_id=lot.stored_id,
        revision=0,
        business_day=business_day(now),
        occurred_at=now,
    )
    computed = frozenset({source} if holder.kind is LedgerKind.ISSUANCE else set())
    ledger.post_few(session, postings=[posting], computed=computed, booked_at=now)


def book_of(session: Session, *, institution_id: int) -> int:
    """Return the id of the ledger account that holds an institution's grams."""
    owner = session.get_one(Institution, institution_id).account_id
    return ledger.owned_account(
        session, owner_id=owner, kind=LedgerKind.INSTITUTION, unit=Unit.G, vintage=0
    )


def held(session: Session, *, institution_id: int) -> list[OffsetLot]:
    """Return the lots that an institution holds and has not used, the oldest first."""
    return list(
        session.exec(
            select(OffsetLot)
            .where(
                col(OffsetLot.institution_id) == institution_id,
                col(OffsetLot.status) == LotStatus.HELD,
            )
            .order_by(col(OffsetLot.id))
        )
    )


def split(
    session: Session, *, lot_id: int, serials: int, acting_user: Actor, now: datetime
) -> tuple[OffsetLot, OffsetLot]:
    """Divide a held lot: the first `serials` of its numbers, and the rest.

    The books do not move: the two together are what the one was. Raises NotFound (unknown_lot),
    Conflict (lot_not_held), Invalid (split_inside).
    """
    lot = session.exec(
        select(OffsetLot)
        .where(col(OffsetLot.id) == lot_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if lot is None:
        raise NotFound("unknown_lot")
    if lot.status != LotStatus.HELD:
        raise Conflict("lot_not_held", field="lots", serial=lot.first_number)
    if not 0 < serials < lot.serials:
        raise Invalid("split_inside", field="serials", most=lot.serials - 1)
    parts = (
        _part(lot, lot.serial_first, lot.serial_first + serials - 1, now),
        _part(lot, lot.serial_first + serials, lot.serial_last, now),
    )
    lot.status = LotStatus.SPLIT.value
    session.add_all(parts)
    session.flush()
    _audit(session, "split", lot, acting_user, now, serials=serials)
    return parts


def first_of(lot: OffsetLot, serials: int) -> OffsetLot:
    """Return what the first numbers of a lot would be as a lot; it is not written anywhere.

    The lot itself when these are all of its numbers.
    """
    if serials == lot.serials:
        return lot
    part = _part(lot, lot.serial_first, lot.serial_first + serials - 1, lot.added_at)
    part.id, part.public_id = lot.id, lot.public_id
    return part


# What a part has of its own; everything else is as in the whole.
_OF_A_PART = (
    *("id", "public_id", "serial_first", "serial_last", "joined_first", "joined_last"),
    *("amount_g", "amount_kwh", "same_as_id"),
)


def _part(lot: OffsetLot, first: int, last: int, now: datetime) -> OffsetLot:
    kept = lot.model_dump(exclude={*_OF_A_PART, "parent_id", "added_at"})
    count = last - first + 1
    return OffsetLot(
        **kept,
        public_id=new_public_id(),
        serial_first=first,
        serial_last=last,
        joined_first=lot.joined_first + first - lot.serial_first,
        joined_last=lot.joined_first + last - lot.serial_first,
        amount_g=count * lot.serial_g,
        amount_kwh=count * lot.serial_kwh,
        parent_id=lot.stored_id,
        added_at=now,
    )


def _audit(
    session: Session, step: str, lot: OffsetLot, acting_user: Actor, now: datetime, serials: int = 0
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=f"lot.{step}",
        subject=f"lot:{lot.public_id}",
        now=now,
        kind=lot.kind,
        amount_g=lot.amount_g,
        serials=serials or lot.serials,
    )
