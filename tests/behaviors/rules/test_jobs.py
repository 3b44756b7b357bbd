"""The daily jobs of rules: once a day however often they are tried."""

from datetime import UTC, date, datetime

from sqlmodel import Session

import behaviors.jobs  # noqa: F401 - it registers them, whichever test runs first
from behaviors.models import RuleStatus
from carbonaccount.scheduler import jobs, run_once
from tests.behaviors.rules.drafts import TUESDAY, Office, scheduled, status

# 2026-03-03 00:05 in Jining.
TUESDAY_MORNING = datetime(2026, 3, 2, 16, 5, tzinfo=UTC)


def test_rules_are_activated_once_a_day(session: Session, office: Office) -> None:
    version_id = scheduled(session, office)
    first = run_once(session, name="activate-rules", period=TUESDAY, now=TUESDAY_MORNING)
    assert first == "activated=1 superseded=1"
    assert status(session, version_id) is RuleStatus.ACTIVE
    session.flush()
    again = run_once(session, name="activate-rules", period=TUESDAY, now=TUESDAY_MORNING)
    assert again == "already done: activated=1 superseded=1"


def test_a_missed_day_made_up_for_later_does_not_turn_time_back(
    session: Session, office: Office
) -> None:
    version_id = scheduled(session, office)
    run_once(session, name="activate-rules", period=TUESDAY, now=TUESDAY_MORNING)
    run_once(session, name="activate-rules", period=date(2026, 3, 1), now=TUESDAY_MORNING)
    assert status(session, version_id) is RuleStatus.ACTIVE


def test_they_run_after_midnight() -> None:
    hours = {job.name: (job.hour, job.minute) for job in jobs()}
    assert hours["activate-rules"] == (0, 5)
    assert hours["release-late-records"] == (0, 15)


def test_late_records_have_a_job(session: Session) -> None:
    done = run_once(session, name="release-late-records", period=TUESDAY, now=TUESDAY_MORNING)
    assert done == "records=0"
