"""Reading the life of rules: versions in every state, their notes, their factors."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from behaviors.announcements import KINDS
from behaviors.models import Behavior, EmissionFactor, RuleStatus, RuleVersion
from behaviors.rule_models import RuleNote, RulePreview, WorkStatus
from behaviors.rulebook import PublishedRule
from behaviors.scoring import Rule
from carbonaccount.clock import business_day
from carbonaccount.errors import NotFound
from carbonaccount.messages import queries as messages
from carbonaccount.messages.models import Announcement
from carbonaccount.policy.queries import work_calendar

UNPUBLISHED = (RuleStatus.DRAFT, RuleStatus.IN_REVIEW)
WRITING_STEPS = ("drafted", "edited")


def find_behavior(session: Session, code: str) -> Behavior:
    """Return a behaviour; raises NotFound (unknown_behavior)."""
    found = session.exec(select(Behavior).where(col(Behavior.code) == code)).first()
    if found is None:
        raise NotFound("unknown_behavior", behavior=code[:64])
    return found


def find_version(session: Session, rule_version_id: int) -> RuleVersion:
    """Return a rule version in any state; raises NotFound (unknown_rule_version)."""
    found = session.get(RuleVersion, rule_version_id)
    if found is None:
        raise NotFound("unknown_rule_version")
    return found


def rule_of(version: RuleVersion) -> Rule:
    """Return the rule that a version holds."""
    return Rule.from_definition(version.definition)


def versions_of(session: Session, behavior_id: int) -> list[RuleVersion]:
    """Return a behaviour's versions in every state, the newest first."""
    return list(
        session.exec(
            select(RuleVersion)
            .where(col(RuleVersion.behavior_id) == behavior_id)
            .order_by(col(RuleVersion.version).desc())
        ).all()
    )


def unpublished(session: Session) -> list[tuple[RuleVersion, Behavior]]:
    """Return what waits for a person: versions in review first, then drafts, oldest first."""
    rows = session.exec(
        select(RuleVersion, Behavior)
        .join(Behavior, col(Behavior.id) == col(RuleVersion.behavior_id))
        .where(col(RuleVersion.status).in_(UNPUBLISHED))
        .order_by(col(RuleVersion.status).desc(), col(RuleVersion.id))
    )
    return list(rows.all())


def notes_of(session: Session, rule_version_id: int) -> list[RuleNote]:
    """Return what people said and did to a version, in order."""
    return list(
        session.exec(
            select(RuleNote)
            .where(col(RuleNote.rule_version_id) == rule_version_id)
            .order_by(col(RuleNote.id))
        ).all()
    )


def writers_of(session: Session, version: RuleVersion) -> frozenset[int]:
    """Return the ids of everybody who drafted or edited a version; they cannot approve it."""
    written = session.exec(
        select(col(RuleNote.staff_id)).where(
            col(RuleNote.rule_version_id) == version.id,
            col(RuleNote.step).in_(WRITING_STEPS),
        )
    ).all()
    return frozenset(
        staff_id for staff_id in (*written, version.drafted_by) if staff_id is not None
    )


def last_written_at(session: Session, version: RuleVersion) -> datetime:
    """Return when the words of a version were last changed."""
    written = session.exec(
        select(col(RuleNote.happened_at))
        .where(col(RuleNote.rule_version_id) == version.id, col(RuleNote.step).in_(WRITING_STEPS))
        .order_by(col(RuleNote.id).desc())
        .limit(1)
    ).first()
    return written or version.created_at


def finished_previews(session: Session, version: RuleVersion) -> list[RulePreview]:
    """Return the finished previews of a version as it is worded now, the newest first."""
    rows = session.exec(
        select(RulePreview)
        .where(
            col(RulePreview.behavior_id) == version.behavior_id,
            col(RulePreview.status) == WorkStatus.DONE,
            # One that was asked for before the last edit looked at other words.
            col(RulePreview.asked_at) >= last_written_at(session, version),
        )
        .order_by(col(RulePreview.id).desc())
    ).all()
    return [row for row in rows if version.id in row.rule_version_ids]


def earliest_day(session: Session, *, now: datetime) -> date:
    """Return the first day on which a change decided now may take effect: the next working day."""
    return work_calendar(session).next_workday(business_day(now))


def is_covered_from(entries: Iterable[PublishedRule], day: date) -> bool:
    """Return whether some version holds on each day from a day on, without an end."""
    reached = day
    for entry in sorted(entries, key=lambda item: item.valid_from):
        if entry.valid_from > reached:
            return False
        if entry.last_day is None:
            return True
        reached = max(reached, entry.last_day + timedelta(days=1))
    return False


def announcements_about(session: Session, *, behavior: str, day: date) -> list[Announcement]:
    """Return what is announced about a behaviour on a day, the newest first."""
    told = messages.announcements_on(session, day, kinds=KINDS)
    return [item for item in told if item.params["behavior"] == behavior]


def find_factor(session: Session, factor_id: int) -> EmissionFactor:
    """Return a version of an emission factor; raises NotFound (unknown_factor_version)."""
    found = session.get(EmissionFactor, factor_id)
    if found is None:
        raise NotFound("unknown_factor_version")
    return found


def factor_versions(session: Session, code: str) -> list[EmissionFactor]:
    """Return a factor's versions in every state, the newest first."""
    return list(
        session.exec(
            select(EmissionFactor)
            .where(col(EmissionFactor.code) == code)
            .order_by(col(EmissionFactor.version).desc())
        ).all()
    )


def factor_on(session: Session, code: str, day: date) -> EmissionFactor:
    """Return the version of a factor that holds on a day; the oldest also serves earlier days.

    Raises NotFound (unknown_factor) when there is none in force.
    """
    active = [item for item in factor_versions(session, code) if item.status == "active"]
    if not active:
        raise NotFound("unknown_factor", factor=code[:64])
    active.sort(key=lambda item: (item.valid_from or date.min, item.version))
    begun = [item for item in active if (item.valid_from or date.min) <= day]
    return begun[-1] if begun else active[0]
