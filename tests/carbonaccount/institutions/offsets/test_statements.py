"""The life of a statement, with a year worked out by hand.

Petrol 1,000 l x 2.179 = 2,179 kg; power (10,000 - 2,000) kWh x 0.6410 = 5,128 kg; heat
100 GJ x 110 = 11,000 kg; together 18,307 kg. Five certificates cover 5,000 kWh: 3,205 kg off.
15,102 kg are left: 102 kg of a pool and 15 t of CCER make them good to the gram.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound, Refused
from carbonaccount.institutions import (
    inventory,
    inventory_lines,
    lot_withdrawal,
    neutrality,
    statement_checks,
    statement_completeness,
    statement_content,
    statement_drafts,
    statement_lots,
    statement_uncertainty,
    statements,
)
from carbonaccount.institutions.inventory_entries import Entry
from carbonaccount.institutions.models import Institution, Seat
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementGap
from carbonaccount.institutions.neutrality_states import (
    NeutralityState,
    neutrality_states,
    public_lines,
)
from carbonaccount.institutions.offset_models import LotKind, OffsetLot
from carbonaccount.institutions.statement_checks import Printed, Verdict
from carbonaccount.institutions.statement_rows import locked_account
from carbonaccount.institutions.statement_uncertainty import Stated
from carbonaccount.ledger.models import LedgerKind
from carbonaccount.sealing import printed_number
from tests.carbonaccount.institutions.offsets.arranging import (
    NOW,
    books,
    bought,
    broken,
    issued,
    locked_year,
    officer,
    outcome,
    person_at,
    school,
)


class Stage(NamedTuple):
    """A school with a locked year, its people, and the city's officer."""

    place: Institution
    owner: Actor
    clerk: Actor
    officer: Actor


@pytest.fixture
def stage(app: Flask, session: Session) -> Stage:
    """A school whose 2025 is locked, with five certificates, 102 kg of a pool, 20 t of CCER."""
    place = school(session)
    owner, clerk = person_at(session, place, Seat.OWNER), person_at(session, place, Seat.CLERK)
    locked_year(session, place, owner, clerk)
    bought(session, place.stored_id, "GEC0001", "GEC0005", "gec")
    issued(session, place.stored_id, LotKind.POOL, 102_000, origin="pool:1")
    bought(session, place.stored_id, "CCER-1", "CCER-20")
    return Stage(place, owner, clerk, officer(app, session))


def drafted(session: Session, stage: Stage) -> NeutralityStatement:
    """Draft the statement of 2025."""
    return statements.draft(
        session,
        institution=stage.place,
        year=2025,
        account_id=stage.clerk.id or 0,
        acting_user=stage.clerk,
        now=NOW,
    )


def picked(
    session: Session,
    row: NeutralityStatement,
    stage: Stage,
    certificates: int | None = None,
    offset_g: int | None = None,
) -> None:
    """Pick lots by policy."""
    statements.pick(
        session,
        statement=row,
        certificates=certificates,
        offset_g=offset_g,
        acting_user=stage.clerk,
        now=NOW,
    )


def stated(
    session: Session,
    row: NeutralityStatement,
    stage: Stage,
    sure: Stated,
    factor: str = "fuel.petrol",
) -> None:
    """State the uncertainty of a factor."""
    statement_uncertainty.state(
        session,
        statement=row,
        factor_code=factor,
        stated=sure,
        account_id=stage.clerk.id or 0,
        acting_user=stage.clerk,
        now=NOW,
    )


def took_over(session: Session, row: NeutralityStatement, stage: Stage, key: str) -> None:
    """Take over what is suggested for petrol."""
    statement_uncertainty.accept(
        session,
        statement=row,
        factor_code="fuel.petrol",
        key=key,
        account_id=stage.clerk.id or 0,
        acting_user=stage.clerk,
        now=NOW,
    )


def published(app: Flask, session: Session, row: NeutralityStatement, stage: Stage) -> None:
    """Send a draft through review to the public."""
    statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
    statements.review(session, statement=row, reason="已核对", acting_user=stage.officer, now=NOW)
    statements.publish(
        session,
        statement=row,
        account_id=stage.owner.id or 0,
        vault=app.extensions["carbonaccount.vault"],
        acting_user=stage.owner,
        now=NOW,
    )


def corrected(session: Session, stage: Stage, entry: Entry) -> None:
    """Correct the inventory of 2025 by one more line."""
    newest = inventory.find(session, institution_id=stage.place.stored_id, year=2025)
    inventory.correct(session, inventory=newest, reason="漏记", acting_user=stage.clerk, now=NOW)
    at_work = inventory.at_work(session, institution_id=stage.place.stored_id, year=2025)
    inventory_lines.add_line(
        session, inventory=at_work, entry=entry, acting_user=stage.clerk, now=NOW
    )
    inventory.submit(session, inventory=at_work, acting_user=stage.clerk, now=NOW)
    inventory.lock(session, inventory=at_work, acting_user=stage.owner, now=NOW)
    session.flush()


def code(refused: pytest.ExceptionInfo[DomainError]) -> str:
    """Return the code of a refusal."""
    return refused.value.code


def test_a_year_by_hand_from_draft_to_public(app: Flask, session: Session, stage: Stage) -> None:
    neutrality.write_measure(
        session,
        institution=stage.place,
        content=neutrality.MeasureContent(2025, "power", "换灯", 900_000, 850_000, "电表"),
        acting_user=stage.clerk,
        now=NOW,
    )
    row = drafted(session, stage)
    picked(session, row, stage)
    said = statements.preview(session, row)
    assert said["account"] == {
        "direct_g": 2_179_000,
        "power_g": 5_128_000,
        "heat_g": 11_000_000,
        "total_g": 18_307_000,
        "optional_g": 1_680,
    }
    assert said["balance"] == {
        "emissions_g": 18_307_000,
        "certificates_kwh": 5_000,
        "covered_kwh": "5000",
        "power_reduction_g": 3_205_000,
        "after_power_g": 15_102_000,
        "offsets_g": 15_102_000,
        "remaining_g": 0,
        "neutral": True,
    }
    # Petrol is metered without a file (B), power is estimated (D), heat computed (C).
    assert said["evidence_g"] == {"B": 2_179_000, "C": 11_000_000, "D": 5_128_000}
    assert [(item["code"], item["value"], item["grade"]) for item in said["factors"]][:2] == [
        ("fuel.petrol", "2.179", "B"),
        ("grid.shandong", "0.6410", "B"),
    ]
    assert all(item["source"] for item in said["factors"])
    assert said["factors"][0]["source_zh"] == "JS/T 303-2026 表 A.1"
    pool, ccer = said["offsets"]
    assert (pool["kind"], pool["rank"], pool["amount_g"]) == ("pool", 2, 102_000)
    assert (ccer["rank"], ccer["first"], ccer["last"]) == (3, "CCER-1", "CCER-15")
    published(app, session, row, stage)
    assert row.is_neutral
    assert (row.emissions_g, row.after_power_g, row.offsets_g, row.remaining_g) == (
        *(18_307_000, 15_102_000, 15_102_000, 0),
    )
    assert statements.newer_inventory(session, row) is None
    # In the books: the pool and 15 of 20 t are gone, 5 t are left.
    assert books(session, stage.place.account_id, LedgerKind.INSTITUTION) == 5_000_000
    content = statement_content.read(row.content)
    assert (content["reviewer"], content["published_on"]) == ("Olga", "2026-03-10")
    assert content["measures"][0]["achieved_g"] == 850_000
    # The digest is the SHA-256 of what is said, which anybody can work out.
    assert row.digest == statement_content.digest_of(row.content)
    assert broken(session) == {}
    states = {(item.kind, item.state): item.institutions for item in neutrality_states(session)}
    assert states == {("school", NeutralityState.NEUTRAL): 1}
    assert [line.institution.id for line in public_lines(session)] == [stage.place.id]
    # Water is in no total: corrected, and still covered to the gram.
    corrected(session, stage, Entry(1, "water.supply", "10", "m3"))
    found = public_lines(session)[0]
    assert found.correction is not None
    assert (found.correction.short_g, found.state) == (0, NeutralityState.NEUTRAL)
    # 100 l of petrol more are 217.9 kg that nothing makes good: nobody counts it as neutral.
    corrected(session, stage, Entry(1, "fuel.petrol", "100", "L"))
    found = public_lines(session)[0]
    assert found.correction is not None
    assert (found.correction.version, found.correction.short_g) == (3, 217_900)
    assert found.state is NeutralityState.CORRECTED_SHORT
    states = {(item.kind, item.state): item.institutions for item in neutrality_states(session)}
    assert states == {("school", NeutralityState.ON_THE_WAY): 1}


def power_of(session: Session, stage: Stage, year: int, *entries: Entry) -> None:
    """Lock a year of some lines."""
    inventory.open_year(
        session, institution=stage.place, year=year, acting_user=stage.clerk, now=NOW
    )
    at_work = inventory.at_work(session, institution_id=stage.place.stored_id, year=year)
    for entry in entries:
        inventory_lines.add_line(
            session, inventory=at_work, entry=entry, acting_user=stage.clerk, now=NOW
        )
    inventory.submit(session, inventory=at_work, acting_user=stage.clerk, now=NOW)
    inventory.lock(session, inventory=at_work, acting_user=stage.owner, now=NOW)


def test_a_year_that_is_not_whole_is_explained_or_stays_a_draft(
    app: Flask, session: Session, stage: Stage
) -> None:
    who: dict[str, Any] = {"account_id": stage.owner.id or 0, "acting_user": stage.owner}
    new: dict[str, Any] = {"institution": stage.place, **who, "now": NOW}
    # Water is in no total: there is nothing to be neutral about. Neither is nothing taken.
    power_of(session, stage, 2023, Entry(1, "water.supply", "5", "m3"))
    power_of(session, stage, 2022, Entry(0, "grid.shandong", "0", "kWh"))
    for year in (2022, 2023):
        with pytest.raises(Conflict) as nothing:
            statements.draft(session, year=year, **new)
        assert code(nothing) == "inventory_nothing_counted"
    # January of electricity, February is 0; heat of one winter month more than the law's; petrol.
    lines = [Entry(1, "grid.shandong", "1500", "kWh"), Entry(2, "grid.shandong", "0", "kWh")]
    heat = [Entry(month, "heat.purchased", "9", "GJ") for month in (1, 2, 3, 4, 11)]
    power_of(session, stage, 2024, *lines, *heat, Entry(5, "fuel.petrol", "10", "L"))
    row = statements.draft(session, year=2024, **new)
    picked(session, row, stage)
    gaps = statements.preview(session, row)["completeness"]["gaps"]
    assert [(gap["factor"], gap["months"], gap["reason"]) for gap in gaps] == [
        ("grid.shandong", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], ""),
        ("heat.purchased", [12], ""),
    ]
    power, winter = (str(gap["key"]) for gap in gaps)

    def explain(key: str, reason: str = "二月起停用", is_sworn: bool = True) -> None:
        statement_completeness.explain(
            session, statement=row, key=key, reason=reason, is_sworn=is_sworn, **who, now=NOW
        )

    for refusal, key, changes in (
        ("unknown_gap", "no_power|||", {}),
        ("gap_not_sworn", power, {"is_sworn": False}),
        ("reason_length", power, {"reason": " "}),
    ):
        with pytest.raises(DomainError) as refused:
            explain(key, **changes)
        assert code(refused) == refusal
    explain(winter, "十二月由新的供热单位计入一月")
    with pytest.raises(Conflict) as open_still:
        statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
    assert (code(open_still), open_still.value.params["count"]) == ("statement_gaps_open", 1)
    explain(power)
    statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
    said = statement_content.read(row.content)["completeness"]["gaps"]
    assert [(gap["reason"], gap["explained_on"]) for gap in said] == [
        ("二月起停用", "2026-03-10"),
        ("十二月由新的供热单位计入一月", "2026-03-10"),
    ]
    # What was said of other months does not answer for these; nor is it changed under review.
    with pytest.raises(Conflict):
        explain(power)
    statements.take_back(session, statement=row, acting_user=stage.clerk, now=NOW)
    session.get_one(StatementGap, (row.stored_id, power)).gap = power.replace("2,3,", "3,")
    session.flush()
    with pytest.raises(Conflict):
        statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
    # A draft that is given up takes its explanations along.
    statement_drafts.discard(session, statement=row, acting_user=stage.clerk, now=NOW)
    assert session.exec(select(StatementGap)).all() == []
    # Without electricity altogether somebody swears that there was none.
    power_of(session, stage, 2021, Entry(0, "heat.purchased", "9", "GJ"))
    row = statements.draft(session, year=2021, **new)
    assert [gap["key"] for gap in statements.preview(session, row)["completeness"]["gaps"]] == [
        "no_power|||"
    ]
    # Nor does a year of green power alone come to nothing without a word.
    green = Entry(0, "grid.shandong", "100", "kWh", green_power="100")
    power_of(session, stage, 2020, green)
    account = locked_account(session, stage.place, 2020)
    assert [gap.key for gap in statement_completeness.gaps_of(account)] == ["no_emission|||"]
    # What was confirmed before anybody asked is not published either.
    row.status = "reviewed"
    session.flush()
    with pytest.raises(Conflict) as unasked:
        statements.publish(
            session, statement=row, vault=app.extensions["carbonaccount.vault"], **who, now=NOW
        )
    assert code(unasked) == "statement_gaps_open"


def test_a_gram_short_is_not_neutral(app: Flask, session: Session, stage: Stage) -> None:
    row = drafted(session, stage)
    picked(session, row, stage, certificates=4, offset_g=15_102_000)
    # 4,000 kWh take 2,564 kg off; 15,743 kg are left, of which 15,102 kg are made good.
    balance = statements.preview(session, row)["balance"]
    assert (balance["after_power_g"], balance["offsets_g"]) == (15_743_000, 15_102_000)
    assert (balance["remaining_g"], balance["neutral"]) == (641_000, False)
    # Picking again puts back what was picked; the whole is the whole again.
    picked(session, row, stage)
    assert statements.preview(session, row)["balance"]["remaining_g"] == 0
    picked(session, row, stage, certificates=0, offset_g=0)
    assert statement_lots.lots_of(session, row).all == []
    published(app, session, row, stage)
    assert (row.is_neutral, row.status) == (False, "published")
    states = {item.state for item in neutrality_states(session)}
    assert states == {NeutralityState.ON_THE_WAY}
    assert broken(session) == {}


def test_every_step_has_its_place_and_person(app: Flask, session: Session, stage: Stage) -> None:
    with pytest.raises(Conflict) as none:
        statements.draft(
            session,
            institution=stage.place,
            year=2024,
            account_id=stage.clerk.id or 0,
            acting_user=stage.clerk,
            now=NOW,
        )
    assert code(none) == "statement_needs_inventory"
    row = drafted(session, stage)
    with pytest.raises(Conflict) as twice:
        drafted(session, stage)
    assert code(twice) == "statement_exists"
    for step in (statements.review, statements.send_back):
        with pytest.raises(Refused):
            step(session, statement=row, reason="好的", acting_user=stage.owner, now=NOW)
        with pytest.raises(Conflict) as early:
            step(session, statement=row, reason="好的", acting_user=stage.officer, now=NOW)
        assert code(early) == "statement_not_in_state"
    picked(session, row, stage)
    statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
    with pytest.raises(Conflict):
        picked(session, row, stage)
    with pytest.raises(Invalid) as mute:
        statements.send_back(session, statement=row, reason=" ", acting_user=stage.officer, now=NOW)
    assert code(mute) == "reason_length"
    statements.send_back(
        session, statement=row, reason="缺少佐证", acting_user=stage.officer, now=NOW
    )
    assert (row.status, row.returned_reason, row.content) == ("draft", "缺少佐证", "")
    statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
    # A correction of the inventory makes what is in review old: it can only be sent back.
    read: dict[str, Any] = {
        "digest": row.digest,
        "reason": "已核对",
        "acting_user": stage.officer,
        "now": NOW,
    }
    corrected(session, stage, Entry(1, "water.supply", "1", "m3"))
    with pytest.raises(Conflict) as old:
        statements.review(session, statement=row, **read)
    assert (code(old), row.status) == ("inventory_changed", "in_review")
    assert statements.newer_inventory(session, row) == 2
    statements.send_back(
        session, statement=row, reason="清单已更正", acting_user=stage.officer, now=NOW
    )
    statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
    # What the officer read was taken back and sent in anew in between.
    with pytest.raises(Conflict) as unread:
        statements.review(session, statement=row, **read)
    assert code(unread) == "statement_not_in_state"
    statements.review(session, statement=row, **{**read, "digest": row.digest})
    # And what was reviewed.
    corrected(session, stage, Entry(1, "fuel.petrol", "1", "L"))
    with pytest.raises(Conflict) as changed:
        statements.publish(
            session,
            statement=row,
            account_id=stage.owner.id or 0,
            vault=app.extensions["carbonaccount.vault"],
            acting_user=stage.owner,
            now=NOW,
        )
    assert code(changed) == "inventory_changed"
    assert statements.newer_inventory(session, row) == 3
    statements.take_back(session, statement=row, acting_user=stage.clerk, now=NOW)
    assert row.status == "draft"
    assert broken(session) == {}


def test_withdrawn_lots_stay_used_and_count_for_the_next(
    app: Flask, session: Session, stage: Stage
) -> None:
    vault = app.extensions["carbonaccount.vault"]
    first = drafted(session, stage)
    picked(session, first, stage)
    stated(session, first, stage, Stated(300, "小票", 400, "检测"))
    published(app, session, first, stage)
    said = Printed(18_307_000, 15_102_000, date(2026, 3, 10))
    number = printed_number(first.public_id).lower()

    def verdict(printed: Printed) -> tuple[Verdict, tuple[str, ...]]:
        found = statement_checks.check(session, number=number, printed=printed, vault=vault)
        return found.verdict, found.differing

    assert verdict(said) == (Verdict.GENUINE, ())
    assert verdict(Printed()) == (Verdict.EXISTS, ())
    assert verdict(Printed(18_307_100)) == (
        Verdict.DIFFERS,
        ("total",),
    )
    assert verdict(Printed(18_307_000, 15_102_001, date(2026, 3, 11))) == (
        Verdict.DIFFERS,
        ("offset", "date"),
    )
    assert (
        statement_checks.check(session, number="NOSUCH", printed=said, vault=vault).verdict
        is Verdict.UNKNOWN
    )
    statements.withdraw(
        session, statement=first, reason="漏报一处", acting_user=stage.owner, now=NOW
    )
    assert verdict(said) == (Verdict.WITHDRAWN, ())
    assert verdict(Printed(1)) == (Verdict.DIFFERS, ("total",))
    # The next statement of the year stands on the lots that are gone, and needs no others.
    second = drafted(session, stage)
    assert second.revision == 1
    # What the last statement stated is offered, and counts for nothing until it is taken.
    offered = statement_uncertainty.suggestions(
        session, statement=second, factor_code="fuel.petrol"
    )
    assert [(item.key, item.year) for item in offered] == [("before", 2025), ("ipcc_fuel", None)]
    assert statement_uncertainty.stated_of(session, second) == {}
    for key, activity in (("before", 300), ("ipcc_fuel", 500)):
        took_over(session, second, stage, key)
        taken = statement_uncertainty.stated_of(session, second)["fuel.petrol"]
        assert (taken.activity, taken.factor, taken.factor_basis) == (activity, 400, "检测")
    with pytest.raises(NotFound):
        took_over(session, second, stage, "meter_1")
    picked(session, second, stage)
    assert statement_lots.lots_of(session, second).chosen == []
    assert statements.preview(session, second)["balance"]["neutral"]
    published(app, session, second, stage)
    with pytest.raises(Conflict) as fixed:
        stated(session, second, stage, Stated(300, "小票"))
    assert code(fixed) == "statement_not_in_state"
    assert books(session, stage.place.account_id, LedgerKind.INSTITUTION) == 5_000_000
    assert broken(session) == {}
    # One changed digit in what we keep shows itself.
    second.content = second.content.replace("18307000", "18307001")
    session.flush()
    found = statement_checks.check(session, number=second.public_id, printed=Printed(), vault=vault)
    assert found.verdict is Verdict.ALTERED


def test_two_statements_do_not_share_a_lot(app: Flask, session: Session, stage: Stage) -> None:
    locked_year(session, stage.place, stage.owner, stage.clerk, year=2024)
    rows = [drafted(session, stage)]
    rows.append(
        statements.draft(
            session,
            institution=stage.place,
            year=2024,
            account_id=stage.clerk.id or 0,
            acting_user=stage.clerk,
            now=NOW,
        )
    )
    # What came about in 2025 makes nothing good of 2024.
    picked(session, rows[1], stage)
    assert statement_lots.lots_of(session, rows[1]).chosen == []
    everything = session.exec(select(OffsetLot)).all()
    for lot in everything:
        lot.vintage = 2024
    session.flush()
    for row in rows:
        picked(session, row, stage)
        statements.submit(session, statement=row, acting_user=stage.clerk, now=NOW)
        statements.review(
            session, statement=row, reason="已核对", acting_user=stage.officer, now=NOW
        )
    session.commit()
    engine, vault = app.extensions["carbonaccount.engine"], app.extensions["carbonaccount.vault"]
    ids, owner = [row.id for row in rows], stage.owner

    def go(statement_id: int | None) -> str:
        return outcome(
            engine,
            lambda session: statements.publish(
                session,
                statement=session.get_one(NeutralityStatement, statement_id),
                account_id=owner.id or 0,
                vault=vault,
                acting_user=owner,
                now=NOW,
            ),
        )

    session.rollback()
    with ThreadPoolExecutor(2) as pool:
        assert Counter(pool.map(go, ids)) == {"done": 1, "lot_not_held": 1}
    session.expire_all()
    assert len(session.exec(select(OffsetLot).where(col(OffsetLot.status) == "retired")).all()) == 3
    assert broken(session) == {}
    # What a statement chose is not taken back; the officer takes it out of a draft.
    chosen = bought(
        session, stage.place.stored_id, "CCER-21", "CCER-40", produced_on=date(2024, 1, 1)
    )
    waiting = session.exec(
        select(NeutralityStatement).where(col(NeutralityStatement.status) == "reviewed")
    ).one()
    statements.take_back(session, statement=waiting, acting_user=SYSTEM, now=NOW)
    picked(session, waiting, stage)
    assert chosen.id in {lot.id for lot in statement_lots.lots_of(session, waiting).chosen}
    who: Any = {"public_id": chosen.public_id, "reason": "属于别的单位", "now": NOW}
    with pytest.raises(Conflict) as kept:
        lot_withdrawal.withdraw(
            session, institution_id=chosen.institution_id, acting_user=stage.owner, **who
        )
    assert (code(kept), kept.value.params["year"]) == ("lot_chosen", waiting.year)
    with pytest.raises(Refused):
        lot_withdrawal.withdraw_as_officer(session, acting_user=stage.owner, **who)
    statements.submit(session, statement=waiting, acting_user=stage.clerk, now=NOW)
    with pytest.raises(Conflict) as sent_in:
        lot_withdrawal.withdraw_as_officer(session, acting_user=stage.officer, **who)
    assert code(sent_in) == "lot_in_review"
    statements.send_back(
        session, statement=waiting, reason="批次有误", acting_user=stage.officer, now=NOW
    )
    lot_withdrawal.withdraw_as_officer(session, acting_user=stage.officer, **who)
    assert chosen.id not in {lot.id for lot in statement_lots.lots_of(session, waiting).chosen}
    assert broken(session) == {}
    # What expires between review and publication is not used either.
    lot = issued(session, stage.place.stored_id, LotKind.POOL, 5, valid_until=date(2026, 3, 10))
    lot.vintage = 2024
    picked(session, waiting, stage)
    assert lot in statement_lots.lots_of(session, waiting).chosen
    with pytest.raises(Conflict) as late:
        statements.submit(
            session, statement=waiting, acting_user=SYSTEM, now=NOW + timedelta(days=1)
        )
    assert code(late) == "lot_expired"
    # Nor is what a draft of before this rule chose from a later year.
    lot.vintage = 2026
    session.flush()
    with pytest.raises(Conflict) as later:
        statements.submit(session, statement=waiting, acting_user=SYSTEM, now=NOW)
    assert code(later) == "lot_of_later_year"
