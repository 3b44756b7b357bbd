"""Emission factors: a new version is drafted, approved by somebody else, and drafts new rules.

A factor never changes a rule that is in force. Its approval writes a draft for every rule that
uses it; each goes the way of every draft: preview, review, approval.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlmodel import Session, col, select

from behaviors import rule_queries
from behaviors.models import Behavior, EmissionFactor, RuleVersion
from behaviors.rule_services import (
    APPROVERS,
    EDITORS,
    RETURNERS,
    check_reason,
    with_factor_values,
    write_draft,
)
from behaviors.rulebook import PublishedRule, RuleBook
from carbonaccount import audit
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, Refused

DRAFT, IN_REVIEW, ACTIVE, DISCARDED = "draft", "in_review", "active", "discarded"
ORIGIN = "admin"
CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
LONGEST_CODE = 64
MOST_DIGITS = 20
_LIMITS = {"name_zh": 120, "name_en": 160, "unit": 32, "gas": 16, "grade": 16}
_LONGEST_SOURCE = 2000


@dataclass(frozen=True)
class FactorContent:
    """What a person decides about a version of a factor. value: decimal, in `unit`.

    source is in English, source_zh in Chinese; one of them is enough.
    """

    name_zh: str
    name_en: str
    value: str
    unit: str
    gas: str
    valid_from: date | None
    data_year: int | None
    grade: str
    source: str
    source_zh: str = ""


@dataclass(frozen=True)
class ApprovedFactor:
    """A factor version that is in force, and the rule versions it drafted."""

    factor: EmissionFactor
    drafts: list[RuleVersion]


def draft_factor(
    session: Session,
    *,
    code: str,
    content: FactorContent,
    acting_user: Actor,
    now: datetime,
) -> EmissionFactor:
    """Write down a new version of a factor, or the first of a new one, as a draft.

    Raises Invalid (bad_factor_code, factor_value, bad_factor_text, factor_units_differ,
    factor_period), Refused for anybody but a rule editor.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    if not CODE.fullmatch(code) or len(code) > LONGEST_CODE:
        raise Invalid("bad_factor_code", field="code")
    known = _locked_versions(session, code)
    _check_content(content, known)
    factor = EmissionFactor(
        code=code,
        version=max((item.version for item in known), default=0) + 1,
        status=DRAFT,
        drafted_by=staff_id,
        origin=ORIGIN,
        **_columns(content),
    )
    session.add(factor)
    session.flush()
    _audit(session, "factor.draft", factor, acting_user, now)
    return factor


def edit_factor(
    session: Session,
    *,
    factor_id: int,
    content: FactorContent,
    acting_user: Actor,
    now: datetime,
) -> EmissionFactor:
    """Write a draft of a factor anew; only its drafter, so that the drafter stays one person.

    Raises Conflict (factor_not_in_state), Refused, and what `draft_factor` raises.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    factor = _locked(session, factor_id, DRAFT)
    if factor.drafted_by != staff_id:
        raise Refused("not_own_factor")
    _check_content(content, _locked_versions(session, factor.code))
    for name, value in _columns(content).items():
        setattr(factor, name, value)
    _audit(session, "factor.edit", factor, acting_user, now)
    return factor


def submit_factor(
    session: Session, *, factor_id: int, reason: str, acting_user: Actor, now: datetime
) -> EmissionFactor:
    """Hand a draft to another person. Raises Conflict (factor_not_in_state), Invalid."""
    require_role(session, acting_user=acting_user, roles=EDITORS)
    check_reason(reason)
    factor = _locked(session, factor_id, DRAFT)
    _check_day(session, factor, now)
    factor.status = IN_REVIEW
    _audit(session, "factor.submit", factor, acting_user, now, reason)
    return factor


def discard_factor(
    session: Session, *, factor_id: int, reason: str, acting_user: Actor, now: datetime
) -> EmissionFactor:
    """Give a draft of a factor up for good; it stays to be read.

    Raises Conflict (factor_not_in_state) for anything but a draft, Invalid (reason_needed).
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    check_reason(reason)
    factor = _locked(session, factor_id, DRAFT)
    factor.status = DISCARDED
    _audit(session, "factor.discard", factor, acting_user, now, reason)
    return factor


def return_factor(
    session: Session, *, factor_id: int, reason: str, acting_user: Actor, now: datetime
) -> EmissionFactor:
    """Give a factor in review back to its drafter. Raises Conflict (factor_not_in_state)."""
    require_role(session, acting_user=acting_user, roles=RETURNERS)
    check_reason(reason)
    factor = _locked(session, factor_id, IN_REVIEW)
    factor.status = DRAFT
    _audit(session, "factor.return", factor, acting_user, now, reason)
    return factor


def approve_factor(
    session: Session, *, factor_id: int, reason: str, acting_user: Actor, now: datetime
) -> ApprovedFactor:
    """Put a factor version into force and draft a new version of every rule that uses it.

    The drafts count as written by whoever drafted the factor, so that neither the factor nor
    its rules take effect by one person. Raises Refused (own_factor), Conflict
    (factor_not_in_state), Invalid (rule_too_early, factor_period).
    """
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    check_reason(reason)
    factor = _locked(session, factor_id, IN_REVIEW)
    if staff_id == factor.drafted_by:
        raise Refused("own_factor")
    known = [item for item in _locked_versions(session, factor.code) if item.id != factor.id]
    _check_day(session, factor, now)
    _check_period(factor.valid_from, known)
    _close_previous(known, factor)
    factor.status = ACTIVE
    factor.approved_by = staff_id
    session.flush()
    drafts = list(_draft_rules(session, factor, acting_user, now))
    _audit(
        session,
        "factor.approve",
        factor,
        acting_user,
        now,
        reason,
        rule_version_ids=[item.id for item in drafts],
    )
    return ApprovedFactor(factor, drafts)


def _draft_rules(
    session: Session, factor: EmissionFactor, acting_user: Actor, now: datetime
) -> Iterator[RuleVersion]:
    """Write a draft for each rule that uses the factor on or after its day."""
    assert factor.drafted_by is not None
    book = RuleBook.load(session)
    first_day = factor.valid_from or date.min
    for entry in rules_using(book, factor.code, first_day):
        from_day = max(first_day, entry.valid_from)
        rule = with_factor_values(session, replace(entry.rule, valid_from=from_day, valid_to=None))
        if rule.parameters == entry.rule.parameters:
            continue
        yield write_draft(
            session,
            behavior=session.get_one(Behavior, entry.behavior_id),
            rule=rule,
            grade=entry.grade,
            citation=entry.citation,
            reason=f"{factor.code} v{factor.version}",
            drafted_by=factor.drafted_by,
            acting_user=acting_user,
            now=now,
        )


def rules_using(book: RuleBook, code: str, day: date) -> list[PublishedRule]:
    """Return the rules that hold on a day or begin later and take a number from a factor."""
    found = []
    for behavior in book.behaviors:
        holding = book.entry_on(behavior, day)
        later = [entry for entry in book.entries(behavior) if entry.valid_from > day]
        found += [
            entry
            for entry in ([holding] if holding else []) + later
            if any(item.factor == code for item in entry.rule.parameters)
        ]
    return found


def _check_content(content: FactorContent, known: list[EmissionFactor]) -> None:
    for field, limit in _LIMITS.items():
        if not 1 <= len(getattr(content, field).strip()) <= limit:
            raise Invalid("bad_factor_text", field=field, limit=limit)
    _check_source(content)
    _check_value(content.value)
    for item in [item for item in known if item.status != DISCARDED][:1]:
        if item.unit != content.unit.strip():
            raise Invalid("factor_units_differ", field="unit", unit=item.unit)
    _check_period(content.valid_from, known)


def _check_source(content: FactorContent) -> None:
    texts = (content.source_zh.strip(), content.source.strip())
    if not any(texts) or max(map(len, texts)) > _LONGEST_SOURCE:
        raise Invalid("bad_factor_text", field="source_zh", limit=_LONGEST_SOURCE)


def _check_value(text: str) -> None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    digits = len(value.as_tuple().digits)
    plain = re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
    if not plain or not value.is_finite() or value < 0 or digits > MOST_DIGITS:
        raise Invalid("factor_value", field="value", limit=MOST_DIGITS)


def _check_period(valid_from: date | None, known: list[EmissionFactor]) -> None:
    """A new version begins after every one in force, so that each day has one value."""
    begins = [item.valid_from or date.min for item in known if item.status == ACTIVE]
    if begins and (valid_from is None or valid_from <= max(begins)):
        raise Invalid("factor_period", field="valid_from", day=max(begins).isoformat())


def _check_day(session: Session, factor: EmissionFactor, now: datetime) -> None:
    """A value that replaces another begins on the next working day at the earliest."""
    replaces = [
        item for item in rule_queries.factor_versions(session, factor.code) if item.status == ACTIVE
    ]
    earliest = rule_queries.earliest_day(session, now=now)
    if replaces and (factor.valid_from is None or factor.valid_from < earliest):
        raise Invalid("rule_too_early", field="valid_from", day=earliest.isoformat())


def _close_previous(known: list[EmissionFactor], factor: EmissionFactor) -> None:
    for item in known:
        if item.status == ACTIVE and item.valid_to is None and factor.valid_from is not None:
            item.valid_to = factor.valid_from - timedelta(days=1)


def _columns(content: FactorContent) -> dict[str, Any]:
    texts = {name: getattr(content, name).strip() for name in _LIMITS}
    return {
        **texts,
        "source": content.source.strip(),
        "source_zh": content.source_zh.strip(),
        "value": content.value,
        "valid_from": content.valid_from,
        "data_year": content.data_year,
    }


def _locked(session: Session, factor_id: int, status: str) -> EmissionFactor:
    rule_queries.find_factor(session, factor_id)
    factor = session.exec(
        select(EmissionFactor)
        .where(col(EmissionFactor.id) == factor_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if factor.status != status:
        raise Conflict("factor_not_in_state", status=factor.status)
    return factor


def _locked_versions(session: Session, code: str) -> list[EmissionFactor]:
    """Return a factor's versions, the newest first, locked against another's approval."""
    session.exec(
        select(col(EmissionFactor.id))
        .where(col(EmissionFactor.code) == code)
        .order_by(col(EmissionFactor.id))
        .with_for_update()
    ).all()
    return rule_queries.factor_versions(session, code)


def _audit(
    session: Session,
    action: str,
    factor: EmissionFactor,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
    rule_version_ids: list[int | None] | None = None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"emission_factor:{factor.code}:{factor.version}",
        now=now,
        reason=reason.strip() if reason else None,
        value=factor.value,
        valid_from=factor.valid_from.isoformat() if factor.valid_from else None,
        rule_version_ids=rule_version_ids,
    )
