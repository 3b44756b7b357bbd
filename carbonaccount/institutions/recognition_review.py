"""The officer's side of a recognition: each criterion accepted or sent back, then the decision."""

from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from carbonaccount.accounts.models import District
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.institutions.applications import OFFICERS
from carbonaccount.institutions.models import (
    Institution,
    InstitutionStatus,
)
from carbonaccount.institutions.recognition import lines_of, locked_case, scheme_of
from carbonaccount.institutions.recognition_models import (
    AnswerStatus,
    CaseStatus,
    RecognitionAnswer,
    RecognitionCase,
)
from carbonaccount.institutions.trail import note, read_reason, tell_owners

MOST_YEARS = 10


class Recognised(NamedTuple):
    """A recognition in force with who has it."""

    case: RecognitionCase
    institution: Institution
    district: District | None


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
    if valid_until is None or not today < valid_until <= _years_later(today, MOST_YEARS):
        raise Invalid("recognition_validity", field="valid_until", years=MOST_YEARS)
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


def _tell(session: Session, case: RecognitionCase, kind: str, now: datetime) -> None:
    tell_owners(
        session,
        session.get_one(Institution, case.institution_id),
        kind,
        cause=f"recognition:{case.public_id}",
        now=now,
        case=case.public_id,
        scheme=case.scheme,
        version=case.scheme_version,
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


def recognised(
    session: Session, *, on: date, scheme: str = "", district: str = ""
) -> list[Recognised]:
    """Return the recognitions in force on a day, by scheme and name, one per institution and kind.

    Of two that overlap the one that holds longer is told.
    """
    wanted = (
        sa.select(RecognitionCase, Institution, District)
        .join(Institution, col(Institution.id) == col(RecognitionCase.institution_id))
        .outerjoin(District, col(District.code) == col(Institution.district_code))
        .where(
            col(RecognitionCase.status) == CaseStatus.GRANTED,
            col(RecognitionCase.valid_from) <= on,
            col(RecognitionCase.valid_until) >= on,
            col(Institution.status) == InstitutionStatus.ACTIVE,
        )
        .order_by(
            col(RecognitionCase.scheme), col(Institution.name_zh), col(RecognitionCase.valid_until)
        )
    )
    if scheme:
        wanted = wanted.where(col(RecognitionCase.scheme) == scheme)
    if district:
        wanted = wanted.where(col(Institution.district_code) == district)
    rows = [Recognised(*row) for row in session.execute(wanted)]
    return list({(row.case.scheme, row.institution.id): row for row in rows}.values())
