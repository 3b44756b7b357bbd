"""Photos as evidence, looked at by a person: accepted and counted, or declined with a reason."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from behaviors.intake.release import ReleaseResult, decline_held, release_held
from behaviors.models import ActivityRecord, Behavior, EvidencePhoto, RecordStatus
from behaviors.rule_models import EvidenceReview
from carbonaccount import audit
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.messages import services as messages

REVIEWERS = frozenset({Role.REVIEWER})
# In the order of the keys 1 to 6 of the review page.
REASONS = ("not_the_act", "unreadable", "amount_differs", "seen_before", "too_old", "other")
NEEDS_NOTE = "other"
LONGEST_NOTE = 300


def accept(session: Session, *, record_id: int, acting_user: Actor, now: datetime) -> ReleaseResult:
    """Accept a photo: its record counts, and the resident is told what it came to.

    Raises NotFound (nothing_held) when somebody else was quicker, Conflict (behavior_stopped)
    while the behaviour is stopped, Refused for anybody but a reviewer. Does not commit.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=REVIEWERS)
    record = awaiting(session, record_id)
    require_running(session, record)
    result = release_held(session, record_ids=[record_id], acting_user=acting_user, now=now)
    _write(session, record, staff_id=staff_id, accepted=True, acting_user=acting_user, now=now)
    _tell(
        session,
        record,
        kind="review_accepted",
        told={"reduction_g": result.grams, "credits": result.credits},
        now=now,
    )
    return result


def decline(
    session: Session,
    *,
    record_id: int,
    reason_code: str,
    note: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Decline a photo for one of REASONS; the resident reads the reason and the note.

    Raises Invalid (review_reason, review_note), NotFound (nothing_held), Refused. Does not
    commit.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=REVIEWERS)
    note = note.strip()
    if reason_code not in REASONS:
        raise Invalid("review_reason", field="reason")
    if len(note) > LONGEST_NOTE or (reason_code == NEEDS_NOTE and not note):
        raise Invalid("review_note", field="note", limit=LONGEST_NOTE)
    record = awaiting(session, record_id)
    decline_held(session, record_ids=[record_id], acting_user=acting_user, now=now)
    _write(
        session,
        record,
        staff_id=staff_id,
        accepted=False,
        reason_code=reason_code,
        note=note,
        acting_user=acting_user,
        now=now,
    )
    _tell(
        session,
        record,
        kind="review_declined",
        told={"reason": reason_code},
        now=now,
    )


def awaiting(session: Session, record_id: int) -> ActivityRecord:
    """Return a record whose photo waits for a person; raises NotFound (nothing_held)."""
    record = session.get(ActivityRecord, record_id, populate_existing=True)
    if record is None or record.status != RecordStatus.HELD:
        raise NotFound("nothing_held")
    if session.get(EvidencePhoto, record_id) is None:
        raise NotFound("nothing_held")
    return record


def require_running(session: Session, record: ActivityRecord) -> None:
    """Raise Conflict (behavior_stopped) while the record's behaviour is stopped."""
    behavior = session.get_one(Behavior, record.behavior_id)
    if behavior.stopped_at is not None:
        raise Conflict("behavior_stopped", behavior=behavior.code)


def _write(
    session: Session,
    record: ActivityRecord,
    *,
    staff_id: int,
    accepted: bool,
    acting_user: Actor,
    now: datetime,
    reason_code: str = "",
    note: str = "",
) -> None:
    assert record.id is not None
    session.add(
        EvidenceReview(
            record_id=record.id,
            accepted=accepted,
            reason_code=reason_code,
            note=note,
            staff_id=staff_id,
            decided_at=now,
        )
    )
    audit.record(
        session,
        acting_user=acting_user,
        action="review.accept" if accepted else "review.decline",
        subject=f"record:{record.id}",
        now=now,
        reason=reason_code or None,
    )


def _tell(
    session: Session,
    record: ActivityRecord,
    *,
    kind: str,
    told: dict[str, object],
    now: datetime,
) -> None:
    messages.send(
        session,
        account_id=record.account_id,
        kind=kind,
        cause=f"record:{record.id}",
        params=record_params(session, record) | told,
        now=now,
    )


def record_params(session: Session, record: ActivityRecord) -> dict[str, object]:
    """Return what a message says of the record it is about."""
    behavior = session.get_one(Behavior, record.behavior_id)
    texts: Any = behavior.texts
    return {
        "record_id": record.id,
        "behavior": behavior.code,
        "name_zh": texts["zh"]["name"],
        "name_en": texts["en"]["name"],
        "day": record.business_day.isoformat(),
    }
