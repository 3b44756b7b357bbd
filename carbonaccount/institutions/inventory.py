"""The life of a year's inventory: opened, submitted, sent back or locked, corrected anew."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.institutions.inventory_entries import FIELDS
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryBaseYear,
    InventoryChange,
    InventoryLine,
    InventoryStatus,
    InventoryUpload,
)
from carbonaccount.institutions.inventory_results import sums_of
from carbonaccount.institutions.models import Institution

EARLIEST_YEAR = 2000
SHORTEST_REASON, LONGEST_REASON = 2, 500
LARGEST_AREA_M2 = 100_000_000
MOST_HEADS = 10_000_000
OPEN, IN_REVIEW, LOCKED = (
    InventoryStatus.OPEN,
    InventoryStatus.IN_REVIEW,
    InventoryStatus.LOCKED,
)


def versions(session: Session, *, institution_id: int, year: int) -> list[Inventory]:
    """Return all versions of a year, the newest first."""
    rows = session.exec(
        select(Inventory)
        .where(col(Inventory.institution_id) == institution_id, col(Inventory.year) == year)
        .order_by(col(Inventory.version).desc())
    )
    return list(rows)


def find(session: Session, *, institution_id: int, year: int) -> Inventory:
    """Return the newest version of a year. Raises NotFound (inventory_not_found)."""
    found = versions(session, institution_id=institution_id, year=year)
    if not found:
        raise NotFound("inventory_not_found", year=year)
    return found[0]


def locked_row(session: Session, *, institution_id: int, year: int) -> Inventory:
    """Return the newest version of a year, locked against others until the commit.

    Raises NotFound (inventory_not_found).
    """
    while True:
        newest = find(session, institution_id=institution_id, year=year)
        row = session.exec(
            select(Inventory)
            .where(col(Inventory.id) == newest.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).first()
        # Whoever held it before may have begun a correction, or given one up.
        if row is not None and row is find(session, institution_id=institution_id, year=year):
            return row


def one_at_a_time(session: Session, institution_id: int) -> None:
    """Let nobody else begin a year, choose a base year or keep a file until the commit."""
    session.exec(
        select(col(Institution.id))
        .where(col(Institution.id) == institution_id)
        .with_for_update(key_share=True)
    ).one()


def at_work(session: Session, *, institution_id: int, year: int) -> Inventory:
    """Return the version that may be written, locked until the commit.

    Raises NotFound (inventory_not_found), Conflict (inventory_not_open).
    """
    row = locked_row(session, institution_id=institution_id, year=year)
    _require(row, OPEN)
    return row


def open_year(
    session: Session,
    *,
    institution: Institution,
    year: int,
    acting_user: Actor,
    now: datetime,
    origin: str = "",
) -> Inventory:
    """Begin the inventory of a year with the institution's present area and head count.

    Raises Invalid (inventory_year), Conflict (inventory_exists).
    """
    latest = business_day(now).year
    if not EARLIEST_YEAR <= year <= latest:
        raise Invalid("inventory_year", field="year", first=EARLIEST_YEAR, last=latest)
    one_at_a_time(session, institution.stored_id)
    if versions(session, institution_id=institution.stored_id, year=year):
        raise Conflict("inventory_exists", year=year)
    row = Inventory(
        institution_id=institution.stored_id,
        year=year,
        floor_area_dm2=institution.floor_area_dm2,
        head_count=institution.head_count,
        created_by=person_of(acting_user),
        created_at=now,
        origin=origin,
    )
    session.add(row)
    session.flush()
    note(session, "inventory.open", row, acting_user, now)
    return row


def set_sizes(
    session: Session,
    *,
    inventory: Inventory,
    floor_area_dm2: int,
    head_count: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Set floor area and head count of the year. Raises Invalid (inventory_sizes), Conflict."""
    _require(inventory, OPEN)
    if not 0 <= floor_area_dm2 <= LARGEST_AREA_M2 * 100:
        raise Invalid("inventory_sizes", field="floor_area_m2", limit=LARGEST_AREA_M2)
    if not 0 <= head_count <= MOST_HEADS:
        raise Invalid("inventory_sizes", field="head_count", limit=MOST_HEADS)
    inventory.floor_area_dm2, inventory.head_count = floor_area_dm2, head_count
    note(
        session,
        "inventory.sizes",
        inventory,
        acting_user,
        now,
        floor_area_dm2=floor_area_dm2,
        head_count=head_count,
    )


def submit(session: Session, *, inventory: Inventory, acting_user: Actor, now: datetime) -> None:
    """Hand the version to a second person. Raises Invalid (inventory_empty), Conflict."""
    _require(inventory, OPEN)
    if not lines_in(session, inventory):
        raise Invalid("inventory_empty")
    inventory.status = IN_REVIEW
    inventory.submitted_by, inventory.submitted_at = acting_user.id, now
    inventory.returned_by, inventory.returned_at, inventory.return_reason = None, None, ""
    note(session, "inventory.submit", inventory, acting_user, now)


def send_back(
    session: Session, *, inventory: Inventory, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Open the version again with a reason. Raises Invalid (reason_length), Conflict."""
    _require(inventory, IN_REVIEW)
    text = checked_reason(reason)
    inventory.status = OPEN
    inventory.returned_by, inventory.returned_at = acting_user.id, now
    inventory.return_reason = text
    note(session, "inventory.return", inventory, acting_user, now, reason=text)


def take_back(session: Session, *, inventory: Inventory, acting_user: Actor, now: datetime) -> None:
    """Open a submitted version again before it is reviewed. Raises Conflict."""
    _require(inventory, IN_REVIEW)
    inventory.status = OPEN
    inventory.submitted_by, inventory.submitted_at = None, None
    note(session, "inventory.take_back", inventory, acting_user, now)


def lock(session: Session, *, inventory: Inventory, acting_user: Actor, now: datetime) -> None:
    """Lock the version for good; only a second person can.

    Raises Refused (own_inventory) for whoever submitted it, (own_lines) for whoever wrote a line
    of it, Conflict (inventory_not_in_review).
    """
    _require(inventory, IN_REVIEW)
    if inventory.submitted_by == acting_user.id:
        raise Refused("own_inventory")
    if wrote_in(session, inventory=inventory, account_id=acting_user.id):
        raise Refused("own_lines")
    inventory.status = LOCKED
    inventory.locked_by, inventory.locked_at = acting_user.id, now
    inventory.sums = sums_of([(line, "") for line in lines_in(session, inventory)])
    note(session, "inventory.lock", inventory, acting_user, now)


def wrote_in(session: Session, *, inventory: Inventory, account_id: int | None) -> bool:
    """Return whether a person entered, changed, imported or removed a line of this version.

    Taking back one's own act leaves nothing of oneself; taking back another's is writing. Lines
    that a correction copied were checked with the version they come from.
    """
    mine = sa.and_(col(InventoryChange.changed_by) == account_id, ~col(InventoryChange.undone))
    took_back = sa.and_(
        col(InventoryChange.undone),
        col(InventoryChange.changed_by).is_distinct_from(account_id),
        col(InventoryLine.changed_by) == account_id,
    )
    found = session.exec(
        select(col(InventoryChange.id))
        .join(InventoryLine, col(InventoryLine.id) == col(InventoryChange.line_id))
        .where(col(InventoryChange.inventory_id) == inventory.stored_id, sa.or_(mine, took_back))
        .limit(1)
    ).first()
    return found is not None


def correct(
    session: Session, *, inventory: Inventory, reason: str, acting_user: Actor, now: datetime
) -> Inventory:
    """Begin a new version of a locked year, with the lines as they are; the old one stays.

    Raises Invalid (reason_length), Conflict (inventory_not_locked).
    """
    _require(inventory, LOCKED)
    row = Inventory(
        institution_id=inventory.institution_id,
        year=inventory.year,
        version=inventory.version + 1,
        reason=checked_reason(reason),
        floor_area_dm2=inventory.floor_area_dm2,
        head_count=inventory.head_count,
        created_by=person_of(acting_user),
        created_at=now,
    )
    session.add(row)
    session.flush()
    session.add_all(_copied(line, row) for line in lines_in(session, inventory))
    session.flush()
    note(session, "inventory.correct", row, acting_user, now, reason=row.reason)
    return row


def drop_correction(
    session: Session, *, inventory: Inventory, reason: str, acting_user: Actor, now: datetime
) -> None:
    """Give up a correction that was begun and never locked; the locked version stands as before.

    Raises Invalid (reason_length), Conflict (inventory_not_open, no_correction).
    """
    _require(inventory, OPEN)
    if inventory.version == 1:
        raise Conflict("no_correction")
    text = checked_reason(reason)
    # Nothing was ever said on the strength of it: the trail keeps that it was, and why it went.
    lines = len(lines_in(session, inventory))
    note(
        session, "inventory.drop_correction", inventory, acting_user, now, reason=text, lines=lines
    )
    for table in (InventoryUpload, InventoryChange, InventoryLine):
        session.exec(sa.delete(table).where(col(table.inventory_id) == inventory.stored_id))
    session.delete(inventory)
    session.flush()


def _copied(line: InventoryLine, into: Inventory) -> InventoryLine:
    fields = {name: getattr(line, name) for name in FIELDS}
    return InventoryLine(
        inventory_id=into.stored_id,
        origin_id=line.origin_id or line.stored_id,
        changed_by=line.changed_by,
        changed_at=line.changed_at,
        **fields,
    )


def set_base_year(
    session: Session,
    *,
    institution: Institution,
    year: int,
    reason: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Choose the year that others are measured against.

    Raises NotFound (inventory_not_found) for a year without an inventory, Invalid (reason_length).
    """
    one_at_a_time(session, institution.stored_id)
    find(session, institution_id=institution.stored_id, year=year)
    row = session.get(InventoryBaseYear, institution.stored_id)
    if row is None:
        row = InventoryBaseYear(
            institution_id=institution.stored_id,
            year=year,
            reason="",
            changed_by=acting_user.id or 0,
            changed_at=now,
        )
    row.year, row.reason = year, checked_reason(reason)
    row.changed_by, row.changed_at = acting_user.id or 0, now
    session.add(row)
    audit.record(
        session,
        acting_user=acting_user,
        action="inventory.base_year",
        subject=f"institution:{institution.public_id}",
        now=now,
        reason=row.reason,
        year=year,
    )


def lines_in(session: Session, inventory: Inventory) -> list[InventoryLine]:
    """Return the lines in force of a version."""
    rows = session.exec(
        select(InventoryLine)
        .where(
            col(InventoryLine.inventory_id) == inventory.stored_id,
            ~col(InventoryLine.removed),
        )
        .order_by(col(InventoryLine.id))
    )
    return list(rows)


def checked_reason(reason: str) -> str:
    """Return a reason without blanks around it. Raises Invalid (reason_length)."""
    text = reason.strip()
    if not SHORTEST_REASON <= len(text) <= LONGEST_REASON:
        raise Invalid(
            "reason_length", field="reason", minimum=SHORTEST_REASON, maximum=LONGEST_REASON
        )
    return text


def person_of(actor: Actor) -> int | None:
    """Return the account of a resident who acts, None for an operator or the system."""
    return actor.id if actor.kind == "resident" else None


def _require(inventory: Inventory, status: str) -> None:
    if inventory.status != status:
        raise Conflict(f"inventory_not_{status}", status=inventory.status)


def note(
    session: Session,
    action: str,
    inventory: Inventory,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
    **details: Any,
) -> None:
    """Write an act into the trail."""
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"inventory:{inventory.stored_id}",
        now=now,
        reason=reason,
        year=inventory.year,
        version=inventory.version,
        **details,
    )
