"""Making an event good and publishing it: by lots, by a second person, with a sealed certificate.

An event is neutral only when what was retired for it is at least what it emitted, and the account
leaves out no source that the plan declared.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, NotFound, Refused
from carbonaccount.institutions import event_account, event_gaps, retiring
from carbonaccount.institutions.event_accounting import closed_account, totals_of
from carbonaccount.institutions.event_models import (
    Event,
    EventAccount,
    EventCertificate,
    EventState,
)
from carbonaccount.institutions.event_plans import measures_of
from carbonaccount.institutions.events import change_state, locked, trail
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.retiring import Purpose, RetiredLot
from carbonaccount.sealing import canonical, normal_number, seal_holds, seal_of

# 2: the account tells the sources that it has no grams of, and whether it may be called neutral.
VERSION = 2
SEAL_PURPOSE = "event-certificate"
NUMBER_LENGTH = 16


@dataclass(frozen=True)
class Balance:
    """What an event emitted, what was retired for it, and what is left; grams."""

    total_g: int
    lots: tuple[RetiredLot, ...]

    @property
    def retired_g(self) -> int:
        """Return the sum of the lots."""
        return sum(lot.amount_g for lot in self.lots)

    @property
    def left_g(self) -> int:
        """Return what is still to be made good."""
        return max(0, self.total_g - self.retired_g)

    @property
    def is_neutral(self) -> bool:
        """Return whether what was retired is at least what was emitted."""
        return self.left_g == 0


def balance_of(session: Session, event: Event) -> Balance:
    """Return how far an event is made good. Raises Conflict (event_state) before it is closed."""
    account = closed_account(session, event)
    lots = retiring.retired_for(session, purpose=Purpose.EVENT, purpose_id=event.stored_id)
    return Balance(account.total_g, tuple(lots))


def choices_for(session: Session, event: Event, on: date) -> list[retiring.Choice]:
    """Return the lots that policy takes first for what is left, and why."""
    left_g = balance_of(session, event).left_g
    if not left_g:
        return []
    return retiring.choose(session, institution_id=event.institution_id, need_g=left_g, on=on)


def make_good(session: Session, *, event: Event, acting_user: Actor, now: datetime) -> int:
    """Retire lots for what is left, in the order of policy; returns the grams.

    Raises Conflict (event_state, event_nothing_left, event_no_lots, lot_not_held).
    """
    event = locked(session, event, EventState.OFFSET)
    if not balance_of(session, event).left_g:
        raise Conflict("event_nothing_left")
    chosen = choices_for(session, event, business_day(now))
    if not chosen:
        raise Conflict("event_no_lots")
    lot_ids = retiring.set_apart(session, choices=chosen, acting_user=acting_user, now=now)
    retiring.retire(
        session,
        institution_id=event.institution_id,
        lot_ids=lot_ids,
        purpose=Purpose.EVENT,
        purpose_id=event.stored_id,
        acting_user=acting_user,
        now=now,
    )
    grams = sum(choice.take_g for choice in chosen)
    trail(session, event, "offset", acting_user=acting_user, now=now, grams=grams)
    return grams


def publish(
    session: Session, *, event: Event, vault: Vault, acting_user: Actor, now: datetime
) -> EventCertificate:
    """Publish an event that is made good, with a certificate.

    Raises Conflict (event_state, event_not_neutral with `left_g`), Refused (second_person) for
    whoever closed the account.
    """
    event = locked(session, event, EventState.OFFSET)
    account = closed_account(session, event)
    if account.settled_by == acting_user.id:
        raise Refused("event_second_person")
    balance = balance_of(session, event)
    if not balance.is_neutral:
        raise Conflict("event_not_neutral", left_kg=-(-balance.left_g // 1000))
    number = new_public_id()
    payload = canonical(_payload(session, event, account, balance, number, now))
    certificate = EventCertificate(
        event_id=event.stored_id,
        account_id=account.id or 0,
        number=number,
        payload=payload,
        seal=seal_of(payload, vault, purpose=SEAL_PURPOSE),
        published_by=acting_user.id or 0,
        issued_at=now,
    )
    session.add(certificate)
    event.state, event.state_reason = EventState.PUBLISHED, ""
    session.flush()
    trail(session, event, "publish", acting_user=acting_user, now=now, number=number)
    return certificate


def _payload(
    session: Session,
    event: Event,
    account: EventAccount,
    balance: Balance,
    number: str,
    now: datetime,
) -> dict[str, Any]:
    """Return all that the certificate says, in plain JSON."""
    institution = session.get_one(Institution, event.institution_id)
    offset_on = max((business_day(lot.retired_at) for lot in balance.lots), default=None)
    return {
        "v": VERSION,
        "number": number,
        "issued_on": business_day(now).isoformat(),
        "total_g": account.total_g,
        "retired_g": balance.retired_g,
        "institution": {"zh": institution.name_zh, "en": institution.name_en},
        "event": _about(event),
        "account": json.loads(account.content),
        "neutral": not totals_of(session, event).left_out,
        "settled_on": business_day(account.settled_at).isoformat(),
        "measures": [
            {
                "source": row.source,
                "what": row.what,
                "expected_g": row.expected_g,
                "achieved_g": row.achieved_g,
            }
            for row in measures_of(session, event)
        ],
        "lots": [lot_facts(lot) for lot in balance.lots],
        "offset_on": offset_on.isoformat() if offset_on else None,
        "late": offset_on is not None and offset_on > event.offset_due,
    }


def _about(event: Event) -> dict[str, Any]:
    return {
        "public_id": event.public_id,
        "kind": event.kind,
        "name": {"zh": event.name_zh, "en": event.name_en},
        "place": event.place,
        "first_day": event.first_day.isoformat(),
        "last_day": event.last_day.isoformat(),
        "offset_due": event.offset_due.isoformat(),
    }


def lot_facts(lot: RetiredLot) -> dict[str, Any]:
    """Return what a certificate says of a lot."""
    return {
        "serial_first": lot.serial_first,
        "serial_last": lot.serial_last,
        "kind": lot.kind.value,
        "amount_g": lot.amount_g,
        "registry": lot.registry,
        "vintage": lot.vintage,
        "retired_on": business_day(lot.retired_at).isoformat(),
    }


def withdraw(
    session: Session, *, event: Event, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Withdraw a published event and its certificate with a reason that everybody reads.

    Raises Conflict (event_state), Invalid (reason_length).
    """
    event = locked(session, event, EventState.PUBLISHED)
    change_state(
        session, event, EventState.WITHDRAWN, reason=reason, acting_user=acting_user, now=now
    )
    certificate = certificate_of(session, event)
    if certificate is not None and certificate.withdrawn_at is None:
        certificate.withdrawn_at, certificate.withdrawn_reason = now, event.state_reason
        session.flush()


def certificate_of(session: Session, event: Event) -> EventCertificate | None:
    """Return the newest certificate of an event, withdrawn or not."""
    return session.exec(
        select(EventCertificate)
        .where(col(EventCertificate.event_id) == event.stored_id)
        .order_by(col(EventCertificate.id).desc())
    ).first()


def find_certificate(session: Session, number: str) -> EventCertificate:
    """Return a certificate by its number. Raises NotFound (unknown_certificate)."""
    found = session.exec(
        select(EventCertificate).where(col(EventCertificate.number) == normal_number(number))
    ).first()
    if found is None:
        raise NotFound("unknown_certificate")
    return found


def payload_of(certificate: EventCertificate) -> dict[str, Any]:
    """Return what a certificate says."""
    payload: dict[str, Any] = json.loads(certificate.payload)
    return payload


def totals_in(session: Session, certificate: EventCertificate) -> event_account.EventTotals:
    """Return the account that a certificate holds, and what of the plan it leaves out."""
    event = session.get_one(Event, certificate.event_id)
    totals = event_account.from_json(json.dumps(payload_of(certificate)["account"]))
    return event_gaps.with_plan(session, event, totals)


class Verdict(StrEnum):
    """What the check page says of a certificate."""

    UNKNOWN = "unknown"
    ALTERED = "altered"  # what we keep does not fit its seal
    DIFFERS = "differs"  # the number exists, what is printed beside it is something else
    WITHDRAWN = "withdrawn"
    EXISTS = "exists"  # there is one of this number; nothing else was given to compare
    GENUINE = "genuine"


@dataclass(frozen=True)
class Checked:
    """The verdict, the certificate if there is one, and which printed things differ."""

    verdict: Verdict
    certificate: EventCertificate | None = None
    differing: tuple[str, ...] = ()


def check(
    session: Session, *, number: str, total_g: int | None, issued_on: date | None, vault: Vault
) -> Checked:
    """Compare what is printed with what was sealed; None for what was not given."""
    try:
        certificate = find_certificate(session, number)
    except NotFound:
        return Checked(Verdict.UNKNOWN)
    payload = payload_of(certificate)
    holds = seal_holds(certificate.payload, certificate.seal, vault, purpose=SEAL_PURPOSE)
    if not holds or payload["number"] != certificate.number:
        return Checked(Verdict.ALTERED, certificate)
    differing = _differing(payload, total_g, issued_on)
    if differing:
        return Checked(Verdict.DIFFERS, certificate, differing)
    if certificate.withdrawn_at is not None:
        return Checked(Verdict.WITHDRAWN, certificate)
    whole = total_g is not None and issued_on is not None
    return Checked(Verdict.GENUINE if whole else Verdict.EXISTS, certificate)


def _differing(
    payload: Mapping[str, Any], total_g: int | None, issued_on: date | None
) -> tuple[str, ...]:
    found = []
    if total_g is not None and total_g != payload["total_g"]:
        found.append("total")
    if issued_on is not None and issued_on.isoformat() != payload["issued_on"]:
        found.append("date")
    return tuple(found)
