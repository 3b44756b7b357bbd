"""Certificates: a resident's year, a donation, an adopted tree, each sealed over every digit.

What a certificate says is written once, as canonical JSON, with a keyed hash over it. The name
that its holder wants to show is not part of that text: it is kept encrypted beside it, with a
consent, and can be erased; the text holds a keyed hash of it, so that no other name fits.
A certificate of the same thing with other content takes the place of the one before.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit, signals
from carbonaccount.accounts.models import Account
from carbonaccount.accounts.services import (
    WEB_CHANNEL,
    give_consent,
    new_public_id,
    withdraw_consent,
)
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.messages.services import send
from carbonaccount.sealing import canonical
from rewards.beneficiaries import APPROVERS, check_reason
from rewards.certificate_content import Content
from rewards.giving_models import Certificate

VERSION = 1
SEAL_PURPOSE = "certificate"
HOLDER_PURPOSE = "certificate-holder"
CONSENT_VERSION = "certificate-1"
LONGEST_NAME = 40
REPLACED, BY_HOLDER, BY_STAFF = "replaced", "holder", "staff"
_CONSENT = "certificate:"


@dataclass(frozen=True)
class ShownName:
    """The name that a holder typed, "" for none, and the text with which they agreed to show it."""

    name: str = ""
    statement: str = ""


def consent_purpose(number: str) -> str:
    """Return the purpose of the consent that a name on a certificate stands on."""
    return f"{_CONSENT}{number}"


def numbers_named(purposes: Collection[str]) -> list[str]:
    """Return the numbers of the certificates that purposes of consents name."""
    return [item.removeprefix(_CONSENT) for item in purposes if item.startswith(_CONSENT)]


def payload_of(certificate: Certificate) -> dict[str, Any]:
    """Return what a certificate says."""
    payload: dict[str, Any] = json.loads(certificate.payload)
    return payload


def seal_of(payload: str, vault: Vault) -> str:
    """Return the keyed hash over a certificate's text."""
    return vault.index(payload, purpose=SEAL_PURPOSE)


def holder_name(certificate: Certificate, vault: Vault) -> str:
    """Return the name that is shown, "" when none was chosen or it was erased."""
    if certificate.holder_sealed is None:
        return ""
    return vault.open(certificate.holder_sealed, purpose=HOLDER_PURPOSE)


def issue(
    session: Session,
    *,
    account_id: int,
    content: Content,
    shown: ShownName,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> Certificate:
    """Write a certificate, or return the one that says the same and shows the same name.

    Another one about the same thing is withdrawn as replaced. Raises Invalid (holder_name,
    consent_needed).
    """
    name = _checked_name(shown)
    session.exec(select(Account.id).where(col(Account.id) == account_id).with_for_update()).one()
    before = _of_cause(session, account_id, content)
    current = next((item for item in before if item.withdrawn_at is None), None)
    if current is not None and _says(current, content) and holder_name(current, vault) == name:
        return current
    number = new_public_id()
    payload = _sealed_text(number, content, name, vault, now)
    certificate = Certificate(
        number=number,
        kind=content.kind,
        account_id=account_id,
        cause=content.cause,
        revision=len(before),
        payload=payload,
        seal=seal_of(payload, vault),
        holder_sealed=vault.seal(name, purpose=HOLDER_PURPOSE) if name else None,
        issued_at=now,
    )
    session.add(certificate)
    session.flush()
    if name:
        _agree(session, certificate, shown.statement, acting_user, now)
    if current is not None:
        _end(session, current, why=REPLACED, reason="", acting_user=acting_user, now=now)
    _audit(session, "issue", certificate, acting_user, now)
    return certificate


def _checked_name(shown: ShownName) -> str:
    name = " ".join(shown.name.split())
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid("holder_name", field="holder_name", limit=LONGEST_NAME)
    if name and not shown.statement.strip():
        raise Invalid("consent_needed", field="agree")
    return name


def _of_cause(session: Session, account_id: int, content: Content) -> list[Certificate]:
    return list(
        session.exec(
            select(Certificate)
            .where(
                col(Certificate.account_id) == account_id,
                col(Certificate.kind) == content.kind,
                col(Certificate.cause) == content.cause,
            )
            .order_by(col(Certificate.revision))
            .execution_options(populate_existing=True)
        )
    )


def _says(certificate: Certificate, content: Content) -> bool:
    payload = payload_of(certificate)
    return _body(content).items() <= payload.items()


def _body(content: Content) -> dict[str, Any]:
    return {
        "kind": content.kind,
        "total": content.total,
        "unit": content.unit,
        "about": dict(content.about),
    }


def _sealed_text(number: str, content: Content, name: str, vault: Vault, now: datetime) -> str:
    """Return what is sealed: the same things give the same text, byte by byte."""
    return canonical(
        {
            **_body(content),
            "v": VERSION,
            "number": number,
            "issued_on": business_day(now).isoformat(),
            "holder": name_hash(number, name, vault),
        }
    )


def name_hash(number: str, name: str, vault: Vault) -> str:
    """Return what binds a name to a certificate without telling it; "" for no name."""
    return vault.index(f"{number}\n{name}", purpose=HOLDER_PURPOSE) if name else ""


def _agree(
    session: Session, certificate: Certificate, statement: str, acting_user: Actor, now: datetime
) -> None:
    give_consent(
        session,
        account_id=certificate.account_id,
        purpose=consent_purpose(certificate.number),
        version=CONSENT_VERSION,
        text=statement,
        channel=WEB_CHANNEL,
        acting_user=acting_user,
        now=now,
    )


def take_back(
    session: Session, *, number: str, account_id: int, acting_user: Actor, now: datetime
) -> Certificate:
    """Let a holder withdraw their own certificate; the name on it is erased.

    Raises NotFound (unknown_certificate), Conflict (certificate_withdrawn).
    """
    certificate = _standing(session, number)
    if certificate.account_id != account_id:
        raise NotFound("unknown_certificate")
    _end(session, certificate, why=BY_HOLDER, reason="", acting_user=acting_user, now=now)
    return certificate


def withdraw(
    session: Session, *, number: str, reason: str, acting_user: Actor, now: datetime
) -> Certificate:
    """Let staff withdraw a certificate with a reason, which its holder reads.

    Raises NotFound (unknown_certificate), Conflict (certificate_withdrawn), Invalid
    (reason_needed), Refused for anybody but an approver of rewards.
    """
    require_role(session, acting_user=acting_user, roles=APPROVERS)
    check_reason(reason)
    certificate = _standing(session, number)
    _end(
        session,
        certificate,
        why=BY_STAFF,
        reason=reason.strip(),
        acting_user=acting_user,
        now=now,
    )
    send(
        session,
        account_id=certificate.account_id,
        kind="certificate_withdrawn",
        cause=f"certificate:{certificate.id}",
        params={"number": number},
        now=now,
    )
    return certificate


def _standing(session: Session, number: str) -> Certificate:
    found = session.exec(
        select(Certificate)
        .where(col(Certificate.number) == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound("unknown_certificate")
    if found.withdrawn_at is not None:
        raise Conflict("certificate_withdrawn")
    return found


def _end(
    session: Session,
    certificate: Certificate,
    *,
    why: str,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    certificate.withdrawn_at, certificate.withdrawn_why = now, why
    certificate.withdrawn_reason = reason
    session.flush()
    # The name has served its purpose: the consent ends, and with it the name goes.
    withdraw_consent(
        session,
        account_id=certificate.account_id,
        purpose=consent_purpose(certificate.number),
        acting_user=acting_user,
        now=now,
    )
    _audit(session, f"withdraw.{why}", certificate, acting_user, now, reason or None)


@signals.on_consent_withdrawn
def erase_names(session: Session, *, account_id: int, purposes: list[str], now: datetime) -> None:
    """Erase the names whose consent has ended, by whatever way; the certificates stay."""
    numbers = numbers_named(purposes)
    if numbers:
        session.exec(
            sa.update(Certificate)
            .where(col(Certificate.account_id) == account_id, col(Certificate.number).in_(numbers))
            .values(holder_sealed=None)
        )


def _audit(
    session: Session,
    step: str,
    certificate: Certificate,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=f"certificate.{step}",
        subject=f"certificate:{certificate.number}",
        now=now,
        reason=reason,
    )
