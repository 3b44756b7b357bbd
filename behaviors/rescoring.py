"""Past records scored again under a corrected rule: proposed, approved by somebody else, booked.

A record keeps what it was scored with on its day. What a re-scoring changes stands beside it as
an adjustment, and a person's differences together are one adjusting transfer a unit. What cannot
be taken back because it was spent becomes a debt (see `behaviors.debts`).
"""

import secrets
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors import rescore_books, rule_queries, totals
from behaviors.intake import subjects
from behaviors.models import Behavior, RuleVersion
from behaviors.preview.engine import load_drafts, selection_of
from behaviors.preview.history import Progress, read_history
from behaviors.preview.outlooks import outlook_of
from behaviors.preview.reading import READERS, snapshot
from behaviors.preview.result import current_policy, version_result
from behaviors.preview.worth import Outlook, scored_slices
from behaviors.rule_models import RecordAdjustment, Rescore, RescoreLine
from behaviors.rule_services import APPROVERS, EDITORS, check_reason
from behaviors.rulebook import PUBLISHED, RuleBook
from carbonaccount import audit, bulk
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.messages.services import Outgoing, send_many

ASKED, FAILED = "asked", "failed"
PROPOSED, APPROVED, BOOKED, REFUSED = "proposed", "approved", "booked", "refused"
OPEN = (ASKED, PROPOSED, APPROVED)
MESSAGE_KIND = "rescore"
_ADJUSTED = ("counted_milli", "g_before", "credits_before", "difference_g", "difference_credits")


class Differences(NamedTuple):
    """What a re-scoring would change: a row a record, and what an approver is shown."""

    adjustments: pl.DataFrame
    shown: dict[str, object]


def propose(
    session: Session,
    *,
    behavior: str,
    rule_version_id: int,
    first_day: date,
    last_day: date,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> Rescore:
    """Work out what the past days of a behaviour come to under a published version of its rule.

    Stores the difference of each record and person, and what an approver should see; books
    nothing. Sees what is committed, not what this session has changed. Raises what `ask` raises,
    and Conflict (rescore_changes_nothing, rescore_changes_others when records of other behaviours
    would count otherwise).
    """
    rescore = ask(
        session,
        behavior=behavior,
        rule_version_id=rule_version_id,
        first_day=first_day,
        last_day=last_day,
        reason=reason,
        acting_user=acting_user,
        now=now,
    )
    engine = session.get_bind()
    assert isinstance(engine, Engine), "the session is bound to an engine"
    store(session, rescore, differences(engine, rescore, business_day(now)))
    return rescore


def ask(
    session: Session,
    *,
    behavior: str,
    rule_version_id: int,
    first_day: date,
    last_day: date,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> Rescore:
    """Ask for a proposal to be worked out, which takes a while (see `rescore_work`).

    Raises Refused (role_missing), NotFound (unknown_behavior, unknown_rule_version), Invalid
    (reason_needed, rescore_days unless all days are over), Conflict (rescore_unpublished,
    rescore_open when another one of the behaviour is not done with).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    check_reason(reason)
    if not first_day <= last_day < business_day(now):
        raise Invalid("rescore_days", field="last_day")
    found = rule_queries.find_behavior(session, behavior)
    _check_version(session, found, rule_version_id)
    rescore = Rescore(
        public_id=secrets.token_urlsafe(12),
        behavior_id=found.id or 0,
        rule_version_id=rule_version_id,
        first_day=first_day,
        last_day=last_day,
        status=ASKED,
        reason=reason,
        proposed_by=staff_id,
        proposed_at=now,
    )
    session.add(rescore)
    session.flush()  # The rows of its differences name it.
    _audit(session, "rescore.propose", rescore, acting_user, now, reason)
    return rescore


def _check_version(session: Session, behavior: Behavior, rule_version_id: int) -> None:
    version = session.get(RuleVersion, rule_version_id)
    if version is None or version.behavior_id != behavior.id:
        raise NotFound("unknown_rule_version", id=rule_version_id)
    if version.status not in PUBLISHED:
        raise Conflict("rescore_unpublished")
    waiting = session.exec(
        select(Rescore.id).where(
            col(Rescore.behavior_id) == behavior.id, col(Rescore.status).in_(OPEN)
        )
    ).first()
    if waiting is not None:
        raise Conflict("rescore_open")


def differences(
    engine: Engine,
    rescore: Rescore,
    today: date,
    progress: Progress = lambda _done, _total: None,
) -> Differences:
    """Return what every record would come to; reads only. `progress` may raise to end it.

    Raises Conflict (rescore_changes_nothing, rescore_changes_others).
    """
    # SQLite's readers could only begin together while nobody writes, and a caller may.
    with snapshot(engine, readers=1 if is_sqlite(engine) else READERS) as sessions:
        reader, book = sessions[0], RuleBook.load(sessions[0])
        drafts = load_drafts(reader, book, rescore.behavior_id, [rescore.rule_version_id])
        selection = selection_of(drafts, rescore.first_day, rescore.last_day)
        history = read_history(sessions, selection, drafts, progress=progress)
        outlook = outlook_of(reader, history, drafts[0], book)
        if outlook.elsewhere.records:
            raise Conflict("rescore_changes_others", records=outlook.elsewhere.records)
        frames = list(_changed(outlook))
        if not frames:
            raise Conflict("rescore_changes_nothing")
        shown = version_result(reader, outlook, book=book, policy=current_policy(reader, today))
        return Differences(pl.concat(frames), shown)


def _changed(outlook: Outlook) -> Iterator[pl.DataFrame]:
    """Yield the records that come to something else than now."""
    history = outlook.history
    for scored in scored_slices(outlook):
        part = scored.part
        g_before, before = history.grams[part], history.credits[part]
        rows = np.flatnonzero((scored.grams != g_before) | (scored.credits != before))
        if rows.size:
            yield pl.DataFrame(
                {
                    "record_id": history.ids[part][rows],
                    "account_id": history.people.ids[history.persons[part][rows]],
                    "counted_milli": scored.counted[rows],
                    "g_before": g_before[rows],
                    "credits_before": before[rows],
                    "difference_g": (scored.grams - g_before)[rows],
                    "difference_credits": (scored.credits - before)[rows],
                }
            )


def store(session: Session, rescore: Rescore, found: Differences) -> None:
    """Write the differences down, a record and a person; now somebody else may approve them."""
    adjustments, rescore.difference = found
    rescore.status = PROPOSED
    session.add(rescore)
    session.flush()
    of_rescore = pl.lit(rescore.id, pl.Int64).alias("rescore_id")
    table: Any = RecordAdjustment.__table__  # type: ignore[attr-defined]
    bulk.insert_frame(
        session, table, adjustments.select(of_rescore, "record_id", "account_id", *_ADJUSTED)
    )
    lines = adjustments.group_by("account_id").agg(
        pl.len().cast(pl.Int64).alias("records"),
        pl.col("difference_g").sum(),
        pl.col("difference_credits").sum(),
    )
    table = RescoreLine.__table__  # type: ignore[attr-defined]
    nothing = [
        pl.lit(0).alias(name) for name in ("debt_g", "debt_credits", "paid_g", "paid_credits")
    ]
    ids = pl.Series("id", bulk.next_ids(session, table, lines.height))
    lines = lines.sort("account_id").select(ids, of_rescore, pl.all(), *nothing)
    bulk.insert_frame(session, table, lines)


def approve(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Rescore:
    """Approve a proposal; Refused (role_missing; own_rescore for whoever proposed it), Conflict
    (rescore_not_in_state).
    """
    rescore = _decided(session, public_id, APPROVED, acting_user, now)
    _audit(session, "rescore.approve", rescore, acting_user, now, None)
    return rescore


def refuse(
    session: Session, *, public_id: str, reason: str, acting_user: Actor, now: datetime
) -> Rescore:
    """Turn a proposal down; raises what `approve` raises, and Invalid (reason_needed)."""
    check_reason(reason)
    rescore = _decided(session, public_id, REFUSED, acting_user, now)
    _audit(session, "rescore.refuse", rescore, acting_user, now, reason)
    return rescore


def _decided(
    session: Session, public_id: str, status: str, acting_user: Actor, now: datetime
) -> Rescore:
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    rescore = locked(session, public_id)
    if rescore.status != PROPOSED:
        raise Conflict("rescore_not_in_state", status=rescore.status)
    if rescore.proposed_by == staff_id:
        raise Refused("own_rescore")
    rescore.status, rescore.decided_by, rescore.decided_at = status, staff_id, now
    return rescore


def withdraw(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Rescore:
    """Take a re-scoring back before it is booked, for instance because it is outdated.

    One that is being worked out stops.

    Raises Refused (role_missing), Conflict (rescore_not_in_state).
    """
    require_role(session, acting_user=acting_user, roles=EDITORS | APPROVERS)
    rescore = locked(session, public_id)
    if rescore.status not in OPEN:
        raise Conflict("rescore_not_in_state", status=rescore.status)
    rescore.status = REFUSED
    _audit(session, "rescore.withdraw", rescore, acting_user, now, None)
    return rescore


def book(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Rescore:
    """Book an approved re-scoring: adjusting transfers, debts, and a message to each person.

    Everything or nothing, and once: booking again changes nothing. Raises Refused
    (role_missing), Conflict (rescore_not_in_state; rescore_outdated when a record of it has come
    to something else since it was proposed - withdraw it and propose anew).
    """
    require_role(session, acting_user=acting_user, roles=EDITORS | APPROVERS)
    rescore = locked(session, public_id)
    if rescore.status == BOOKED:
        return rescore
    if rescore.status != APPROVED:
        raise Conflict("rescore_not_in_state", status=rescore.status)
    lines = rescore_books.lines_of(session, rescore)
    subjects.lock_accounts(session, lines["account_id"])
    outdated = rescore_books.outdated_records(session, rescore)
    if outdated:
        raise Conflict("rescore_outdated", records=outdated)
    lines = rescore_books.post(session, lines, now=now)
    totals.mark_days(session, rescore_books.days_of(session, rescore))
    rescore.status, rescore.booked_at, rescore.error = BOOKED, now, None
    session.flush()  # Written before the raw statements of whoever comes next.
    _tell(session, rescore, lines, now)
    _audit(session, "rescore.book", rescore, acting_user, now, None)
    return rescore


def ask_again(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Rescore:
    """Let a re-scoring be worked out once more, after the process that did so died.

    Raises Refused (role_missing), Conflict (rescore_not_in_state).
    """
    require_role(session, acting_user=acting_user, roles=EDITORS | APPROVERS)
    rescore = locked(session, public_id)
    if rescore.status != ASKED:
        raise Conflict("rescore_not_in_state", status=rescore.status)
    rescore.records_done, rescore.records_total = 0, None
    return rescore


def ask_booking(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> Rescore:
    """Note that an approved re-scoring is to be booked, which takes a while.

    Raises Refused (role_missing), Conflict (rescore_not_in_state).
    """
    require_role(session, acting_user=acting_user, roles=EDITORS | APPROVERS)
    rescore = locked(session, public_id)
    if rescore.status != APPROVED:
        raise Conflict("rescore_not_in_state", status=rescore.status)
    rescore.booking_asked_at, rescore.error = now, None
    return rescore


def _tell(session: Session, rescore: Rescore, lines: pl.DataFrame, now: datetime) -> None:
    """Send each person what changed: the sentence is made when it is read."""
    behavior = session.get_one(Behavior, rescore.behavior_id)
    texts: Any = behavior.texts
    period = {
        "behavior": behavior.code,
        "name_zh": texts["zh"]["name"],
        "name_en": texts["en"]["name"],
        "first_day": rescore.first_day.isoformat(),
        "last_day": rescore.last_day.isoformat(),
    }
    amounts = (
        "records",
        "g_before",
        "g_after",
        "credits_before",
        "credits_after",
        "debt_g",
        "debt_credits",
    )
    outgoing = [
        Outgoing(row["account_id"], rescore.public_id, {**period, **{n: row[n] for n in amounts}})
        for row in lines.iter_rows(named=True)
    ]
    send_many(session, kind=MESSAGE_KIND, outgoing=outgoing, now=now)


def find_rescore(session: Session, *, public_id: str) -> Rescore:
    """Return a re-scoring. Raises NotFound (unknown_rescore)."""
    found = session.exec(select(Rescore).where(col(Rescore.public_id) == public_id[:64])).first()
    if found is None:
        raise NotFound("unknown_rescore")
    return found


def locked(session: Session, public_id: str) -> Rescore:
    """Return a re-scoring that nobody else decides on at the same time."""
    find_rescore(session, public_id=public_id)
    return session.exec(
        select(Rescore)
        .where(col(Rescore.public_id) == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _audit(
    session: Session,
    action: str,
    rescore: Rescore,
    acting_user: Actor,
    now: datetime,
    reason: str | None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"rescore:{rescore.public_id}",
        now=now,
        reason=reason,
    )
