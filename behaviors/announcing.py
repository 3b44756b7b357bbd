"""Telling everybody what changes about a behaviour, in the transaction that changes it."""

from datetime import datetime, timedelta

from sqlmodel import Session

from behaviors import announcements, rule_queries
from behaviors.models import Behavior, RuleVersion
from behaviors.rulebook import BehaviorInfo, RuleBook
from carbonaccount.clock import business_day
from carbonaccount.messages.services import announce, end_announcement

# How long it stays announced after it took effect.
CHANGE_SHOWN = timedelta(days=30)
RESUMPTION_SHOWN = timedelta(days=14)
# A stop is shown until the behaviour resumes.
STOP_SHOWN = timedelta(days=3650)
_A_DAY = timedelta(days=1)


def announce_change(session: Session, version: RuleVersion, *, now: datetime) -> None:
    """Tell what a version that is about to be scheduled makes different, for an ordinary amount.

    A behaviour that is switched off earns nothing, so nothing is told of it yet.
    """
    book = RuleBook.load(session)
    info = book.behavior_by_id[version.behavior_id]
    if not info.enabled:
        return
    params = announcements.rule_change(
        info,
        before=book.rule_on(info.code, version.valid_from),
        after=rule_queries.rule_of(version),
        from_day=version.valid_from,
    )
    announce(
        session,
        kind=announcements.RULE_CHANGE,
        cause=_rule_cause(version),
        params=params,
        last_day=version.valid_from + CHANGE_SHOWN,
        now=now,
    )


def announce_beginning(session: Session, behavior: Behavior, *, now: datetime) -> None:
    """Tell that a behaviour begins to earn, by the rule that holds now or the first to come."""
    book, today = RuleBook.load(session), business_day(now)
    info = book.behaviors[behavior.code]
    entry = book.entry_on(info.code, today) or book.entries(info.code)[0]
    from_day = max(today, entry.valid_from)
    announce(
        session,
        kind=announcements.RULE_CHANGE,
        cause=_moment_cause(behavior, now),
        params=announcements.rule_change(info, before=None, after=entry.rule, from_day=from_day),
        last_day=from_day + CHANGE_SHOWN,
        now=now,
    )


def announce_withdrawal(session: Session, version: RuleVersion, *, now: datetime) -> None:
    """Tell that the earlier rule is back, or that the announced change will not come."""
    from_day = version.withdrawn_from
    assert from_day is not None, "only a withdrawn version is withdrawn"
    book = RuleBook.load(session)
    info = book.behavior_by_id[version.behavior_id]
    if not info.enabled:
        return
    if from_day <= version.valid_from:
        _announce_cancellation(session, version, info, now)
        return
    after = book.rule_on(info.code, from_day)
    assert after is not None, "another version holds from then on"
    announce(
        session,
        kind=announcements.RULE_CHANGE,
        cause=f"{_rule_cause(version)}:withdrawn",
        params=announcements.rule_change(
            info, before=rule_queries.rule_of(version), after=after, from_day=from_day
        ),
        last_day=from_day + CHANGE_SHOWN,
        now=now,
    )


def _announce_cancellation(
    session: Session, version: RuleVersion, info: BehaviorInfo, now: datetime
) -> None:
    end_announcement(
        session,
        kind=announcements.RULE_CHANGE,
        cause=_rule_cause(version),
        last_day=business_day(now) - _A_DAY,
    )
    announce(
        session,
        kind=announcements.RULE_CANCELLED,
        cause=_rule_cause(version),
        params=announcements.rule_cancelled(info, from_day=version.valid_from),
        last_day=version.valid_from + CHANGE_SHOWN,
        now=now,
    )


def announce_stop(session: Session, behavior: Behavior, *, now: datetime) -> None:
    """Tell that records of a behaviour are held from now on."""
    _announce_moment(session, announcements.BEHAVIOR_STOPPED, behavior, now, STOP_SHOWN)


def announce_resumption(
    session: Session, behavior: Behavior, *, stopped_at: datetime, now: datetime
) -> None:
    """Tell that a behaviour goes on, and stop telling that it is stopped."""
    end_announcement(
        session,
        kind=announcements.BEHAVIOR_STOPPED,
        cause=_moment_cause(behavior, stopped_at),
        last_day=business_day(now) - _A_DAY,
    )
    _announce_moment(session, announcements.BEHAVIOR_RESUMED, behavior, now, RESUMPTION_SHOWN)


def _announce_moment(
    session: Session, kind: str, behavior: Behavior, now: datetime, shown: timedelta
) -> None:
    info, today = RuleBook.load(session).behaviors[behavior.code], business_day(now)
    announce(
        session,
        kind=kind,
        cause=_moment_cause(behavior, now),
        params=announcements.about_behavior(info, day=today),
        last_day=today + shown,
        now=now,
    )


def _rule_cause(version: RuleVersion) -> str:
    return f"rule:{version.id}"


def _moment_cause(behavior: Behavior, moment: datetime) -> str:
    return f"behavior:{behavior.id}:{moment:%Y%m%dT%H%M%S}"
