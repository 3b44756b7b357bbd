"""The officer's side of a recognition: each criterion accepted or sent back, then the decision.

What was granted can be revoked with a reason, and its last day corrected.
"""

from datetime import date, datetime

from sqlmodel import Session

from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.institutions.applications import OFFICERS
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.recognition import lines_of, locked_case, scheme_of
from carbonaccount.institutions.recognition_models import (
    AnswerStatus,
    CaseStatus,
    RecognitionAnswer,
    RecognitionCase,
)
from carbonaccount.institutions.trail import note, read_reason, tell_owners

MOST_YEARS = 10


def judge(
    session: Session,
    *,
    case_id: str,
    criterion: str,
    accepted: bool,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Accept a criterion, or send it back with a reason.

    Raises Refused (role_missing), NotFound, Invalid (reason_length), Conflict
    (recognition_not_submitted).
    """
    staff_id, case = _submitted(session, case_id, acting_user)
    scheme_of(case).criterion(criterion)
    row = session.get_one(RecognitionAnswer, (case.stored_id, criterion), populate_existing=True)
    row.status = AnswerStatus.ACCEPTED if accepted else AnswerStatus.RETURNED
    row.reason = "" if accepted else read_reason(reason)
    row.reviewed_by = staff_id
    session.flush()
    action = "recognition.accept" if accepted else "recognition.send_back"
    _note(session, case, action, acting_user, now, reason=row.reason or None, criterion=criterion)


def send_back(session: Session, *, case_id: str, acting_user: Actor, now: datetime) -> None:
    """Give an application back so that the criteria sent back are mended.

    Raises what `judge` raises, Conflict (criteria_unjudged, nothing_sent_back).
    """
    _staff_id, case = _submitted(session, case_id, acting_user)
    statuses = _judged(session, case)
    if AnswerStatus.RETURNED not in statuses:
        raise Conflict("nothing_sent_back")
    case.status = CaseStatus.RETURNED
    session.flush()
    _tell(session, case, "recognition_returned", now)
    _note(session, case, "recognition.return", acting_user, now)


def grant(
    session: Session,
    *,
    case_id: str,
    valid_until: date | None,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Grant a recognition from today until a day; an earlier one of its kind ends with it.

    Raises what `judge` raises, Conflict (criteria_unjudged, criteria_not_accepted), Invalid
    (recognition_validity).
    """
    staff_id, case = _submitted(session, case_id, acting_user)
    if set(_judged(session, case)) != {AnswerStatus.ACCEPTED}:
        raise Conflict("criteria_not_accepted")
    today = business_day(now)
    valid_until = _read_last_day(valid_until, today, today)
    case.status = CaseStatus.GRANTED
    case.valid_from, case.valid_until = today, valid_until
    case.decided_by, case.decided_at = staff_id, now
    session.flush()
    _tell(session, case, "recognition_granted", now)
    _note(session, case, "recognition.grant", acting_user, now, until=valid_until.isoformat())


def refuse(
    session: Session, *, case_id: str, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Refuse a recognition with a reason. Raises what `judge` raises."""
    reason = read_reason(reason)
    staff_id, case = _submitted(session, case_id, acting_user)
    case.status, case.decision = CaseStatus.REFUSED, reason
    case.decided_by, case.decided_at = staff_id, now
    session.flush()
    _tell(session, case, "recognition_refused", now)
    _note(session, case, "recognition.refuse", acting_user, now, reason=reason)


def correct(
    session: Session,
    *,
    case_id: str,
    valid_until: date | None,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Correct until when a granted recognition holds; the owners are told.

    Raises Refused (role_missing), NotFound, Conflict (recognition_not_granted), Invalid
    (reason_length, recognition_validity: it ends after today, to end it now it is revoked).
    """
    reason = read_reason(reason)
    _staff_id, case = _granted(session, case_id, acting_user)
    until = _read_last_day(valid_until, business_day(now), case.valid_from or business_day(now))
    before, case.valid_until = case.valid_until, until
    session.flush()
    _tell(session, case, "recognition_corrected", now, until=until.isoformat())
    days = {"before": str(before), "until": until.isoformat()}
    _note(session, case, "recognition.correct", acting_user, now, reason=reason, **days)


def revoke(
    session: Session, *, case_id: str, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Revoke a granted recognition with a reason that everybody reads; the owners are told.

    Raises Refused (role_missing), NotFound, Conflict (recognition_not_granted), Invalid
    (reason_length).
    """
    reason = read_reason(reason)
    staff_id, case = _granted(session, case_id, acting_user)
    case.status = CaseStatus.REVOKED
    case.revoked_by, case.revoked_at, case.revoked_reason = staff_id, now, reason
    session.flush()
    _tell(session, case, "recognition_revoked", now)
    _note(session, case, "recognition.revoke", acting_user, now, reason=reason)


def _granted(session: Session, case_id: str, acting_user: Actor) -> tuple[int, RecognitionCase]:
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    case = locked_case(session, public_id=case_id)
    if case.status != CaseStatus.GRANTED:
        raise Conflict("recognition_not_granted")
    return staff_id, case


def _read_last_day(day: date | None, today: date, granted_on: date) -> date:
    if day is None or not today < day <= _years_later(granted_on, MOST_YEARS):
        raise Invalid("recognition_validity", field="valid_until", years=MOST_YEARS)
    return day


def _submitted(session: Session, case_id: str, acting_user: Actor) -> tuple[int, RecognitionCase]:
    """Return who decides, always staff and so never who sent it in, and the locked case."""
    staff_id = require_role(session, acting_user=acting_user, roles=OFFICERS)
    case = locked_case(session, public_id=case_id)
    if case.status != CaseStatus.SUBMITTED:
        raise Conflict("recognition_not_submitted")
    return staff_id, case


def _judged(session: Session, case: RecognitionCase) -> list[str]:
    statuses = [line.answer.status for line in lines_of(session, case=case)]
    if AnswerStatus.OPEN in statuses:
        raise Conflict("criteria_unjudged", count=statuses.count(AnswerStatus.OPEN))
    return statuses


def _years_later(day: date, years: int) -> date:
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year + years, day=28 if is_leap_day else day.day)


def _tell(
    session: Session, case: RecognitionCase, kind: str, now: datetime, **params: object
) -> None:
    tell_owners(
        session,
        session.get_one(Institution, case.institution_id),
        kind,
        cause=f"recognition:{case.public_id}",
        now=now,
        case=case.public_id,
        scheme=case.scheme,
        version=case.scheme_version,
        **params,
    )


def _note(
    session: Session,
    case: RecognitionCase,
    action: str,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
    **details: object,
) -> None:
    institution = session.get_one(Institution, case.institution_id)
    note(
        session,
        institution,
        action,
        acting_user=acting_user,
        now=now,
        reason=reason,
        case=case.public_id,
        **details,
    )
