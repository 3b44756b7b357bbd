"""Shares of sources: who owns which part of an act, and that no gram is counted twice."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, col, select

from behaviors.models import SourceSubject
from carbonaccount.accounts.models import Account
from carbonaccount.accounts.services import withdraw_consent
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.certified import certified_between, certified_free_g
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from carbonaccount.institutions import (
    applications,
    attribution,
    attribution_lots,
    joining,
    people,
)
from carbonaccount.institutions.attribution_jobs import end_shares
from carbonaccount.institutions.models import Seat
from carbonaccount.institutions.offset_models import (
    Attribution,
    AttributionTake,
    LotKind,
    OffsetLot,
    SharedSource,
)
from carbonaccount.ledger.models import LedgerKind
from carbonaccount.messages.models import Message
from rewards import giving
from tests.behaviors.intake.arranging import admit, bring, item, open_person
from tests.carbonaccount.institutions.offsets.arranging import (
    NOW,
    books,
    broken,
    officer,
    person_at,
    school,
    seat,
)

RIDE_G = 146  # 3 km by shared bike: 3 x 48.7 g = 146.1 g, rounded down.
MARCH = date(2026, 3, 1)
LATER = datetime(2026, 4, 1, 4, tzinfo=UTC)


def rides(session: Session, source: object, name: str, evidence: str, *, day: int = 11) -> None:
    """Bring one ride of 146 g a letter, a day apart, in March."""
    bring(
        session,
        source,  # type: ignore[arg-type]
        *(
            item(
                f"{name}-{day + number}",
                subject=name,
                evidence=grade,
                occurred_at=f"2026-03-{day + number:02d}T08:00:00+08:00",
            )
            for number, grade in enumerate(evidence)
        ),
        now=LATER,
    )


def begun(
    session: Session, account_id: int, place_id: int, source_id: int, **changes: object
) -> Attribution:
    """Give a share of 40 % to staff's reductions."""
    values = {"role": "staff", "permille": 400, "statement": "同意", "now": NOW, **changes}
    return attribution.begin(
        session,
        account_id=account_id,
        institution_id=place_id,
        source_id=source_id,
        acting_user=SYSTEM,
        **values,  # type: ignore[arg-type]
    )


def made(session: Session, place_id: int, source_id: int, **changes: object) -> OffsetLot:
    """Make a lot of March."""
    values = {
        "role": "staff",
        "first": MARCH,
        "last": date(2026, 3, 31),
        "title": "三月",
        "now": LATER,
        **changes,
    }
    return attribution_lots.make_lot(
        session,
        institution_id=place_id,
        source_id=source_id,
        acting_user=SYSTEM,
        **values,  # type: ignore[arg-type]
    )


def in_force(session: Session) -> list[Attribution]:
    """Return the shares in force, the oldest first."""
    return list(
        session.exec(
            select(Attribution)
            .where(col(Attribution.last_day).is_(None))
            .order_by(col(Attribution.id))
        )
    )


def refusal(refused: pytest.ExceptionInfo[DomainError]) -> str:
    """Return the code of a refusal."""
    return refused.value.code


def test_the_share_leaves_the_account_and_is_taken_once(app: Flask, session: Session) -> None:
    source, place = admit(session), school(session)
    alice = open_person(session, (source, "alice"))
    seat(session, place, alice, Seat.OWNER)
    share = begun(session, alice, place.stored_id, source.stored_id)
    assert share.first_day == date(2026, 3, 11)
    # On 10 March (not yet shared) A; from 11 March A, B, C (not certified), A.
    rides(session, source, "alice", "AABCA", day=10)
    assert certified_between(
        session, account_ids=[alice], source_id=source.stored_id, first=MARCH, last=LATER.date()
    ) == {alice: 4 * RIDE_G}
    lot = made(session, place.stored_id, source.stored_id)
    # 3 x 146 = 438 g certified; 40 % are 175.2 g, rounded down. The ride with C is not certified.
    assert (lot.kind, lot.amount_g, lot.vintage) == (LotKind.STAFF, 175, 2026)
    (take,) = session.exec(select(AttributionTake)).all()
    assert (take.certified_g, take.permille, take.amount_g) == (438, 400, 175)
    assert books(session, alice, LedgerKind.RESIDENT) == 5 * RIDE_G - 175
    assert books(session, place.account_id, LedgerKind.INSTITUTION) == 175
    # What is left to give: 4 certified rides without what the institution took.
    assert certified_free_g(session, alice) == 4 * RIDE_G - 175
    with pytest.raises(Conflict) as twice:
        made(session, place.stored_id, source.stored_id)
    assert refusal(twice) == "nothing_to_take"
    # Both sides see the same share, source and grams.
    (mine,) = attribution.shares_of(session, account_id=alice)
    (theirs,) = attribution.shares_at(session, institution_id=place.stored_id)
    assert mine == theirs
    assert (mine.taken_g, mine.source.name_zh, mine.attribution.permille) == (175, "来源", 400)
    assert broken(session) == {}


def test_grams_given_away_are_not_there_for_a_share(app: Flask, session: Session) -> None:
    from tests.rewards.giving.arranging import published, two_staff

    source, place = admit(session), school(session)
    alice = open_person(session, (source, "alice"))
    seat(session, place, alice, Seat.OWNER)
    begun(session, alice, place.stored_id, source.stored_id, permille=1000)
    rides(session, source, "alice", "AA")
    editor, approver = two_staff(app, session)
    event = published(session, editor, approver)

    def pledge(grams: int) -> None:
        giving.pledge_grams(
            session,
            account_id=alice,
            beneficiary_id=event.id or 0,
            grams=grams,
            request_key=f"k{grams}",
            statement="同意",
            acting_user=SYSTEM,
            now=LATER,
        )

    pledge(200)
    # 292 g certified, 200 of them pledged: the share of all is 92 g, not 292.
    assert made(session, place.stored_id, source.stored_id).amount_g == 92
    with pytest.raises(Conflict) as short:
        pledge(1)
    assert short.value.params["available"] == 0
    assert books(session, alice, LedgerKind.RESIDENT) == 0
    assert broken(session) == {}


def test_shares_begin_tomorrow_and_end_with_today(app: Flask, session: Session) -> None:
    source, one, two = admit(session), school(session), school(session, "第二小学")
    alice = open_person(session, (source, "alice"))
    for place in (one, two):
        seat(session, place, alice, Seat.OWNER)
    first = begun(session, alice, one.stored_id, source.stored_id, permille=600)
    with pytest.raises(Conflict) as above:
        begun(session, alice, two.stored_id, source.stored_id, permille=401)
    assert (refusal(above), above.value.params["left"]) == ("shares_above_whole", "40")
    with pytest.raises(Conflict) as again:
        begun(session, alice, one.stored_id, source.stored_id, permille=100)
    assert refusal(again) == "share_exists"
    session.commit()
    # Ended on the 12th, which still counts; another may have all from the 13th on.
    ended = NOW + timedelta(days=2)
    with pytest.raises(NotFound):
        attribution.end(
            session, public_id=first.public_id, account_id=0, acting_user=SYSTEM, now=ended
        )
    attribution.end(
        session, public_id=first.public_id, account_id=alice, acting_user=SYSTEM, now=ended
    )
    second = begun(session, alice, two.stored_id, source.stored_id, permille=1000, now=ended)
    assert (first.last_day, second.first_day) == (date(2026, 3, 12), date(2026, 3, 13))
    rides(session, source, "alice", "AAAA")  # 11 to 14 March
    assert made(session, one.stored_id, source.stored_id).amount_g == 2 * RIDE_G * 6 // 10
    assert made(session, two.stored_id, source.stored_id).amount_g == 2 * RIDE_G
    # A consent that is withdrawn by whatever way ends the share.
    withdraw_consent(
        session,
        account_id=alice,
        purpose=attribution.consent_purpose(second.public_id),
        acting_user=SYSTEM,
        now=LATER,
    )
    session.refresh(second)
    assert second.last_day == date(2026, 4, 1)
    with pytest.raises(Conflict) as over:
        attribution.end(
            session, public_id=second.public_id, account_id=alice, acting_user=SYSTEM, now=LATER
        )
    assert refusal(over) == "share_ended"
    assert broken(session) == {}


def test_a_share_needs_a_place_a_source_and_a_consent(session: Session) -> None:
    source, unbound, place = admit(session), admit(session, "buses"), school(session)
    alice = open_person(session, (source, "alice"))
    with pytest.raises(NotFound):
        begun(session, alice, place.stored_id, source.stored_id)
    seat(session, place, alice, Seat.OWNER)
    for changes, code in (
        ({"statement": " "}, "consent_needed"),
        ({"permille": 0}, "share_permille"),
        ({"permille": 1001}, "share_permille"),
        ({"role": "boss"}, "share_role"),
    ):
        with pytest.raises(Invalid) as refused:
            begun(session, alice, place.stored_id, source.stored_id, **changes)
        assert refusal(refused) == code
    with pytest.raises(Invalid) as foreign:
        begun(session, alice, place.stored_id, unbound.stored_id)
    assert refusal(foreign) == "share_source"
    begun(session, alice, place.stored_id, source.stored_id)
    for first, last in ((date(2025, 12, 1), date(2026, 1, 31)), (MARCH, LATER.date())):
        with pytest.raises(Invalid) as period:
            made(session, place.stored_id, source.stored_id, first=first, last=last)
        assert refusal(period) == "share_period"


def test_the_fleet_drives_for_the_institution(session: Session) -> None:
    fleet, place = admit(session, "fleet"), school(session)
    session.add(
        SourceSubject(
            source_id=fleet.stored_id, subject="bus-1", account_id=place.account_id, bound_at=NOW
        )
    )
    session.flush()
    share = attribution.begin_own(
        session, institution=place, source_id=fleet.stored_id, acting_user=SYSTEM, now=NOW
    )
    assert (share.permille, share.role, share.consent_id) == (1000, "fleet", None)
    # What the same source reports of other acts is no new-energy vehicle's: it stays where it is.
    rides(session, fleet, "bus-1", "AA")
    with pytest.raises(Conflict) as none:
        made(session, place.stored_id, fleet.stored_id, role="fleet")
    assert refusal(none) == "nothing_to_take"
    driven = {"behavior": "nev_driving", "activity": {"distance_km": "100"}, "subject": "bus-1"}
    bring(session, fleet, item("km", occurred_at="2026-03-13T08:00:00+08:00", **driven), now=LATER)
    lot = made(session, place.stored_id, fleet.stored_id, role="fleet")
    # 100 km x (0.250 - 0.174 x 0.6191) kg, rounded down.
    assert (lot.kind, lot.amount_g) == (LotKind.FLEET, 14_227)
    assert books(session, place.account_id, LedgerKind.RESIDENT) == 2 * RIDE_G
    attribution.end_by_institution(
        session,
        public_id=share.public_id,
        institution_id=place.stored_id,
        acting_user=SYSTEM,
        now=LATER,
    )
    assert session.exec(select(col(AttributionTake.amount_g))).all() == [14_227]
    assert broken(session) == {}


def test_a_share_ends_with_what_ties_its_giver_to_the_place(app: Flask, session: Session) -> None:
    """By leaving, by losing the seat, by closing; whoever is tied in another way still gives."""
    source, one, two = admit(session), school(session), school(session, "第二小学")
    alice = open_person(session, (source, "alice"))
    owner = person_at(session, one, Seat.OWNER)
    code = joining.renew_code(session, institution=one, acting_user=owner, now=NOW).code
    me = Actor("resident", session.get_one(Account, alice).public_id, alice)
    joining.join(
        session, code=code, team="", agreed=True, notice_text="同意", acting_user=me, now=NOW
    )
    for place in (one, two):
        seat(session, place, alice, Seat.READER)
    own = begun(session, alice, one.stored_id, source.stored_id, permille=600)
    other = begun(session, alice, two.stored_id, source.stored_id, permille=400)
    rides(session, source, "alice", "AAAA")  # 11 to 14 March
    session.commit()
    left = NOW + timedelta(days=3)  # 13 March
    # The seat goes, the membership stands: nothing ends.
    people.remove(session, institution=one, person_public_id=me.ref, acting_user=owner, now=left)
    assert [row.public_id for row in in_force(session)] == [own.public_id, other.public_id]
    joining.leave(session, public_id=one.public_id, acting_user=me, now=left)
    assert (own.last_day, other.last_day) == (date(2026, 3, 12), None)
    # 60 % of the rides of the 11th and 12th stay the school's to take, those after are not.
    assert made(session, one.stored_id, source.stored_id).amount_g == 175
    # What ended is free for the others, and nothing can be begun from outside.
    with pytest.raises(NotFound):
        begun(session, alice, one.stored_id, source.stored_id, permille=1, now=left)
    attribution.end(session, public_id=other.public_id, account_id=alice, acting_user=me, now=left)
    later = begun(session, alice, two.stored_id, source.stored_id, permille=1000, now=left)
    applications.close(
        session, public_id=two.public_id, reason="合并", acting_user=officer(app, session), now=left
    )
    assert later.last_day == date(2026, 3, 12) < later.first_day
    told = sorted(
        (row.account_id == alice, row.kind) for row in session.exec(select(Message)).all()
    )
    assert told == [
        (False, "share_ended_here"),
        (True, "institution_closed"),
        (True, "share_ended"),
        (True, "share_ended"),
    ]
    # A share that was left over from before is ended by the next day's job.
    later.last_day = None
    session.execute(sa.update(SharedSource).values(permille=1000))
    session.flush()
    assert broken(session) == {"A6": 1}
    assert end_shares(session, period=LATER.date(), now=LATER) == "ended=1"
    assert broken(session) == {}
