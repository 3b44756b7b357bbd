"""Checking a certificate: what is printed is compared with what was sealed, digit by digit.

With the number alone a reader learns only whether such a certificate exists and holds. Who also
gives its total and date, as they stand on the paper, sees what the paper says: nothing is shown
that the holder has not handed over.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from carbonaccount.crypto import Vault
from carbonaccount.sealing import normal_number
from rewards.certificates import REPLACED, holder_name, name_hash, payload_of, seal_of
from rewards.giving_models import Certificate

NUMBER_LENGTH = 16


class Verdict(StrEnum):
    """What the check page says."""

    UNKNOWN = "unknown"  # no certificate has this number
    ALTERED = "altered"  # what we keep does not fit its seal
    DIFFERS = "differs"  # the number exists, what is printed beside it is something else
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    EXISTS = "exists"  # there is one of this number; nothing else was given to compare
    GENUINE = "genuine"  # number, total and date are those that were sealed


@dataclass(frozen=True)
class Checked:
    """The verdict, which of the printed things differ, and, only if all fit, what it says."""

    verdict: Verdict
    certificate: Certificate | None = None
    differing: tuple[str, ...] = ()
    payload: Mapping[str, Any] | None = None
    holder: str = ""


def check(
    session: Session, *, number: str, total: int | None, issued_on: date | None, vault: Vault
) -> Checked:
    """Compare what is printed with what was sealed; None for what was not given."""
    certificate = session.exec(
        select(Certificate).where(col(Certificate.number) == normal_number(number))
    ).first()
    if certificate is None:
        return Checked(Verdict.UNKNOWN)
    if not seal_holds(certificate, vault):
        return Checked(Verdict.ALTERED, certificate)
    payload = payload_of(certificate)
    differing = _differing(payload, total, issued_on)
    if differing:
        return Checked(Verdict.DIFFERS, certificate, differing)
    if certificate.withdrawn_at is not None:
        replaced = certificate.withdrawn_why == REPLACED
        return Checked(Verdict.REPLACED if replaced else Verdict.WITHDRAWN, certificate)
    if total is None or issued_on is None:
        return Checked(Verdict.EXISTS, certificate)
    holder = holder_name(certificate, vault)
    return Checked(Verdict.GENUINE, certificate, (), payload, holder)


def seal_holds(certificate: Certificate, vault: Vault) -> bool:
    """Return whether a certificate is stored as it was sealed, its number and name included."""
    if not hmac.compare_digest(seal_of(certificate.payload, vault), certificate.seal):
        return False
    payload = payload_of(certificate)
    name = holder_name(certificate, vault)
    # An erased name is no alteration; another one is.
    name_fits = not name or payload["holder"] == name_hash(certificate.number, name, vault)
    return bool(payload["number"] == certificate.number and name_fits)


def _differing(
    payload: Mapping[str, Any], total: int | None, issued_on: date | None
) -> tuple[str, ...]:
    found = []
    if total is not None and total != payload["total"]:
        found.append("total")
    if issued_on is not None and issued_on.isoformat() != payload["issued_on"]:
        found.append("date")
    return tuple(found)
