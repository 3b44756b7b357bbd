"""What the pages about rules read: behaviours with their versions, notes, previews, factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import Behavior, EmissionFactor, RuleStatus, RuleVersion
from behaviors.rule_models import RuleNote, RulePreview
from behaviors.rule_queries import UNPUBLISHED
from behaviors.rulebook import BehaviorInfo, PublishedRule, RuleBook
from carbonaccount.accounts.models import Staff

ON, OFF, STOPPED = "on", "off", "stopped"


@dataclass(frozen=True)
class BehaviorLine:
    """A behaviour with the version that scores today, the next one, and what is being written."""

    info: BehaviorInfo
    active: PublishedRule | None
    scheduled: PublishedRule | None
    drafts: int
    in_review: int

    @property
    def state(self) -> str:
        """on, off or stopped."""
        return state_of(self.info)


class Note(NamedTuple):
    """A step in a version's life, and who took it."""

    note: RuleNote
    staff: Staff | None


class Work(NamedTuple):
    """A version somebody is working on, with its behaviour and who drafted it."""

    row: RuleVersion
    behavior: Behavior
    staff: Staff | None


def state_of(info: BehaviorInfo) -> str:
    """Return whether records of a behaviour count: on, off, or stopped for the time being."""
    if info.stopped:
        return STOPPED
    return ON if info.enabled else OFF


def behavior_lines(session: Session, book: RuleBook, today: date) -> list[BehaviorLine]:
    """Return every behaviour; two statements more than the book, however many there are."""
    counts: dict[tuple[int, str], int] = {
        (behavior_id, status): count
        for behavior_id, status, count in session.execute(
            sa.select(RuleVersion.behavior_id, RuleVersion.status, sa.func.count())  # type: ignore[call-overload]
            .where(col(RuleVersion.status).in_(UNPUBLISHED))
            .group_by(col(RuleVersion.behavior_id), col(RuleVersion.status))
        )
    }
    return [
        BehaviorLine(
            info,
            book.entry_on(info.code, today),
            next_version(book, info.code, today),
            counts.get((info.id, RuleStatus.DRAFT), 0),
            counts.get((info.id, RuleStatus.IN_REVIEW), 0),
        )
        for info in book.behaviors.values()
    ]


def next_version(book: RuleBook, code: str, today: date) -> PublishedRule | None:
    """Return the version that takes over next, if one is scheduled."""
    waiting = [
        entry
        for entry in book.entries(code)
        if entry.valid_from > today
        and (entry.withdrawn_from is None or entry.withdrawn_from > entry.valid_from)
    ]
    return min(waiting, key=lambda entry: entry.valid_from, default=None)


def behavior_of(session: Session, version: RuleVersion) -> Behavior:
    """Return the behaviour of a version."""
    found = session.get(Behavior, version.behavior_id)
    if found is None:
        raise LookupError(version.behavior_id)
    return found


def notes_of(session: Session, rule_version_ids: Sequence[int]) -> dict[int, list[Note]]:
    """Return what was done to versions and by whom, by version, in order."""
    rows = session.exec(
        select(RuleNote, Staff)
        .join(Staff, col(Staff.id) == col(RuleNote.staff_id), isouter=True)
        .where(col(RuleNote.rule_version_id).in_(rule_version_ids))
        .order_by(col(RuleNote.id))
    ).all()
    found: dict[int, list[Note]] = {number: [] for number in rule_version_ids}
    for note, staff in rows:
        found[note.rule_version_id].append(Note(note, staff))
    return found


def work_in(session: Session, statuses: Sequence[str]) -> list[Work]:
    """Return versions in some states, those that take effect first first."""
    rows = session.exec(
        select(RuleVersion, Behavior, Staff)
        .join(Behavior, col(Behavior.id) == col(RuleVersion.behavior_id))
        .join(Staff, col(Staff.id) == col(RuleVersion.drafted_by), isouter=True)
        .where(col(RuleVersion.status).in_(statuses))
        .order_by(col(RuleVersion.valid_from), col(RuleVersion.id))
    ).all()
    return [Work(*row) for row in rows]


def previews_of(session: Session, behavior_id: int) -> list[tuple[RulePreview, Staff]]:
    """Return the previews of a behaviour, the newest first, and who asked for them."""
    return list(
        session.exec(
            select(RulePreview, Staff)
            .join(Staff, col(Staff.id) == col(RulePreview.staff_id))
            .where(col(RulePreview.behavior_id) == behavior_id)
            .order_by(col(RulePreview.id).desc())
        ).all()
    )


def all_factors(session: Session) -> list[EmissionFactor]:
    """Return every version of every factor."""
    order = (col(EmissionFactor.code), col(EmissionFactor.version).desc())
    return list(session.exec(select(EmissionFactor).order_by(*order)).all())


def staff_names(session: Session) -> dict[int, str]:
    """Return the names of staff by id, those who left too: what they did stays theirs."""
    return {staff.stored_id: staff.display_name for staff in session.exec(select(Staff)).all()}
