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
)
from carbonaccount.institutions.serial_numbers import Serials, foreign_registry, parse_serials

EARLIEST = date(2005, 1, 1)
LONGEST_TITLE = 120
# The largest of the 95 public buildings of the sample list emits 46,000 t and uses 49 GWh a year.
# Beyond COUNTED_FROM numbers (10,000 t, or 10 GWh) the count of the paper is asked for as well;
# MOST_BOUGHT (1,000,000 t, or 1 TWh) is twenty such years, and beyond it a typing error.
COUNTED_FROM = 10_000
MOST_BOUGHT = 1_000_000


@dataclass(frozen=True)
class Bought:
    """What a person writes about numbers that an institution bought.

    serial_first, serial_last: whole numbers as the registry prints them. produced_on: a day of
    the month in which the electricity was generated or the reduction came about. count: how many
    numbers it should be, as the paper says; None where that was not given.
    """

    registry: str
    serial_first: str
    serial_last: str
    produced_on: date | None
    title: str
    count: int | None = None


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

    Raises Invalid (registry_unknown, serial_number, serial_range, serial_of_other_registry,
    lot_too_large, lot_count_needed, lot_count_differs, produced_on, lot_title), Conflict
    (certificate_expired with `day`, and what `lots.add` raises).
    """
    registry = REGISTRIES.get(bought.registry)
    if registry is None:
        raise Invalid("registry_unknown", field="registry")
    serials = parse_serials(bought.serial_first, bought.serial_last)
    _check_registry(bought.registry, serials)
    _check_count(serials, bought.count)
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


def _check_registry(registry: str, serials: Serials) -> None:
    other = foreign_registry(registry, serials)
    if other:
        raise Invalid(
            "serial_of_other_registry",
            field="registry",
            name_zh=REGISTRIES[other].name_zh,
            name_en=REGISTRIES[other].name_en,
        )


def _check_count(serials: Serials, said: int | None) -> None:
    """Refuse what a slip of the pen makes of a range: too many, or not as many as the paper says.

    What was said of a small lot must be right too; it need not be said.
    """
    count = serials.last - serials.first + 1
    shown = f"{count:,}"
    if count > MOST_BOUGHT:
        raise Invalid("lot_too_large", field="serial_last", count=shown, limit=f"{MOST_BOUGHT:,}")
    if said is None and count > COUNTED_FROM:
        raise Invalid("lot_count_needed", field="count", count=shown, limit=f"{COUNTED_FROM:,}")
    if said is not None and said != count:
        raise Invalid("lot_count_differs", field="count", count=shown)
