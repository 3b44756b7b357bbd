"""A counter for each test."""

import pytest
from flask import Flask
from sqlmodel import Session

from tests.rewards.merchants.counter import Counter


@pytest.fixture
def counter(app: Flask, session: Session) -> Counter:
    """A merchant with a till, a cashier and a holder of credits."""
    return Counter(app, session)
