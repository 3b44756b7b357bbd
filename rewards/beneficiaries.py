"""Who can be given something: drafted by one member of staff, published by another, ended.

What was given stays in the books of the beneficiary's own carbon account.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import new_public_id, open_account
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.institutions.models import Institution, InstitutionStatus
from rewards.giving_models import Beneficiary

DRAFT, IN_REVIEW, PUBLISHED, ENDED = "draft", "in_review", "published", "ended"
KINDS = ("charity", "institution", "class", "community", "event")
CREDITS, GRAMS, BOTH = "credits", "grams", "both"
TAKES = (CREDITS, GRAMS, BOTH)
# Grams are given so that an emission is made good: only events and institutions have one to state.
NEUTRALISING = frozenset({"event", "institution"})
TEXT_PARTS = {"title": 60, "text": 2000, "use": 1000}
LANGUAGES = ("zh", "en")
LARGEST_GOAL = 10**15
LONGEST_REASON = 500
EDITORS = frozenset({Role.REWARD_EDITOR})
APPROVERS = frozenset({Role.REWARD_APPROVER})


@dataclass(frozen=True)
class BeneficiaryContent:
    """What a person decides about a beneficiary; goals in credits and grams, None for none."""

    kind: str
    takes: str
    texts: dict[str, dict[str, str]]
    open_from: date | None
    open_until: date | None
    goal_credits: int | None
    goal_g: int | None
    # The number of the institution with an inventory that it stands for; "" for none.
    institution: str = ""


def takes_credits(beneficiary: Beneficiary) -> bool:
    """Return whether credits may be given to it."""
    return beneficiary.takes in (CREDITS, BOTH)


def takes_grams(beneficiary: Beneficiary) -> bool:
    """Return whether grams may be given to it."""
    return beneficiary.takes in (GRAMS, BOTH)


def is_open(beneficiary: Beneficiary, day: date) -> bool:
    """Return whether it takes gifts on a day."""
    within = beneficiary.open_from <= day <= beneficiary.open_until
    return beneficiary.status == PUBLISHED and within


def draft(
    session: Session, *, content: BeneficiaryContent, acting_user: Actor, now: datetime
) -> Beneficiary:
    """Write down a new beneficiary, with a carbon account of its own, as a draft.

    Raises Invalid (beneficiary_kind, beneficiary_takes, grams_for_whom, beneficiary_text,
    beneficiary_days, beneficiary_goal, beneficiary_institution), Refused for anybody but an
    editor of rewards.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    _check(content)
    account = open_account(session, kind=AccountKind.BENEFICIARY, district_code=None, now=now)
    beneficiary = Beneficiary(
        public_id=new_public_id(),
        account_id=account.stored_id,
        drafted_by=staff_id,
        created_at=now,
        institution_id=_institution(session, content),
        **_columns(content),
    )
    session.add(beneficiary)
    session.flush()
    _audit(session, "draft", beneficiary, acting_user, now)
    return beneficiary


def edit(
    session: Session,
    *,
    beneficiary_id: int,
    content: BeneficiaryContent,
    acting_user: Actor,
    now: datetime,
) -> Beneficiary:
    """Write a draft anew; whoever does so last is its drafter.

    Raises NotFound, Conflict (beneficiary_not_in_state), and what `draft` raises.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=EDITORS)
    beneficiary = _locked(session, beneficiary_id, DRAFT)
    _check(content)
    for name, value in _columns(content).items():
        setattr(beneficiary, name, value)
    beneficiary.institution_id = _institution(session, content)
    beneficiary.drafted_by = staff_id
    _audit(session, "edit", beneficiary, acting_user, now)
    return beneficiary


def submit(
    session: Session, *, beneficiary_id: int, reason: str, acting_user: Actor, now: datetime
) -> Beneficiary:
    """Hand a draft to another person. Raises Conflict, Invalid (reason_needed)."""
    require_role(session, acting_user=acting_user, roles=EDITORS)
    return _step(session, beneficiary_id, DRAFT, IN_REVIEW, "submit", reason, acting_user, now)


def return_to_draft(
    session: Session, *, beneficiary_id: int, reason: str, acting_user: Actor, now: datetime
) -> Beneficiary:
    """Give it back to its drafter. Raises Conflict, Invalid (reason_needed)."""
    require_role(session, acting_user=acting_user, roles=EDITORS | APPROVERS)
    return _step(session, beneficiary_id, IN_REVIEW, DRAFT, "return", reason, acting_user, now)


def publish(
    session: Session, *, beneficiary_id: int, reason: str, acting_user: Actor, now: datetime
) -> Beneficiary:
    """Open it for gifts. Raises Refused (own_work) for whoever drafted it, Conflict, Invalid."""
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    beneficiary = _locked(session, beneficiary_id, IN_REVIEW)
    if beneficiary.drafted_by == staff_id:
        raise Refused("own_work")
    beneficiary.approved_by = staff_id
    beneficiary.published_at = now
    return _step(session, beneficiary_id, IN_REVIEW, PUBLISHED, "publish", reason, acting_user, now)


def end(
    session: Session, *, beneficiary_id: int, reason: str, acting_user: Actor, now: datetime
) -> Beneficiary:
    """Take no more gifts. Grams pledged before can still be used or taken back."""
    require_role(session, acting_user=acting_user, roles=EDITORS | APPROVERS)
    return _step(session, beneficiary_id, PUBLISHED, ENDED, "end", reason, acting_user, now)


def _step(
    session: Session,
    beneficiary_id: int,
    before: str,
    after: str,
    name: str,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> Beneficiary:
    check_reason(reason)
    beneficiary = _locked(session, beneficiary_id, before)
    beneficiary.status = after
    _audit(session, name, beneficiary, acting_user, now, reason.strip())
    return beneficiary


def check_reason(reason: str) -> None:
    """Refuse a step without a reason. Raises Invalid (reason_needed)."""
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise Invalid("reason_needed", field="reason", limit=LONGEST_REASON)


def _check(content: BeneficiaryContent) -> None:
    if content.kind not in KINDS:
        raise Invalid("beneficiary_kind", field="kind")
    if content.takes not in TAKES:
        raise Invalid("beneficiary_takes", field="takes")
    if content.takes != CREDITS and content.kind not in NEUTRALISING:
        raise Invalid("grams_for_whom", field="takes")
    for language in LANGUAGES:
        for part, limit in TEXT_PARTS.items():
            if not 1 <= len(content.texts.get(language, {}).get(part, "")) <= limit:
                raise Invalid("beneficiary_text", field=f"{part}_{language}", limit=limit)
    if not content.open_from or not content.open_until or content.open_until < content.open_from:
        raise Invalid("beneficiary_days", field="open_until")
    for name in ("goal_credits", "goal_g"):
        goal = getattr(content, name)
        if goal is not None and not 1 <= goal <= LARGEST_GOAL:
            raise Invalid("beneficiary_goal", field=name)


def _institution(session: Session, content: BeneficiaryContent) -> int | None:
    """Return the id of the active institution that was named, None when none was."""
    number = "".join(content.institution.split()).upper()
    if not number:
        return None
    found = session.exec(
        select(col(Institution.id)).where(
            col(Institution.public_id) == number,
            col(Institution.status) == InstitutionStatus.ACTIVE,
        )
    ).first()
    if found is None or content.kind != "institution":
        raise Invalid("beneficiary_institution", field="institution")
    return found


def _columns(content: BeneficiaryContent) -> dict[str, Any]:
    return {
        "kind": content.kind,
        "takes": content.takes,
        "texts": {
            language: {part: content.texts[language][part] for part in TEXT_PARTS}
            for language in LANGUAGES
        },
        "open_from": content.open_from,
        "open_until": content.open_until,
        "goal_credits": content.goal_credits,
        "goal_g": content.goal_g,
    }


def _locked(session: Session, beneficiary_id: int, status: str) -> Beneficiary:
    found = session.exec(
        select(Beneficiary).where(col(Beneficiary.id) == beneficiary_id).with_for_update()
    ).first()
    if found is None:
        raise NotFound("unknown_beneficiary")
    if found.status != status:
        raise Conflict("beneficiary_not_in_state", status=found.status)
    return found


def _audit(
    session: Session,
    step: str,
    beneficiary: Beneficiary,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=f"beneficiary.{step}",
        subject=f"beneficiary:{beneficiary.id}",
        now=now,
        reason=reason,
    )
