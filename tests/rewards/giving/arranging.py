"""People with measured grams, staff of both kinds, and someone to give to."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, col, select

from behaviors.models import Source
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import add_staff
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.ledger.models import LedgerAccount, LedgerKind, Unit
from carbonaccount.ledger.verify import verify_everything
from carbonaccount.messages.models import Message
from rewards import beneficiaries
from rewards.beneficiaries import BeneficiaryContent
from rewards.giving_models import Beneficiary
from tests.behaviors.intake.arranging import admit, bring, item, open_person
from tests.people import DANA_PASSWORD

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
RIDE_G = 146  # 3 km by shared bike: 3 x 48.7 g = 146.1 g, rounded down.
TEXTS = {
    "zh": {"title": "任城绿色马拉松", "text": "一场公共活动。", "use": "抵消当天用电的排放。"},
    "en": {"title": "Green Marathon", "text": "A public event.", "use": "Offsets its power."},
}


def staff(app: Flask, session: Session, login: str, *roles: Role) -> Actor:
    """Add a member of staff."""
    added = add_staff(
        session,
        login=login,
        display_name=login.title(),
        password=DANA_PASSWORD,
        roles=frozenset(roles),
        vault=app.extensions["carbonaccount.vault"],
        acting_user=SYSTEM,
        now=NOW,
    )
    return Actor("staff", login, added.staff.stored_id)


def two_staff(app: Flask, session: Session) -> tuple[Actor, Actor]:
    """Add an editor and an approver of rewards; the approver may edit too."""
    return (
        staff(app, session, "erin", Role.REWARD_EDITOR),
        staff(app, session, "frank", Role.REWARD_EDITOR, Role.REWARD_APPROVER),
    )


def content(**changes: Any) -> BeneficiaryContent:
    """Return what a marathon would be as a beneficiary, in all of 2026."""
    values: dict[str, Any] = {
        "kind": "event",
        "takes": "both",
        "texts": TEXTS,
        "open_from": date(2026, 1, 1),
        "open_until": date(2026, 12, 31),
        "goal_credits": None,
        "goal_g": 1_000_000,
        **changes,
    }
    return BeneficiaryContent(**values)


def published(session: Session, editor: Actor, approver: Actor, **changes: Any) -> Beneficiary:
    """Bring a beneficiary to the public."""
    row = beneficiaries.draft(session, content=content(**changes), acting_user=editor, now=NOW)
    for step, who in ((beneficiaries.submit, editor), (beneficiaries.publish, approver)):
        step(session, beneficiary_id=row.id or 0, reason="好", acting_user=who, now=NOW)
    return row


def rides(session: Session, source: Source, subject: str, evidence: str) -> None:
    """Bring one ride of 146 g a letter of `evidence`, a day apart."""
    start = NOW - timedelta(days=20)
    bring(
        session,
        source,
        *(
            item(
                f"{subject}-{number}",
                subject=subject,
                evidence=grade,
                occurred_at=(start + timedelta(days=number)).isoformat(),
            )
            for number, grade in enumerate(evidence)
        ),
    )


def rider(session: Session, evidence: str, name: str = "alice") -> int:
    """Open a person with one ride of 146 g a letter."""
    source = admit(session, code=f"bikes-{name}")
    account_id = open_person(session, (source, name))
    rides(session, source, name, evidence)
    return account_id


def held(session: Session, owner_id: int, kind: LedgerKind, unit: Unit) -> dict[int, int]:
    """Return what an owner's accounts of a kind hold, by vintage."""
    rows = session.execute(
        sa.select(col(LedgerAccount.vintage), col(LedgerAccount.balance)).where(
            col(LedgerAccount.owner_id) == owner_id,
            col(LedgerAccount.kind) == kind,
            col(LedgerAccount.unit) == unit,
            col(LedgerAccount.balance) > 0,
        )
    )
    found: dict[int, int] = dict(map(tuple, rows))
    return found


def messages(session: Session, account_id: int) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what a person was told, the oldest first."""
    rows = session.exec(
        select(Message).where(col(Message.account_id) == account_id).order_by(col(Message.id))
    )
    return [(row.kind, row.params) for row in rows]


def broken(session: Session) -> dict[str, int]:
    """Return the promises that do not hold; empty is good."""
    return {code: count for code, _, count in verify_everything(session) if count}
