"""Behaviours themselves: stopped at once and resumed, added, described, and when habits end."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors import announcing, habits, rule_queries
from behaviors.intake.release import ReleaseResult, release_held
from behaviors.intake.subjects import lock_accounts
from behaviors.methods.library import CATEGORIES, LANGUAGES
from behaviors.methods.reader import FAMILIES
from behaviors.models import ActivityRecord, Behavior, EvidencePhoto, RecordStatus, RuleVersion
from behaviors.rule_services import EDITORS, RETURNERS, check_reason
from behaviors.rulebook import PUBLISHED, RuleBook
from behaviors.rules import NAME
from carbonaccount import audit
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.job_items import one_by_one

# Stopping must not wait for the one person who may edit rules.
STOPPERS = frozenset({Role.RULE_EDITOR, Role.RULE_APPROVER, Role.OPERATOR})
LONGEST_NAME = 60
LONGEST_TEXT = 1000
TEXT_PARTS = ("name", "counts", "not_counts", "baseline", "not_with")
ORIGIN = "admin"
# So many records are counted at a time; memory stays small however long the stop was.
RELEASED_AT_ONCE = 10_000
STOPPED = "stopped"
AWAITING_REVIEW = "awaiting_review"


def stop_behavior(
    session: Session, *, behavior: str, reason: str, acting_user: Actor, now: datetime
) -> Behavior:
    """Hold every record of a behaviour that comes in from now on; nothing is lost.

    One person is enough. Raises NotFound (unknown_behavior), Conflict (already_stopped),
    Invalid (reason_needed), Refused.
    """
    require_role(session, acting_user=acting_user, roles=STOPPERS)
    check_reason(reason)
    found = _locked(session, behavior)
    if found.stopped_at is not None:
        raise Conflict("already_stopped", behavior=behavior)
    found.stopped_at, found.stop_reason = now, reason.strip()
    session.flush()
    _audit(session, "behavior.stop", found, acting_user, now, reason)
    announcing.announce_stop(session, found, now=now)
    return found


def resume_behavior(
    session: Session, *, behavior: str, reason: str, acting_user: Actor, now: datetime
) -> ReleaseResult:
    """Take records of a behaviour again and count those that were held meanwhile.

    Each is counted by the rule of its day, the earliest first. Reports with a photo still wait
    for a person. Raises NotFound, Conflict (not_stopped), Invalid (reason_needed), Refused.
    """
    require_role(session, acting_user=acting_user, roles=RETURNERS)
    check_reason(reason)
    found = _locked(session, behavior)
    if found.stopped_at is None:
        raise Conflict("not_stopped", behavior=behavior)
    stopped_at = found.stopped_at
    found.stopped_at = found.stop_reason = None
    session.flush()
    _pass_on_to_review(session, found)
    released = _release_stopped(session, found, acting_user, now)
    _audit(
        session,
        "behavior.resume",
        found,
        acting_user,
        now,
        reason,
        records=len(released.booked),
        grams=released.grams,
        credits=released.credits,
    )
    announcing.announce_resumption(session, found, stopped_at=stopped_at, now=now)
    return released


def _pass_on_to_review(session: Session, behavior: Behavior) -> None:
    """Let held reports with a photo wait for a reviewer, as they would without the stop."""
    with_photo = select(col(EvidencePhoto.record_id))
    session.exec(
        sa.update(ActivityRecord)
        .where(
            col(ActivityRecord.behavior_id) == behavior.id,
            col(ActivityRecord.status) == RecordStatus.HELD,
            col(ActivityRecord.outcome) == STOPPED,
            col(ActivityRecord.id).in_(with_photo),
        )
        .values(outcome=AWAITING_REVIEW)
        .execution_options(synchronize_session=False)
    )


def _release_stopped(
    session: Session, behavior: Behavior, acting_user: Actor, now: datetime
) -> ReleaseResult:
    held = session.exec(
        select(col(ActivityRecord.id), col(ActivityRecord.account_id))
        .where(
            col(ActivityRecord.behavior_id) == behavior.id,
            col(ActivityRecord.status) == RecordStatus.HELD,
            col(ActivityRecord.outcome) == STOPPED,
        )
        .order_by(col(ActivityRecord.occurred_at), col(ActivityRecord.id))
    ).all()
    # All at once and in order, so that two who lock people cannot wait for each other.
    lock_accounts(session, pl.Series([owner for _, owner in held], dtype=pl.Int64))
    ids = [record_id for record_id, _ in held if record_id is not None]
    parts = [
        release_held(
            session,
            record_ids=ids[start : start + RELEASED_AT_ONCE],
            acting_user=acting_user,
            now=now,
        )
        for start in range(0, len(ids), RELEASED_AT_ONCE)
    ]
    return ReleaseResult(
        [record_id for part in parts for record_id in part.booked],
        sum(part.grams for part in parts),
        sum(part.credits for part in parts),
    )


def release_late_records(session: Session, *, acting_user: Actor, now: datetime) -> int:
    """Count records that were held for a stop that is over; returns how many.

    A batch that was being booked while its behaviour resumed may have held some of its records.
    """
    over = session.exec(select(Behavior).where(col(Behavior.stopped_at).is_(None))).all()
    waiting = session.exec(
        select(col(ActivityRecord.behavior_id))
        .where(
            col(ActivityRecord.status) == RecordStatus.HELD,
            col(ActivityRecord.outcome) == STOPPED,
            col(ActivityRecord.behavior_id).in_([item.id for item in over]),
        )
        .distinct()
    ).all()

    def release(behavior: Behavior) -> int:
        _pass_on_to_review(session, behavior)
        return len(_release_stopped(session, behavior, acting_user, now).booked)

    found = [behavior for behavior in over if behavior.id in waiting]
    return sum(one_by_one(session, found, release, key=lambda item: f"behavior:{item.code}"))


def add_behavior(
    session: Session,
    *,
    code: str,
    family: str,
    category: str,
    texts: Mapping[str, Mapping[str, str]],
    acting_user: Actor,
    now: datetime,
) -> Behavior:
    """Add a kind of act, switched off until it has a rule.

    Raises Conflict (behavior_exists), Invalid (bad_behavior_code, unknown_family,
    unknown_category, bad_text with language and part), Refused.
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    if not NAME.fullmatch(code):
        raise Invalid("bad_behavior_code", field="code")
    if family not in FAMILIES:
        raise Invalid("unknown_family", field="family", family=family)
    if category not in CATEGORIES:
        raise Invalid("unknown_category", field="category", category=category)
    checked = _checked_texts(texts)
    if session.exec(select(Behavior.id).where(col(Behavior.code) == code)).first() is not None:
        raise Conflict("behavior_exists", behavior=code)
    last = session.exec(select(sa.func.max(col(Behavior.sort)))).one()
    behavior = Behavior(
        code=code,
        family=family,
        category=category,
        enabled=False,
        self_report=False,
        sort=(last or 0) + 10,
        texts=checked,
        origin=ORIGIN,
    )
    session.add(behavior)
    session.flush()
    _audit(session, "behavior.add", behavior, acting_user, now, None)
    return behavior


def edit_behavior(
    session: Session,
    *,
    behavior: str,
    enabled: bool,
    self_report: bool,
    habit_ends_on: date | None,
    texts: Mapping[str, Mapping[str, str]],
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> Behavior:
    """Change what surrounds the rule: whether it is on, who reports it, its texts, its end.

    Raises NotFound, Conflict (enabled_without_rule, habit_end_needed), Invalid (bad_text,
    reason_needed, not_a_habit, habit_end_too_early for a new end before today), Refused.
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    check_reason(reason)
    checked = _checked_texts(texts)
    found = _locked(session, behavior)
    if enabled and not _has_rule(session, found):
        raise Conflict("enabled_without_rule", behavior=behavior)
    if habit_ends_on != found.habit_ends_on:
        _check_habit_end(session, found, habit_ends_on, now)
    begins = enabled and not found.enabled
    changes = {
        "enabled": enabled,
        "self_report": self_report,
        "habit_ends_on": habit_ends_on,
        "texts": checked,
    }
    changed = {name: value for name, value in changes.items() if getattr(found, name) != value}
    before = {name: getattr(found, name) for name in changed}
    for name, value in changed.items():
        setattr(found, name, value)
    _audit(
        session,
        "behavior.edit",
        found,
        acting_user,
        now,
        reason,
        before=_as_json(before),
        after=_as_json(changed),
    )
    if begins:
        announcing.announce_beginning(session, found, now=now)
    return found


def _as_json(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
    }


def _has_rule(session: Session, behavior: Behavior) -> bool:
    published = (
        select(RuleVersion.id)
        .where(col(RuleVersion.behavior_id) == behavior.id, col(RuleVersion.status).in_(PUBLISHED))
        .limit(1)
    )
    return session.exec(published).first() is not None


def _check_habit_end(
    session: Session, behavior: Behavior, habit_ends_on: date | None, now: datetime
) -> None:
    """What was given cannot end before today, and only credits without grams end at all."""
    today = business_day(now)
    if habit_ends_on is not None and habit_ends_on < today:
        raise Invalid("habit_end_too_early", field="habit_ends_on", day=today.isoformat())
    rules = RuleBook.load(session).versions(behavior.code)
    is_habit = not rules or habits.is_habit(rules[-1])
    if is_habit and rules and habit_ends_on is None:
        raise Conflict("habit_end_needed", behavior=behavior.code)
    if not is_habit and habit_ends_on is not None:
        raise Invalid("not_a_habit", field="habit_ends_on", behavior=behavior.code)


def _checked_texts(texts: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Return the texts without the spaces around them; each language needs what counts."""
    checked: dict[str, object] = {}
    for language in LANGUAGES:
        parts = {part: texts.get(language, {}).get(part, "").strip() for part in TEXT_PARTS}
        for part, text in parts.items():
            limit = LONGEST_NAME if part == "name" else LONGEST_TEXT
            needed = part in ("name", "counts")
            if len(text) > limit or (needed and not text):
                raise Invalid("bad_text", field=f"{language}.{part}", limit=limit)
        checked[language] = parts
    return checked


def _locked(session: Session, code: str) -> Behavior:
    rule_queries.find_behavior(session, code)
    return session.exec(
        select(Behavior)
        .where(col(Behavior.code) == code)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _audit(
    session: Session,
    action: str,
    behavior: Behavior,
    acting_user: Actor,
    now: datetime,
    reason: str | None,
    **details: Any,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"behavior:{behavior.code}",
        now=now,
        reason=reason.strip() if reason else None,
        **details,
    )
