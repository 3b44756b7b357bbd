"""Bought certificates and credits: a range of a registry's numbers and the file that proves it."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.institutions import lots
from carbonaccount.institutions.offset_files import Paper
from carbonaccount.institutions.offset_models import LotKind, OffsetLot
from carbonaccount.institutions.offset_rules import (
    G_PER_TONNE,
    KWH_PER_CERTIFICATE,
    REGISTRIES,
    certificate_end,
    parse_serials,
)

EARLIEST = date(2005, 1, 1)
LONGEST_TITLE = 120


@dataclass(frozen=True)
class Bought:
    """What a person writes about numbers that an institution bought.

    serial_first, serial_last: whole numbers as the registry prints them. produced_on: a day of
    the month in which the electricity was generated or the reduction came about.
    """

    registry: str
    serial_first: str
    serial_last: str
    produced_on: date | None
    title: str


def bring_in(
    session: Session,
    *,
    institution_id: int,
    bought: Bought,
    paper: Paper,
    acting_user: Actor,
    now: datetime,
) -> OffsetLot:
    """Add bought numbers: certificates for the power line, or grams to the books.

    Raises Invalid (registry_unknown, serial_number, serial_range, produced_on, lot_title,
    lot_amount), Conflict (certificate_expired with `day`, serial_taken with `serial`).
    """
    registry = REGISTRIES.get(bought.registry)
    if registry is None:
        raise Invalid("registry_unknown", field="registry")
    serials = parse_serials(bought.serial_first, bought.serial_last)
    today = business_day(now)
    if bought.produced_on is None or not EARLIEST <= bought.produced_on <= today:
        raise Invalid("produced_on", field="produced_on")
    if len(bought.title.strip()) > LONGEST_TITLE:
        raise Invalid("lot_title", field="title", limit=LONGEST_TITLE)
    is_certificate = registry.kind is LotKind.GREEN_CERTIFICATE
    valid_until = certificate_end(bought.produced_on) if is_certificate else None
    if valid_until is not None and valid_until < today:
        raise Conflict("certificate_expired", field="produced_on", day=valid_until.isoformat())
    new = lots.NewLot(
        kind=registry.kind,
        vintage=bought.produced_on.year,
        title=bought.title.strip(),
        registry=bought.registry,
        serials=serials,
        serial_g=0 if is_certificate else G_PER_TONNE,
        serial_kwh=KWH_PER_CERTIFICATE if is_certificate else 0,
        valid_until=valid_until,
        evidence_sha256=paper.sha256,
        evidence_file=paper.file_name,
    )
    return lots.add(
        session,
        institution_id=institution_id,
        new=new,
        grams_from=None if is_certificate else lots.ISSUED,
        acting_user=acting_user,
        now=now,
    )
