"""The lots of a statement: picked in the order of policy, checked, retired with publication.

What a withdrawn statement retired stays retired for its year: the next statement counts it, and
picks less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.institutions import lots, neutrality, retiring
from carbonaccount.institutions.inventory_results import YearAccount
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementLot
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot, Purpose
from carbonaccount.institutions.offset_rules import KWH_PER_CERTIFICATE
from carbonaccount.institutions.retiring import Choice
from carbonaccount.institutions.statement_content import balance_of

_FOR_A_YEAR = (Purpose.STATEMENT_YEAR.value, Purpose.POWER_LINE.value)


@dataclass(frozen=True)
class YearLots:
    """The lots chosen for a statement, and those that earlier statements of the year used up."""

    chosen: Sequence[OffsetLot]
    used: Sequence[OffsetLot]

    @property
    def all(self) -> list[OffsetLot]:
        """Return both."""
        return [*self.used, *self.chosen]


@dataclass(frozen=True)
class Wanted:
    """How much a person wants at most: certificates by number, lots by grams; None for enough.

    Numbers go as a whole: enough is rounded up to them, what is wanted at most is never exceeded.
    """

    certificates: int | None
    offset_g: int | None


def lots_of(session: Session, statement: NeutralityStatement) -> YearLots:
    """Return the lots of a statement, in the order of their ids.

    Of a lot that is used in part, the chosen ones are what that part would be.
    """
    rows = session.exec(_chosen(statement)).all()
    chosen = [lots.first_of(lot, row.serials) for row, lot in rows]
    earlier = sa.select(col(NeutralityStatement.id)).where(
        col(NeutralityStatement.institution_id) == statement.institution_id,
        col(NeutralityStatement.year) == statement.year,
        col(NeutralityStatement.id) != statement.stored_id,
    )
    used = session.exec(
        select(OffsetLot)
        .where(col(OffsetLot.purpose).in_(_FOR_A_YEAR), col(OffsetLot.purpose_id).in_(earlier))
        .order_by(col(OffsetLot.id))
    ).all()
    return YearLots(chosen, used)


def _chosen(statement: NeutralityStatement) -> Select[StatementLot, OffsetLot]:
    return (
        select(StatementLot, OffsetLot)
        .join(OffsetLot, col(OffsetLot.id) == col(StatementLot.lot_id))
        .where(col(StatementLot.statement_id) == statement.stored_id)
        .order_by(col(OffsetLot.id))
    )


def pick(
    session: Session,
    statement: NeutralityStatement,
    *,
    account: YearAccount,
    wanted: Wanted,
    now: datetime,
) -> list[Choice]:
    """Choose lots in place of those chosen before; returns the choices of grams with reasons.

    Certificates first, as many as there is electricity for; then grams for what is left. Raises
    Invalid (pick_amount).
    """
    if any(amount is not None and amount < 0 for amount in (wanted.certificates, wanted.offset_g)):
        raise Invalid("pick_amount", field="offset")
    session.connection().execute(
        sa.delete(StatementLot).where(col(StatementLot.statement_id) == statement.stored_id)
    )
    used = lots_of(session, statement).used
    needed = _certificates_needed(account, used, wanted.certificates)
    taken = _certificates(session, statement, needed, now)
    left = balance_of(account, [*used, *taken]).remaining_g
    choices = retiring.choose(
        session,
        institution_id=statement.institution_id,
        need_g=left,
        on=business_day(now),
        latest_vintage=statement.year,
        most_g=wanted.offset_g,
    )
    grams = [(choice.lot, choice.take_g // choice.lot.serial_g) for choice in choices]
    for lot, serials in [*((lot, lot.serials) for lot in taken), *grams]:
        session.add(
            StatementLot(statement_id=statement.stored_id, lot_id=lot.stored_id, serials=serials)
        )
    session.flush()
    return choices


class Proposal(NamedTuple):
    """The grams that are left to make good after certificates, and what would be picked for them.

    More than is left where the last number goes as a whole, less when there is no more.
    """

    left_g: int
    picked_g: int


def proposal(
    session: Session, statement: NeutralityStatement, *, account: YearAccount, now: datetime
) -> Proposal:
    """Return what is picked when nothing is typed, with the certificates that are chosen now."""
    chosen = lots_of(session, statement)
    certificates = [lot for lot in chosen.chosen if lot.kind == LotKind.GREEN_CERTIFICATE]
    left = balance_of(account, [*chosen.used, *certificates]).remaining_g
    found = retiring.choose(
        session,
        institution_id=statement.institution_id,
        need_g=left,
        on=business_day(now),
        latest_vintage=statement.year,
    )
    return Proposal(left, sum(choice.take_g for choice in found))


def _certificates_needed(
    account: YearAccount, used: Sequence[OffsetLot], at_most: int | None
) -> int:
    before = sum(lot.amount_kwh for lot in used) // KWH_PER_CERTIFICATE
    need = max(0, neutrality.certificates_needed(neutrality.net_power(account)) - before)
    return need if at_most is None else min(need, at_most)


def _certificates(
    session: Session, statement: NeutralityStatement, needed: int, now: datetime
) -> list[OffsetLot]:
    """Return certificates that come to at most `needed`, those that end first."""
    found: list[OffsetLot] = []
    left = needed
    for lot in usable_certificates(
        session,
        institution_id=statement.institution_id,
        latest_vintage=statement.year,
        now=now,
    ):
        if left <= 0:
            break
        part = lots.first_of(lot, min(lot.serials, left))
        found.append(part)
        left -= part.serials
    return found


def usable_certificates(
    session: Session, *, institution_id: int, latest_vintage: int, now: datetime
) -> list[OffsetLot]:
    """Return the green certificates that an institution may use, those that end first.

    latest_vintage: power of a later year covers nothing.
    """
    today = business_day(now)
    usable = [
        lot
        for lot in lots.held(session, institution_id=institution_id)
        if lot.kind == LotKind.GREEN_CERTIFICATE
        and lot.vintage <= latest_vintage
        and not retiring.is_expired(lot, today)
    ]
    return sorted(usable, key=lambda lot: (str(lot.valid_until), lot.vintage, lot.stored_id))


def check_usable(session: Session, statement: NeutralityStatement, now: datetime) -> None:
    """Raise Conflict when a chosen lot cannot be used for the year, or not any more.

    lot_not_held, lot_expired, lot_of_later_year.
    """
    today = business_day(now)
    for lot in lots_of(session, statement).chosen:
        if lot.status != LotStatus.HELD:
            raise Conflict("lot_not_held", field="lots", serial=lot.first_number)
        if retiring.is_expired(lot, today):
            raise Conflict("lot_expired", field="lots", serial=lot.first_number)
        if lot.vintage > statement.year:
            raise Conflict(
                "lot_of_later_year", field="lots", serial=lot.first_number, year=lot.vintage
            )


def retire_chosen(
    session: Session, statement: NeutralityStatement, *, acting_user: Actor, now: datetime
) -> None:
    """Retire the chosen numbers: certificates for the power line, the others for the year.

    Raises Conflict (lot_not_held, lot_expired).
    """
    chosen = _set_apart(session, statement, acting_user, now)
    for purpose in (Purpose.POWER_LINE, Purpose.STATEMENT_YEAR):
        is_power = purpose is Purpose.POWER_LINE
        retiring.retire(
            session,
            institution_id=statement.institution_id,
            lot_ids=[
                lot.stored_id
                for lot in chosen
                if (lot.kind == LotKind.GREEN_CERTIFICATE) == is_power
            ],
            purpose=purpose,
            purpose_id=statement.stored_id,
            acting_user=acting_user,
            now=now,
        )


def _set_apart(
    session: Session, statement: NeutralityStatement, acting_user: Actor, now: datetime
) -> list[OffsetLot]:
    """Return lots that are exactly what was chosen; those used in part are split."""
    found = []
    for row, lot in session.exec(_chosen(statement)).all():
        part = lot
        if row.serials != lot.serials:
            part, _rest = lots.split(
                session,
                lot_id=lot.stored_id,
                serials=row.serials,
                acting_user=acting_user,
                now=now,
            )
            session.delete(row)
            session.flush()
            session.add(
                StatementLot(
                    statement_id=statement.stored_id, lot_id=part.stored_id, serials=part.serials
                )
            )
        found.append(part)
    session.flush()
    return found
