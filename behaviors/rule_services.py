"""The life of a rule version: drafted, reviewed by somebody else, scheduled, in force, withdrawn.

Each step leaves a note with the version and an entry in the audit trail. What a published
version says never changes: another version takes its place from a later day.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from behaviors import announcing, habits, rule_queries
from behaviors.intake.overlaps import GROUP_KINDS
from behaviors.methods.library import plain_unit
from behaviors.models import Behavior, RuleStatus, RuleVersion
from behaviors.rule_models import RuleNote
from behaviors.rulebook import PublishedRule, RuleBook
from behaviors.scoring import Parameter, Rule, check_units, unit_factor_nano
from carbonaccount import audit
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, Refused
from carbonaccount.job_items import one_by_one

EDITORS = frozenset({Role.RULE_EDITOR})
APPROVERS = frozenset({Role.RULE_APPROVER})
RETURNERS = EDITORS | APPROVERS
LONGEST_REASON = 500
LONGEST_CITATION = 2000
LONGEST_GRADE = 16


@dataclass(frozen=True)
class Activation:
    """What the change of day did to the standing of versions: how many of each."""

    activated: int
    superseded: int


def draft_rule(
    session: Session,
    *,
    rule: Rule,
    grade: str,
    citation: str,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> RuleVersion:
    """Write down a new version of a behaviour's rule as a draft.

    The next free number replaces `rule.version`, the version has no end, and parameters that
    name an emission factor take the value that holds on `rule.valid_from`. Raises NotFound
    (unknown_behavior, unknown_factor), Invalid for texts, factors and groups, Refused for
    anybody but a rule editor.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    behavior = rule_queries.find_behavior(session, rule.behavior)
    return write_draft(
        session,
        behavior=behavior,
        rule=with_factor_values(session, rule),
        grade=grade,
        citation=citation,
        reason=reason,
        drafted_by=staff_id,
        acting_user=acting_user,
        now=now,
    )


def write_draft(
    session: Session,
    *,
    behavior: Behavior,
    rule: Rule,
    grade: str,
    citation: str,
    reason: str,
    drafted_by: int,
    acting_user: Actor,
    now: datetime,
) -> RuleVersion:
    """Store a draft under the next free number; for services that have asked for the role."""
    _check_texts(grade, citation)
    check_reason(reason)
    _check_group(rule)
    assert behavior.id is not None
    # Two drafts at the same time would take the same number.
    session.exec(select(Behavior.id).where(col(Behavior.id) == behavior.id).with_for_update()).one()
    numbers = [item.version for item in rule_queries.versions_of(session, behavior.id)]
    rule = replace(rule, version=max(numbers, default=0) + 1, valid_to=None)
    version = RuleVersion(
        behavior_id=behavior.id,
        version=rule.version,
        status=RuleStatus.DRAFT,
        valid_from=rule.valid_from,
        unit_factor_nano=rule.unit_factor_nano,
        definition=rule.to_definition(),
        grade=grade,
        citation=citation,
        created_at=now,
        drafted_by=drafted_by,
    )
    session.add(version)
    session.flush()  # The note refers to the id.
    _note(session, version, "drafted", drafted_by, reason, acting_user, now)
    return version


def edit_draft(
    session: Session,
    *,
    rule_version_id: int,
    rule: Rule,
    grade: str,
    citation: str,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> RuleVersion:
    """Word a draft anew; whoever does cannot approve it any more.

    Raises Conflict (rule_not_in_state) for anything but a draft, and what `draft_rule` raises.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    version = _locked(session, rule_version_id, RuleStatus.DRAFT)
    _check_texts(grade, citation)
    check_reason(reason)
    _check_group(rule)
    behavior = session.get_one(Behavior, version.behavior_id)
    rule = replace(
        with_factor_values(session, rule),
        behavior=behavior.code,
        version=version.version,
        valid_to=None,
    )
    version.valid_from = rule.valid_from
    version.unit_factor_nano = rule.unit_factor_nano
    version.definition = rule.to_definition()
    version.grade, version.citation = grade, citation
    _note(session, version, "edited", staff_id, reason, acting_user, now)
    return version


def submit(
    session: Session, *, rule_version_id: int, reason: str, acting_user: Actor, now: datetime
) -> RuleVersion:
    """Hand a draft to another person for approval.

    Raises Conflict (rule_not_in_state; preview_needed when no finished preview looked at these
    very words; habit_end_needed when a rule without grams has no published end), RuleError or
    FormulaError when the units do not work out to kilograms, Invalid (rule_too_early;
    factor_moved when an emission factor has another value by now).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    version = _locked(session, rule_version_id, RuleStatus.DRAFT)
    check_reason(reason)
    _check_ready(session, version, now)
    if not rule_queries.finished_previews(session, version):
        raise Conflict("preview_needed")
    version.status = RuleStatus.IN_REVIEW
    _note(session, version, "submitted", staff_id, reason, acting_user, now)
    return version


def return_to_draft(
    session: Session, *, rule_version_id: int, reason: str, acting_user: Actor, now: datetime
) -> RuleVersion:
    """Give a version in review back to be worded anew. Raises Conflict (rule_not_in_state)."""
    staff_id = require_role(session, acting_user=acting_user, roles=RETURNERS)
    version = _locked(session, rule_version_id, RuleStatus.IN_REVIEW)
    check_reason(reason)
    version.status = RuleStatus.DRAFT
    _note(session, version, "returned", staff_id, reason, acting_user, now)
    return version


def discard(
    session: Session, *, rule_version_id: int, reason: str, acting_user: Actor, now: datetime
) -> RuleVersion:
    """Give a draft up for good; it stays to be read, its number is not given again.

    Raises Conflict (rule_not_in_state) for anything but a draft, Invalid (reason_needed).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    version = _locked(session, rule_version_id, RuleStatus.DRAFT)
    check_reason(reason)
    version.status = RuleStatus.DISCARDED
    _note(session, version, "discarded", staff_id, reason, acting_user, now)
    return version


def approve(
    session: Session, *, rule_version_id: int, reason: str, acting_user: Actor, now: datetime
) -> RuleVersion:
    """Let a version in review take effect on its day, and announce it.

    Raises Refused (role_missing; own_rule for whoever drafted or edited it), Conflict
    (rule_not_in_state), Invalid (rule_too_early; factor_moved).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    version = _locked(session, rule_version_id, RuleStatus.IN_REVIEW)
    check_reason(reason)
    if staff_id in rule_queries.writers_of(session, version):
        raise Refused("own_rule")
    _check_ready(session, version, now)
    announcing.announce_change(session, version, now=now)
    version.status = RuleStatus.SCHEDULED
    version.approved_by = staff_id
    version.published_at = now
    _note(session, version, "approved", staff_id, reason, acting_user, now)
    return version


def withdraw(
    session: Session,
    *,
    rule_version_id: int,
    from_day: date,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> RuleVersion:
    """Take a published version out of force from a day on; the earlier rule holds again.

    Acts before that day keep this version. Raises Conflict (rule_not_in_state;
    nothing_left_to_hold when no other version covers every day from then on - stop the
    behaviour instead, so that its records are held and not refused), Invalid (rule_too_early).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    version = _locked(session, rule_version_id, RuleStatus.ACTIVE, RuleStatus.SCHEDULED)
    check_reason(reason)
    _check_day(session, from_day, now)
    book = RuleBook.load(session)
    code = book.behavior_by_id[version.behavior_id].code
    others = [entry for entry in book.entries(code) if entry.id != version.id]
    if not rule_queries.is_covered_from(others, from_day):
        raise Conflict("nothing_left_to_hold", behavior=code, day=from_day.isoformat())
    version.status = RuleStatus.WITHDRAWN
    version.withdrawn_from = from_day
    session.flush()  # The announcement reads what holds now.
    announcing.announce_withdrawal(session, version, now=now)
    _note(session, version, "withdrawn", staff_id, reason, acting_user, now, day=from_day)
    return version


def activate_due(session: Session, *, now: datetime) -> Activation:
    """Set each version's standing to what holds today; doing it again changes nothing.

    Which version scores an act is decided by its day alone. The standing is what lists and pages
    show, so a late or missed run never scores anything wrongly.
    """
    today = business_day(now)
    book = RuleBook.load(session)
    holding = {entry.id for code in book.behaviors if (entry := book.entry_on(code, today))}

    def standing(entry: PublishedRule) -> RuleStatus:
        return _standing(entry.id in holding, entry.valid_from, today)

    def set_standing(entry: PublishedRule) -> RuleStatus:
        status = standing(entry)
        version = _locked(session, entry.id, RuleStatus(entry.status))
        version.status = status
        if status is not RuleStatus.SCHEDULED:
            step = "activated" if status is RuleStatus.ACTIVE else "superseded"
            _note(session, version, step, None, "", audit.SYSTEM, now)
        return status

    changing = [
        entry
        for entry in book.published
        if entry.status not in (RuleStatus.WITHDRAWN, standing(entry))
    ]
    found = one_by_one(session, changing, set_standing, key=lambda item: f"rule_version:{item.id}")
    return Activation(found.count(RuleStatus.ACTIVE), found.count(RuleStatus.SUPERSEDED))


def _standing(holds: bool, valid_from: date, today: date) -> RuleStatus:
    if holds:
        return RuleStatus.ACTIVE
    return RuleStatus.SCHEDULED if valid_from > today else RuleStatus.SUPERSEDED


def with_factor_values(session: Session, rule: Rule) -> Rule:
    """Return the rule with each parameter that names an emission factor at the factor's value.

    Raises NotFound (unknown_factor), Invalid (factor_unit) when the units differ.
    """
    parameters = tuple(_factor_value(session, item, rule.valid_from) for item in rule.parameters)
    return replace(
        rule,
        parameters=parameters,
        unit_factor_nano=unit_factor_nano(rule.factor_expression, parameters),
    )


def _factor_value(session: Session, item: Parameter, day: date) -> Parameter:
    if item.factor is None:
        return item
    factor = rule_queries.factor_on(session, item.factor, day)
    if plain_unit(factor.unit) != item.unit:
        raise Invalid("factor_unit", factor=item.factor, unit=plain_unit(factor.unit))
    source = factor.source or factor.source_zh
    return replace(item, value=Decimal(factor.value), grade=factor.grade, source=source)


def _check_ready(session: Session, version: RuleVersion, now: datetime) -> None:
    """Refuse a version that could not be published as it is."""
    _check_day(session, version.valid_from, now)
    rule = rule_queries.rule_of(version)
    check_units(rule)
    if with_factor_values(session, rule) != rule:
        raise Invalid("factor_moved")
    behavior = session.get_one(Behavior, version.behavior_id)
    if habits.is_habit(rule) and behavior.habit_ends_on is None:
        raise Conflict("habit_end_needed", behavior=behavior.code)


def _check_day(session: Session, day: date, now: datetime) -> None:
    earliest = rule_queries.earliest_day(session, now=now)
    if day < earliest:
        raise Invalid("rule_too_early", field="valid_from", day=earliest.isoformat())


def _check_group(rule: Rule) -> None:
    group = rule.double_count_group
    if group is not None and group not in GROUP_KINDS:
        raise Invalid("unknown_group", field="double_count_group", group=group)


def _check_texts(grade: str, citation: str) -> None:
    if not 1 <= len(grade) <= LONGEST_GRADE:
        raise Invalid("missing_field", field="grade")
    if not 1 <= len(citation.strip()) <= LONGEST_CITATION:
        raise Invalid("bad_citation", field="citation", limit=LONGEST_CITATION)


def check_reason(reason: str) -> None:
    """Refuse a step without a reason. Raises Invalid (reason_needed)."""
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise Invalid("reason_needed", field="reason", limit=LONGEST_REASON)


def _locked(session: Session, rule_version_id: int, *states: RuleStatus) -> RuleVersion:
    """Return a version that stands as expected, locked so that nobody else moves it meanwhile."""
    rule_queries.find_version(session, rule_version_id)
    version = session.exec(
        select(RuleVersion)
        .where(col(RuleVersion.id) == rule_version_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if version.status not in states:
        raise Conflict("rule_not_in_state", status=version.status)
    return version


def _note(
    session: Session,
    version: RuleVersion,
    step: str,
    staff_id: int | None,
    reason: str,
    acting_user: Actor,
    now: datetime,
    day: date | None = None,
) -> None:
    """Leave a note with the version and an entry in the trail."""
    assert version.id is not None
    session.add(
        RuleNote(
            rule_version_id=version.id,
            staff_id=staff_id,
            step=step,
            reason=reason.strip(),
            happened_at=now,
        )
    )
    audit.record(
        session,
        acting_user=acting_user,
        action=f"rule.{step}",
        subject=f"rule_version:{version.id}",
        now=now,
        reason=reason.strip() or None,
        behavior_id=version.behavior_id,
        version=version.version,
        valid_from=version.valid_from.isoformat(),
        unit_factor_nano=version.unit_factor_nano,
        from_day=day.isoformat() if day else None,
    )
    session.flush()
