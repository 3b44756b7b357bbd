"""Reviewers, and residents who report with a photo."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlmodel import Session

from behaviors.intake.door import ItemResult
from behaviors.services import report_act
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.accounts.staff import add_staff, staff_actor
from carbonaccount.audit import SYSTEM, Actor
from carbonaccount.crypto import Vault
from tests.behaviors.reviews.pictures import encoded, noise

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
Hire = Callable[..., Actor]
Report = Callable[..., ItemResult]


@pytest.fixture
def vault(app: Flask) -> Vault:
    found: Vault = app.extensions["carbonaccount.vault"]
    return found


@pytest.fixture
def hire(session: Session, vault: Vault) -> Hire:
    """Add a member of staff, by default a reviewer; returns them as the one who acts."""

    def hired(login: str, *roles: Role) -> Actor:
        added = add_staff(
            session,
            login=login,
            display_name=login,
            password="correct horse battery",
            roles=frozenset(roles or {Role.REVIEWER}),
            vault=vault,
            acting_user=SYSTEM,
            now=NOW,
        )
        return staff_actor(added.staff)

    return hired


@pytest.fixture
def account_id(session: Session) -> int:
    """A resident."""
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=NOW)
    return account.stored_id


@pytest.fixture
def report(session: Session, account_id: int, tmp_path: Path) -> Report:
    """Let the resident report a bus trip of this morning."""
    minutes = iter(range(1, 60))

    def reported(km: str, *, photo: bool = True) -> ItemResult:
        minute = next(minutes)
        return report_act(
            session,
            account_id=account_id,
            behavior="bus_trip",
            activity={"distance_km": km},
            occurred_at=NOW.replace(hour=1, minute=minute),
            photo=encoded(noise(minute)) if photo else None,
            photo_folder=tmp_path,
            form_token=f"form-{minute}",
            acting_user=SYSTEM,
            now=NOW,
        )

    return reported
