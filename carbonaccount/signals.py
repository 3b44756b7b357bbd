"""The few facts that other rooms react to, in the same transaction as the fact itself."""

from collections.abc import Callable
from datetime import date, datetime

from sqlmodel import Session

Handler = Callable[..., None]

_consent_withdrawn: list[Handler] = []
_district_changed: list[Handler] = []
_membership_changed: list[Handler] = []


def on_consent_withdrawn(handler: Handler) -> Handler:
    """Call `handler(session, account_id=, purposes=, now=)` when consents are withdrawn."""
    if handler not in _consent_withdrawn:
        _consent_withdrawn.append(handler)
    return handler


def consent_withdrawn(
    session: Session, *, account_id: int, purposes: list[str], now: datetime
) -> None:
    """Tell the other rooms; whatever one of them raises undoes the withdrawal as well."""
    for handler in _consent_withdrawn:
        handler(session, account_id=account_id, purposes=purposes, now=now)


def on_district_changed(handler: Handler) -> Handler:
    """Call `handler(session, account_id=)` when a resident has told another district."""
    if handler not in _district_changed:
        _district_changed.append(handler)
    return handler


def district_changed(session: Session, *, account_id: int) -> None:
    """Tell the other rooms; whatever one of them raises undoes the change as well."""
    for handler in _district_changed:
        handler(session, account_id=account_id)


def on_membership_changed(handler: Handler) -> Handler:
    """Call `handler(session, account_id=, first_day=, last_day=)` when these days are counted anew.

    They are the days from which, or up to which, a person is counted with an institution.
    """
    if handler not in _membership_changed:
        _membership_changed.append(handler)
    return handler


def membership_changed(
    session: Session, *, account_id: int, first_day: date, last_day: date
) -> None:
    """Tell the other rooms; whatever one of them raises undoes the change as well."""
    for handler in _membership_changed:
        handler(session, account_id=account_id, first_day=first_day, last_day=last_day)
