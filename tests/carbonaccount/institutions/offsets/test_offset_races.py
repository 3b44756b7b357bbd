"""Many hands at once: a number comes in once, goes once, and shares never exceed the whole."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account
from carbonaccount.audit import SYSTEM
from carbonaccount.institutions import (
    afforestation,
    attribution,
    attribution_lots,
    lot_withdrawal,
    people,
    retiring,
)
from carbonaccount.institutions.afforestation import Planted
from carbonaccount.institutions.models import Institution, InstitutionPerson, Seat
from carbonaccount.institutions.offset_models import (
    AttributionTake,
    OffsetLot,
    Purpose,
    SharedSource,
)
from carbonaccount.ledger.models import LedgerKind
from carbonaccount.racing import committed
from tests.behaviors.intake.arranging import admit, bring, item, open_person
from tests.carbonaccount.institutions.offsets.arranging import (
    NOW,
    books,
    bought,
    broken,
    outcome,
    paper,
    school,
    seat,
)

HANDS = 8
# One number in as many ways as there are hands.
WRITTEN = (
    *("CCER-2025-{:06d}", "ccer 2025 {}", "No.CCER.2025.{:04d}", "2025/{}"),
    *("CCER2025{:06d}", "ＣＣＥＲ＿２０２５＿{:03d}", "CCER—02025—{}", "ccer 2O25 OO{}"),
)
LATER = datetime(2026, 4, 1, 4, tzinfo=UTC)


def test_one_number_and_one_wood_are_registered_by_one_institution(
    app: Flask, session: Session
) -> None:
    places = [school(session, f"第{number}小学").stored_id for number in range(HANDS)]
    session.commit()
    engine = app.extensions["carbonaccount.engine"]
    start = Barrier(HANDS)

    def register(place_id: int) -> str:
        start.wait()
        # Ranges that all overlap in number 100, and otherwise differ.
        place = places.index(place_id)
        return outcome(
            engine,
            lambda session: bought(
                session,
                place_id,
                WRITTEN[place].format(90 + place),
                WRITTEN[place].format(100 + place),
            ),
        )

    with ThreadPoolExecutor(HANDS) as pool:
        found = Counter(pool.map(register, places))
    assert found.pop("done") == 1
    assert found.pop("serial_taken", 0) + found.pop("serial_known_as", 0) == HANDS - 1
    assert not found
    _numbers_change_hands(app, session, places)
    schools = list(session.exec(select(Institution).order_by(col(Institution.id))))
    session.expunge_all()
    session.rollback()

    def plant(number: int) -> str:
        start.wait()
        # The same wood in eight spellings, each with a paper of its own.
        planted = Planted("南四湖" + "。" * number, "国槐", 40, 8, date(2019, 3, 12))
        return outcome(
            engine,
            lambda session: afforestation.plant(
                session,
                institution=schools[number],
                planted=planted,
                paper=paper(str(number)),
                acting_user=SYSTEM,
                now=NOW,
            ),
        )

    with ThreadPoolExecutor(HANDS) as pool:
        found = Counter(pool.map(plant, range(HANDS)))
    assert found == {"done": 1, "plantation_known": HANDS - 1}
    assert broken(session) == {}


def _numbers_change_hands(app: Flask, session: Session, places: list[int]) -> None:
    """While the one that holds the numbers takes them back, all the others want them."""
    lot = session.exec(select(OffsetLot)).one()
    owner, number, first = lot.institution_id, lot.public_id, lot.first_number
    session.rollback()
    engine = app.extensions["carbonaccount.engine"]
    start = Barrier(HANDS)

    def act(place_id: int) -> str:
        start.wait()
        if place_id != owner:
            return outcome(engine, lambda session: bought(session, place_id, first, first))
        return outcome(
            engine,
            lambda session: lot_withdrawal.withdraw(
                session,
                institution_id=owner,
                public_id=number,
                reason="填错",
                acting_user=SYSTEM,
                now=NOW,
            ),
        )

    with ThreadPoolExecutor(HANDS) as pool:
        found = dict(zip(places, pool.map(act, places), strict=True))
    assert found.pop(owner) == "done"
    counted = Counter(found.values())
    assert counted.pop("done", 0) <= 1
    assert set(counted) <= {"serial_taken"}


def test_one_lot_is_retired_once(app: Flask, session: Session) -> None:
    place = school(session)
    lots = [bought(session, place.stored_id, f"C{n}0", f"C{n}4").stored_id for n in range(2, 5)]
    session.commit()
    # Read once: after a rollback the row would ask its session, which then holds SQLite's lock.
    place_id, owner = place.stored_id, place.account_id
    engine = app.extensions["carbonaccount.engine"]
    start = Barrier(HANDS)

    def go(number: int) -> str:
        start.wait()
        # Pairs of lots in both orders, for two purposes.
        pair = [lots[number % 3], lots[(number + 1) % 3]][:: 1 if number % 2 else -1]
        purpose = Purpose.EVENT if number % 2 else Purpose.STATEMENT_YEAR
        return outcome(
            engine,
            lambda session: retiring.retire(
                session,
                institution_id=place_id,
                lot_ids=pair,
                purpose=purpose,
                purpose_id=number,
                acting_user=SYSTEM,
                now=NOW,
            ),
        )

    with ThreadPoolExecutor(HANDS) as pool:
        found = Counter(pool.map(go, range(HANDS)))
    # Any two pairs share a lot, so that one goes and all others find it gone.
    assert found == {"done": 1, "lot_not_held": HANDS - 1}
    gone = session.exec(select(OffsetLot).where(col(OffsetLot.status) == "retired")).all()
    assert len(gone) == 2
    assert len({(lot.purpose, lot.purpose_id) for lot in gone}) == 1
    assert books(session, owner, LedgerKind.INSTITUTION) == 5_000_000
    # Statements of a test have no page that names them.
    assert set(broken(session)) <= {"N2"}


def test_shares_never_exceed_the_whole(app: Flask, session: Session) -> None:
    source = admit(session)
    alice = open_person(session, (source, "alice"))
    places = [school(session, f"第{number}小学") for number in range(HANDS)]
    for place in places:
        seat(session, place, alice, Seat.OWNER)
    ids, source_id = [place.stored_id for place in places], source.stored_id
    session.commit()
    engine = app.extensions["carbonaccount.engine"]
    start = Barrier(HANDS)

    def give(place_id: int) -> str:
        start.wait()
        return outcome(
            engine,
            lambda session: attribution.begin(
                session,
                account_id=alice,
                institution_id=place_id,
                source_id=source_id,
                role="staff",
                permille=300,
                statement="同意",
                acting_user=SYSTEM,
                now=NOW,
            ),
        )

    with ThreadPoolExecutor(HANDS) as pool:
        found = Counter(pool.map(give, ids))
    # 3 x 30 % fit into the whole, a fourth does not.
    assert found == {"done": 3, "shares_above_whole": HANDS - 3}
    assert session.exec(select(col(SharedSource.permille))).one() == 900
    assert broken(session) == {}
    # Who gives a share at the moment at which they lose their seat is left with none.
    number = session.get_one(Account, alice).public_id
    session.execute(sa.update(InstitutionPerson).values(seat=Seat.READER))
    session.commit()

    def leave_or_give(hand: int) -> str:
        start.wait()
        place_id = ids[hand // 2]

        def leave(own: Session) -> None:
            people.remove(
                own,
                institution=own.get_one(Institution, place_id),
                person_public_id=number,
                acting_user=SYSTEM,
                now=NOW,
            )

        def give_little(own: Session) -> None:
            attribution.begin(
                own,
                account_id=alice,
                institution_id=place_id,
                source_id=source_id,
                role="staff",
                permille=10,
                statement="同意",
                acting_user=SYSTEM,
                now=NOW,
            )

        return outcome(engine, leave if hand % 2 else give_little)

    with ThreadPoolExecutor(HANDS) as pool:
        left = list(pool.map(leave_or_give, range(HANDS)))
    assert left[1::2] == ["done"] * (HANDS // 2)
    assert set(left[::2]) <= {"done", "share_exists", "unknown_institution"}
    session.rollback()
    # What is left are readers without an owner: this test made them so.
    assert set(broken(session)) == {"U2"}


def test_a_period_is_taken_once_and_by_no_two(app: Flask, session: Session) -> None:
    source = admit(session)
    alice = open_person(session, (source, "alice"))
    places = [school(session, f"第{number}小学") for number in range(2)]
    for place in places:
        seat(session, place, alice, Seat.OWNER)
        attribution.begin(
            session,
            account_id=alice,
            institution_id=place.stored_id,
            source_id=source.stored_id,
            role="staff",
            permille=500,
            statement="同意",
            acting_user=SYSTEM,
            now=NOW,
        )
    bring(
        session,
        source,
        item("one", occurred_at="2026-03-11T08:00:00+08:00"),
        item("two", occurred_at="2026-03-12T08:00:00+08:00"),
        now=LATER,
    )
    ids, source_id = [place.stored_id for place in places], source.stored_id
    session.commit()
    engine = app.extensions["carbonaccount.engine"]
    start = Barrier(HANDS)

    def take(number: int) -> str:
        start.wait()
        # As the pages do: again when another transaction was faster.
        return outcome(
            engine,
            lambda session: committed(
                session,
                lambda session: attribution_lots.make_lot(
                    session,
                    institution_id=ids[number % 2],
                    source_id=source_id,
                    role="staff",
                    first=date(2026, 3, 1),
                    last=date(2026, 3, 31),
                    title="",
                    acting_user=SYSTEM,
                    now=LATER,
                ),
            ),
        )

    with ThreadPoolExecutor(HANDS) as pool:
        found = Counter(pool.map(take, range(HANDS)))
    # Two rides of 146 g, half of them to each: nothing is left, and nothing was taken twice.
    assert found == {"done": 2, "nothing_to_take": HANDS - 2}
    assert session.exec(select(col(AttributionTake.amount_g))).all() == [146, 146]
    assert books(session, alice, LedgerKind.RESIDENT) == 0
    assert broken(session) == {}
