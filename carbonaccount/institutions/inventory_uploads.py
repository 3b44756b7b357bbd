"""A file of lines between being sent and being taken: kept, looked at, then taken or given up.

A file is taken whole or not at all, and as it would be at that moment: what it does is worked out
anew from the lines that are there then.
"""

import secrets
from datetime import datetime

from sqlmodel import Session

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.factors import FactorBook
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions import inventory_lines as writing
from carbonaccount.institutions.inventory_evidence import evidence_of, shown_name
from carbonaccount.institutions.inventory_models import Inventory, InventoryLine, InventoryUpload
from carbonaccount.institutions.inventory_reading import Plan, plan_upload


def keep(
    session: Session,
    *,
    inventory: Inventory,
    content: bytes,
    name: str,
    acting_user: Actor,
    now: datetime,
) -> InventoryUpload:
    """Keep a file that can be read; one that waited before is given up.

    Raises Invalid as reading it does, Conflict (inventory_not_open).
    """
    shown = shown_name(name, "xlsx")
    planned(session, inventory=inventory, content=content, name=shown)
    row = session.get(InventoryUpload, inventory.stored_id) or InventoryUpload(
        inventory_id=inventory.stored_id,
        key="",
        name="",
        content=b"",
        uploaded_by=acting_user.id or 0,
        uploaded_at=now,
    )
    row.key, row.name, row.content = secrets.token_hex(8), shown, content
    row.uploaded_by, row.uploaded_at = acting_user.id or 0, now
    session.add(row)
    session.flush()
    return row


def waiting(session: Session, *, inventory: Inventory) -> InventoryUpload | None:
    """Return the file that waits to be taken."""
    return session.get(InventoryUpload, inventory.stored_id)


def planned(session: Session, *, inventory: Inventory, content: bytes, name: str) -> Plan:
    """Return what a file would do now."""
    return plan_upload(
        content,
        name,
        year=inventory.year,
        book=FactorBook.load(session),
        present=life.lines_in(session, inventory),
        evidence=evidence_of(session, institution_id=inventory.institution_id),
    )


def lines_after(
    inventory: Inventory, present: list[InventoryLine], plan: Plan
) -> list[InventoryLine]:
    """Return the lines as they would be, as objects that no session knows."""
    changed = {line.line_id: line.fields for line in plan.changed}
    fields = [changed.get(line.stored_id) or writing.fields_of(line) for line in present]
    fields += [line.fields for line in plan.added]
    return [
        InventoryLine(
            id=number,
            inventory_id=inventory.stored_id,
            changed_at=inventory.created_at,
            **item,  # type: ignore[arg-type]
        )
        for number, item in enumerate(fields, start=1)
    ]


def take(
    session: Session, *, inventory: Inventory, key: str, acting_user: Actor, now: datetime
) -> Plan:
    """Write what the waiting file holds, as one act that can be undone.

    Raises NotFound (upload_not_found) for another file than the one that was looked at, Invalid
    (upload_has_refused) when any line cannot be taken, Conflict (inventory_not_open).
    """
    row = _found(session, inventory, key)
    plan = planned(session, inventory=inventory, content=row.content, name=row.name)
    if plan.refused:
        raise Invalid("upload_has_refused")
    if inventory.status != life.OPEN:
        raise Conflict("inventory_not_open")
    if plan.does_something:
        writing.write_entries(
            session,
            inventory=inventory,
            additions=[line.fields for line in plan.added],
            changes=[(line.line_id or 0, line.fields) for line in plan.changed],
            what=row.name,
            acting_user=acting_user,
            now=now,
        )
    session.delete(row)
    session.flush()
    return plan


def drop(session: Session, *, inventory: Inventory, key: str) -> None:
    """Give the waiting file up. Raises NotFound (upload_not_found)."""
    session.delete(_found(session, inventory, key))
    session.flush()


def _found(session: Session, inventory: Inventory, key: str) -> InventoryUpload:
    row = session.get(InventoryUpload, inventory.stored_id)
    if row is None or row.key != key:
        raise NotFound("upload_not_found")
    return row
