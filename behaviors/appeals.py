"""Appeals: a resident objects to what became of a record, and another person decides.

A record that was declined or held is counted when the appeal is upheld; one that lost to an
overlap counts beside the other; one that met the cap is counted again within what the cap has
left, because the cap is the same for everybody. What a re-scoring took off is given back by
another re-scoring, which two people decide on, before an appeal about it is upheld.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from behaviors.intake.release import ReleaseResult, count_again, release_held
from behaviors.models import ActivityRecord, RecordStatus
from behaviors.queries import AdjustmentRow, adjustments_of_record
from behaviors.reviews import REVIEWERS, record_params, require_running
from behaviors.rule_models import Appeal, EvidenceReview
from carbonaccount import audit
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.messages import services as messages
from carbonaccount.policy.queries import work_calendar

OPEN, UPHELD, REFUSED = "open", "upheld", "refused"
WORKDAYS = 15
LEAST_TEXT, LONGEST_TEXT = 10, 1000
LONGEST_ANSWER = 500
REDUCED = frozenset({"capped", "overlap"})
_PURPOSE = "appeal"
_NOTHING = ReleaseResult([], 0, 0)


def is_appealable(record: ActivityRecord, adjustments: Sequence[AdjustmentRow]) -> bool:
    """Return whether less of the record counts than its resident reported or once had of it.

    adjustments: what re-scorings changed of the record.
    """
    return counts_for_less(record) or is_taken_back(adjustments)


def counts_for_less(record: ActivityRecord) -> bool:
    """Return whether less of the record was counted than its resident reported."""
    return record.status != RecordStatus.COUNTED or record.outcome in REDUCED


def is_taken_back(adjustments: Sequence[AdjustmentRow]) -> bool:
    """Return whether re-scorings together took something off a record."""
    grams = sum(row.adjustment.difference_g for row in adjustments)
    return grams < 0 or sum(row.adjustment.difference_credits for row in adjustments) < 0


def open_appeal(
    session: Session,
    *,
    account_id: int,
    record_id: int,
    text: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> Appeal:
    """Open an appeal, to be answered within 15 working days; its text is stored sealed.

    Raises NotFound for a record that is not the resident's, Invalid (appeal_text), Conflict:
    nothing_to_appeal, appeal_open, appeal_decided (a refusal is final here). Does not commit.
    """
    record = session.get(ActivityRecord, record_id)
    if record is None or record.account_id != account_id:
        raise NotFound("unknown_record")
    text = text.strip()
    if not LEAST_TEXT <= len(text) <= LONGEST_TEXT:
        raise Invalid("appeal_text", field="text", minimum=LEAST_TEXT, maximum=LONGEST_TEXT)
    if not is_appealable(record, adjustments_of_record(session, record_id=record_id)):
        raise Conflict("nothing_to_appeal")
    _require_first(session, record_id)
    appeal = Appeal(
        account_id=account_id,
        record_id=record_id,
        text_sealed=vault.seal(text, purpose=_PURPOSE),
        status=OPEN,
        opened_at=now,
        due_on=work_calendar(session).add_workdays(business_day(now), WORKDAYS),
    )
    try:
        with session.begin_nested():
            session.add(appeal)
            session.flush()  # The unique key stops a second open appeal here.
    except IntegrityError:
        raise Conflict("appeal_open") from None
    _audit(session, "appeal.open", appeal, acting_user, now)
    return appeal


def _require_first(session: Session, record_id: int) -> None:
    earlier = session.exec(
        select(Appeal.status).where(
            col(Appeal.record_id) == record_id, col(Appeal.status).in_((OPEN, REFUSED))
        )
    ).all()
    if OPEN in earlier:
        raise Conflict("appeal_open")
    if earlier:
        raise Conflict("appeal_decided")


def text_of(appeal: Appeal, *, vault: Vault) -> str:
    """Return what the resident wrote."""
    return vault.open(appeal.text_sealed, purpose=_PURPOSE)


def uphold(
    session: Session, *, appeal_id: int, answer: str, acting_user: Actor, now: datetime
) -> ReleaseResult:
    """Uphold an appeal: the record counts, and the resident gets the answer.

    Raises NotFound, Invalid (appeal_answer), Conflict: appeal_closed, behavior_stopped,
    nothing_to_add, rescored_record (a re-scoring took something off that none gave back);
    Refused (second_person) for whoever decided about the record before. After Conflict the
    caller gives up the transaction. Does not commit.
    """
    appeal = _to_decide(session, appeal_id, answer, acting_user)
    record = session.get_one(ActivityRecord, appeal.record_id, populate_existing=True)
    added = _count(session, record, acting_user=acting_user, now=now)
    _close(session, appeal, UPHELD, answer, acting_user, now)
    _tell(session, appeal, record, {"reduction_g": added.grams, "credits": added.credits}, now)
    return added


def refuse(
    session: Session, *, appeal_id: int, answer: str, acting_user: Actor, now: datetime
) -> None:
    """Refuse an appeal with an answer, which the resident gets. Raises as `uphold` does."""
    appeal = _to_decide(session, appeal_id, answer, acting_user)
    record = session.get_one(ActivityRecord, appeal.record_id)
    _close(session, appeal, REFUSED, answer, acting_user, now)
    _tell(session, appeal, record, {}, now)


def deciders_before(session: Session, record_ids: Collection[int]) -> dict[int, set[int]]:
    """Return for each record the staff who reviewed it or decided an earlier appeal."""
    reviewers = sa.select(col(EvidenceReview.record_id), col(EvidenceReview.staff_id)).where(
        col(EvidenceReview.record_id).in_(record_ids)
    )
    earlier = sa.select(col(Appeal.record_id), col(Appeal.decided_by)).where(
        col(Appeal.record_id).in_(record_ids), col(Appeal.decided_by).is_not(None)
    )
    found: dict[int, set[int]] = {}
    for record_id, staff_id in session.execute(sa.union_all(reviewers, earlier)):
        found.setdefault(record_id, set()).add(staff_id)
    return found


def _to_decide(session: Session, appeal_id: int, answer: str, acting_user: Actor) -> Appeal:
    """Return an open appeal, locked, that this person may decide."""
    staff_id = require_role(session, acting_user=acting_user, roles=REVIEWERS)
    appeal = session.exec(
        select(Appeal)
        .where(col(Appeal.id) == appeal_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if appeal is None:
        raise NotFound("unknown_appeal")
    if appeal.status != OPEN:
        raise Conflict("appeal_closed")
    if not 0 < len(answer.strip()) <= LONGEST_ANSWER:
        raise Invalid("appeal_answer", field="answer", limit=LONGEST_ANSWER)
    before = deciders_before(session, [appeal.record_id])
    if staff_id in before.get(appeal.record_id, set()):
        raise Refused("second_person")
    appeal.decided_by = staff_id
    return appeal


def _count(
    session: Session, record: ActivityRecord, *, acting_user: Actor, now: datetime
) -> ReleaseResult:
    """Count the record as far as it does not count yet."""
    assert record.id is not None
    if not counts_for_less(record):
        if is_taken_back(adjustments_of_record(session, record_id=record.id)):
            raise Conflict("rescored_record")
        return _NOTHING  # It was counted in full while the appeal waited.
    require_running(session, record)
    if record.status == RecordStatus.HELD:
        return release_held(session, record_ids=[record.id], acting_user=acting_user, now=now)
    return count_again(
        session,
        record_id=record.id,
        overlapping=record.outcome != "overlap",
        acting_user=acting_user,
        now=now,
    )


def _close(
    session: Session, appeal: Appeal, status: str, answer: str, acting_user: Actor, now: datetime
) -> None:
    appeal.status = status
    appeal.answer = answer.strip()
    appeal.decided_at = now
    session.add(appeal)
    action = "appeal.uphold" if status == UPHELD else "appeal.refuse"
    _audit(session, action, appeal, acting_user, now)


def _tell(
    session: Session,
    appeal: Appeal,
    record: ActivityRecord,
    told: dict[str, int],
    now: datetime,
) -> None:
    messages.send(
        session,
        account_id=appeal.account_id,
        kind=f"appeal_{appeal.status}",
        cause=f"appeal:{appeal.id}",
        params=record_params(session, record) | told,
        now=now,
    )


def _audit(
    session: Session, action: str, appeal: Appeal, acting_user: Actor, now: datetime
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"appeal:{appeal.id}",
        now=now,
        record=appeal.record_id,
    )
