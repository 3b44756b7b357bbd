"""Lots: numbers that come in once, the order of use, splitting, and being retired once."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlmodel import Session

from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from carbonaccount.institutions import lot_withdrawal, lots, retiring
from carbonaccount.institutions.offset_models import LotKind, LotStatus, OffsetLot, Purpose
from carbonaccount.ledger.models import LedgerKind
from tests.carbonaccount.institutions.offsets.arranging import (
    NOW,
    books,
    bought,
    broken,
    issued,
    school,
)

TODAY = date(2026, 3, 10)


def code_of(refused: pytest.ExceptionInfo[DomainError]) -> str:
    """Return the code of a refusal."""
    return refused.value.code


def retired(
    session: Session, place_id: int, found: list[int], purpose: Purpose, purpose_id: int = 1
) -> None:
    """Retire lots."""
    retiring.retire(
        session,
        institution_id=place_id,
        lot_ids=found,
        purpose=purpose,
        purpose_id=purpose_id,
        acting_user=SYSTEM,
        now=NOW,
    )


def test_a_number_comes_in_once_in_the_whole_city(session: Session) -> None:
    one, two = school(session), school(session, "第二小学")
    lot = bought(session, one.stored_id, "CCER-2025-0101", "CCER-2025-0150")
    assert (lot.serials, lot.amount_g) == (50, 50_000_000)
    assert books(session, one.account_id, LedgerKind.INSTITUTION) == 50_000_000
    for first, last, taken in (
        ("CCER-2025-0150", "CCER-2025-0160", "CCER-2025-0150"),
        ("CCER-2025-0001", "CCER-2025-0101", "CCER-2025-0101"),
        ("CCER-2025-0110", "CCER-2025-0111", "CCER-2025-0110"),
        ("CCER-2025-0001", "CCER-2025-9999", "CCER-2025-0101"),
        # Neither small letters, blanks nor other zeros make another number of it.
        ("ccer-2025- 120", "ccer-2025-121", "CCER-2025-120"),
        ("No. ccer 2025 120", "ccer 2025 121", "NO.CCER 2025 120"),
    ):
        with pytest.raises(Conflict) as refused:
            bought(session, two.stored_id, first, last)
        assert (code_of(refused), refused.value.params["serial"]) == ("serial_taken", taken)
    bought(session, two.stored_id, "CCER-2025-0151", "CCER-2025-0160")
    # Nor does writing it in one go, with as many zeros as one likes.
    for written in ("CCER2025120", "CCER20250000120", "2025/0120"):
        with pytest.raises(Conflict) as known:
            bought(session, two.stored_id, written, written)
        assert code_of(known) in {"serial_known_as", "serial_taken"}
    # Other registers issue numbers of their own; but not with the letters of this one.
    bought(session, two.stored_id, "2025-0101", "2025-0110", "vcs")
    with pytest.raises(Invalid) as foreign:
        bought(session, two.stored_id, "CCER-2025-0111", "CCER-2025-0112", "vcs")
    assert code_of(foreign) == "serial_of_other_registry"
    assert broken(session) == {}


def took_back(session: Session, lot: OffsetLot, by: int | None = None) -> None:
    """Take a lot back as its institution, or as another one."""
    lot_withdrawal.withdraw(
        session,
        institution_id=by or lot.institution_id,
        public_id=lot.public_id,
        reason="填错",
        acting_user=SYSTEM,
        now=NOW,
    )


def test_what_was_taken_back_can_come_in_again(app: Flask, session: Session) -> None:
    one, two = school(session), school(session, "第二小学")
    ccer = bought(session, one.stored_id, "CCER-2025-1", "CCER-2025-900000", count=900_000)
    tree = issued(session, one.stored_id, LotKind.AFFORESTATION, 500, origin="plantation:1:2025")
    paper = bought(session, one.stored_id, "GEC1", "GEC5", "gec")
    with pytest.raises(NotFound):
        took_back(session, ccer, two.stored_id)
    for lot in (ccer, tree, paper):
        took_back(session, lot)
        with pytest.raises(Conflict) as gone:
            took_back(session, lot)
        assert code_of(gone) == "lot_not_held"
    # Its grams are where they came from, each number is free, and the row says why.
    assert books(session, one.account_id, LedgerKind.INSTITUTION) == 0
    assert (ccer.status, ccer.withdrawn_reason, ccer.withdrawn_by_city) == (
        *("withdrawn", "填错", False),
    )
    assert bought(session, two.stored_id, "ccer 2025 7", "ccer 2025 8").amount_g == 2_000_000
    issued(session, one.stored_id, LotKind.AFFORESTATION, 50, origin="plantation:1:2025")
    again = bought(session, one.stored_id, "CCER-2025-1", "CCER-2025-6")
    assert lots.held(session, institution_id=one.stored_id)[-1] is again
    # What was split, used, or came from somebody's account stays.
    _first, rest = lots.split(
        session, lot_id=again.stored_id, serials=2, acting_user=SYSTEM, now=NOW
    )
    for lot, code in (
        (again, "lot_not_held"),
        (rest, "lot_is_a_part"),
        (issued(session, one.stored_id, LotKind.POOL, 5), "lot_from_others"),
    ):
        with pytest.raises(Conflict) as stays:
            took_back(session, lot)
        assert code_of(stays) == code
    assert broken(session) == {}


def test_certificates_reduce_power_and_nothing_else(session: Session) -> None:
    place = school(session)
    lot = bought(session, place.stored_id, "GEC0001", "GEC0012", "gec")
    # 12 certificates of May 2025: 12,000 kWh until 31 May 2027, no grams anywhere.
    assert (lot.amount_kwh, lot.amount_g, lot.valid_until) == (12_000, 0, date(2027, 5, 31))
    assert books(session, place.account_id, LedgerKind.INSTITUTION) == 0
    assert retiring.choose(session, institution_id=place.stored_id, need_g=1, on=TODAY) == []
    for purpose in (Purpose.STATEMENT_YEAR, Purpose.EVENT):
        with pytest.raises(Invalid) as refused:
            retired(session, place.stored_id, [lot.stored_id], purpose)
        assert code_of(refused) == "certificate_is_no_reduction"
    with pytest.raises(Conflict) as late:
        bought(session, place.stored_id, "OLD1", "OLD2", "gec", produced_on=date(2024, 2, 1))
    assert code_of(late) == "certificate_expired"
    retired(session, place.stored_id, [lot.stored_id], Purpose.POWER_LINE)
    (gone,) = retiring.retired_for(session, purpose=Purpose.POWER_LINE, purpose_id=1)
    assert (gone.serial_first, gone.serial_last, gone.amount_kwh) == ("GEC0001", "GEC0012", 12_000)
    # A reduction is no certificate either, and what has expired is used for nothing.
    grams = bought(session, place.stored_id, "C1", "C1")
    with pytest.raises(Invalid):
        retired(session, place.stored_id, [grams.stored_id], Purpose.POWER_LINE)
    old = issued(session, place.stored_id, LotKind.POOL, 10, valid_until=TODAY - timedelta(days=1))
    with pytest.raises(Conflict) as expired:
        retired(session, place.stored_id, [old.stored_id], Purpose.EVENT)
    assert code_of(expired) == "lot_expired"
    # Only the statement that the certificates would have been retired for is missing.
    assert set(broken(session)) == {"N2"}


def test_the_order_of_use_is_that_of_policy(session: Session) -> None:
    place = school(session)
    arranged = [
        issued(session, place.stored_id, LotKind.AFFORESTATION, 500),
        bought(session, place.stored_id, "V1", "V3", "vcs"),
        bought(session, place.stored_id, "C1", "C2"),
        issued(session, place.stored_id, LotKind.POOL, 300),
        issued(session, place.stored_id, LotKind.GIFT, 200, valid_until=TODAY),
        issued(session, place.stored_id, LotKind.POOL, 50, valid_until=TODAY - timedelta(days=1)),
        issued(session, place.stored_id, LotKind.FLEET, 100),
    ]
    forest, other, ccer, pool, gift, _expired, fleet = arranged
    # 100 own + 200 (ends first) + 300 local + 2 t + 500 national, then a tonne of the others.
    chosen = retiring.choose(session, institution_id=place.stored_id, need_g=3_000_000, on=TODAY)
    assert [(choice.lot.id, choice.take_g) for choice in chosen] == [
        (fleet.id, 100),
        (gift.id, 200),
        (pool.id, 300),
        (ccer.id, 2_000_000),
        (forest.id, 500),
        (other.id, 1_000_000),
    ]
    assert [choice.why.rank.code for choice in chosen] == [
        *("own", "local", "local", "national", "national", "others")
    ]
    assert [choice.why.is_part for choice in chosen] == [False] * 5 + [True]
    # A maximum is one: of numbers that do not fit below it none is taken, of later ones that do
    # as many as fit. 600 g of the first three leave 1,999,500 g: one tonne, 500 g of trees.
    for most_g, taken in (
        (0, []),
        (450, [100, 200, 150]),
        (1_000_599, [100, 200, 300, 500]),
        (2_000_100, [100, 200, 300, 1_000_000, 500]),
        (10**9, [100, 200, 300, 2_000_000, 500, 1_000_000]),
    ):
        fitting = retiring.choose(
            session, institution_id=place.stored_id, need_g=3_000_000, on=TODAY, most_g=most_g
        )
        assert [choice.take_g for choice in fitting] == taken
    # What is used in part is split first; only what was chosen goes.
    ids = retiring.set_apart(session, choices=chosen, acting_user=SYSTEM, now=NOW)
    retired(session, place.stored_id, ids, Purpose.EVENT, 7)
    gone = retiring.retired_for(session, purpose=Purpose.EVENT, purpose_id=7)
    assert [item.amount_g for item in gone] == [100, 200, 300, 2_000_000, 500, 1_000_000]
    assert (gone[-1].serial_first, gone[-1].serial_last) == ("V1", "V1")
    (rest,) = [lot for lot in lots.held(session, institution_id=place.stored_id) if lot.parent_id]
    assert (rest.first_number, rest.last_number, rest.amount_g) == ("V2", "V3", 2_000_000)
    assert books(session, place.account_id, LedgerKind.INSTITUTION) == 2_000_050
    # The fleet's lot of this test was taken from nobody's records.
    assert set(broken(session)) == {"A5"}
    # More is needed than there is: everything usable, and the caller sees that it is less.
    rest_of_all = retiring.choose(session, institution_id=place.stored_id, need_g=10**9, on=TODAY)
    assert sum(choice.take_g for choice in rest_of_all) == 2_000_000


def test_a_lot_is_retired_once_and_by_its_owner(session: Session) -> None:
    place, stranger = school(session), school(session, "第二小学")
    lot = issued(session, place.stored_id, LotKind.POOL, 1_000)
    with pytest.raises(NotFound) as foreign:
        retired(session, stranger.stored_id, [lot.stored_id], Purpose.EVENT)
    assert code_of(foreign) == "unknown_lot"
    whole, rest = lots.split(
        session, lot_id=lot.stored_id, serials=400, acting_user=SYSTEM, now=NOW
    )
    assert (whole.amount_g, rest.amount_g) == (400, 600)
    assert (whole.last_number[-4:], rest.first_number[-4:]) == ("0400", "0401")
    for gone in (lot, whole):
        if gone is whole:
            retired(session, place.stored_id, [whole.stored_id], Purpose.EVENT, 3)
        with pytest.raises(Conflict) as twice:
            retired(session, place.stored_id, [gone.stored_id], Purpose.STATEMENT_YEAR)
        assert code_of(twice) == "lot_not_held"
        with pytest.raises(Conflict):
            lots.split(session, lot_id=gone.stored_id, serials=1, acting_user=SYSTEM, now=NOW)
    for count in (0, 600):
        with pytest.raises(Invalid) as outside:
            lots.split(session, lot_id=rest.stored_id, serials=count, acting_user=SYSTEM, now=NOW)
        assert code_of(outside) == "split_inside"
    # One that cannot go keeps the others: all or nothing.
    with pytest.raises(Conflict):
        retired(session, place.stored_id, [rest.stored_id, whole.stored_id], Purpose.EVENT)
    session.expire_all()
    assert session.get_one(OffsetLot, rest.stored_id).status == LotStatus.HELD
    assert broken(session) == {}


def test_what_a_lot_was_made_from_makes_one_lot(app: Flask, session: Session) -> None:
    place, other = school(session), school(session, "第二小学")
    lot = issued(session, place.stored_id, LotKind.POOL, 10, origin="pool:1")
    lots.split(session, lot_id=lot.stored_id, serials=5, acting_user=SYSTEM, now=NOW)
    with pytest.raises(Conflict) as refused:
        issued(session, other.stored_id, LotKind.POOL, 10, origin="pool:1")
    assert code_of(refused) == "lot_made_before"
    assert broken(session) == {}
