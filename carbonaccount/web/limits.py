"""Counting tries of a request: in a transaction of its own, so that a refusal is remembered."""

from flask import current_app, request

from carbonaccount.accounts.limits import Limit, address_key, count_try, give_back, refuse_excess
from carbonaccount.clock import utc_now
from carbonaccount.crypto import Vault
from carbonaccount.web.database import writing_session

Try = tuple[Limit, str]


def vault() -> Vault:
    """Return the application's vault."""
    found: Vault = current_app.extensions["carbonaccount.vault"]
    return found


def this_address() -> str:
    """Return the blind index of the address this request came from."""
    return address_key(vault(), request.remote_addr)


def count_or_refuse(*tries: Try) -> None:
    """Count tries in the order given, stop at the first that is one too many, and refuse it.

    The counts are committed before the refusal. Call it before the request's own session is used:
    on SQLite two writing transactions of one request would wait for each other. Raises
    LimitReached with `retry_after_s`.
    """
    now = utc_now()
    with writing_session() as session:
        for limit, key_index in tries:
            counted = count_try(session, limit=limit, key_index=key_index, now=now)
            if counted.count > limit.maximum:
                break
        session.commit()
    refuse_excess([counted], now=now)


def forgive(*tries: Try) -> None:
    """Take back tries that turned out to be rightful."""
    with writing_session() as session:
        for limit, key_index in tries:
            give_back(session, limit=limit, key_index=key_index)
        session.commit()
