"""Erin drafts rules, Anna approves them, Bea may do both."""

import pytest
from flask import Flask

from carbonaccount.accounts.roles import Role
from tests.admin.desk import staff
from tests.people import Browser


@pytest.fixture
def erin(app: Flask) -> Browser:
    """A rule editor."""
    return staff(app, Role.RULE_EDITOR, login="erin")


@pytest.fixture
def anna(app: Flask) -> Browser:
    """A rule approver."""
    return staff(app, Role.RULE_APPROVER, login="anna")


@pytest.fixture
def bea(app: Flask) -> Browser:
    """A person with both roles."""
    return staff(app, Role.RULE_EDITOR, Role.RULE_APPROVER, login="bea")
