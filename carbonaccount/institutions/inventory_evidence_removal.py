"""Taking an evidence file out again: the wrong file, or one that tells more of people than it may.

What a submitted or locked version refers to stays. Lines of open versions lose the file and with
it their grade, and no history of theirs can bring it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions.inventory_evidence import find_evidence
from carbonaccount.institutions.inventory_lines import EVIDENCE_REMOVED, Writer, fields_of
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryChange,
    InventoryEvidence,
    InventoryLine,
)
from carbonaccount.institutions.inventory_results import grade


@dataclass(frozen=True)
class Use:
    """A line in force that refers to a file, in whichever version."""

    line: InventoryLine
    inventory: Inventory

    @property
    def is_open(self) -> bool:
        """Whether the line can still lose the file."""
        return self.inventory.status == life.OPEN

    @property
    def grades(self) -> tuple[str, str]:
        """The line's evidence grade with the file and without."""
        return grade(self.line.basis, has_file=True), grade(self.line.basis, has_file=False)


def uses_of(session: Session, *, evidence: InventoryEvidence) -> list[Use]:
    """Return the lines in force that refer to a file, the latest year first."""
    rows = session.exec(
        select(InventoryLine, Inventory)
        .join(Inventory, col(Inventory.id) == col(InventoryLine.inventory_id))
        .where(col(InventoryLine.evidence_id) == evidence.stored_id, ~col(InventoryLine.removed))
        .order_by(col(Inventory.year).desc(), col(Inventory.version).desc(), col(InventoryLine.id))
    )
    return [Use(line, inventory) for line, inventory in rows]


def remove_evidence(
    session: Session,
    *,
    institution_id: int,
    year: int,
    public_id: str,
    is_name_kept: bool,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Take a file out that no submitted or locked version refers to.

    Its bytes are the caller's to delete once this is committed. The trail keeps the hash, and the
    name unless that tells of people itself. Raises NotFound (inventory_not_found,
    evidence_not_found), Conflict (inventory_not_open, evidence_in_use with the `year`).
    """
    at_work = _at_work(session, institution_id)
    if life.find(session, institution_id=institution_id, year=year) not in at_work:
        raise Conflict("inventory_not_open")
    row = find_evidence(session, institution_id=institution_id, public_id=public_id)
    uses = uses_of(session, evidence=row)
    for use in uses:
        if not use.is_open:
            raise Conflict("evidence_in_use", year=use.inventory.year)
    _forget(session, at_work, row.stored_id)
    _take_from_lines(session, uses, acting_user, now)
    # Lines that were taken out hold it as well; nobody sees them, and they cannot come back to it.
    session.exec(
        sa.update(InventoryLine)
        .where(col(InventoryLine.evidence_id) == row.stored_id)
        .values(evidence_id=None)
    )
    audit.record(
        session,
        acting_user=acting_user,
        action="inventory.evidence_remove",
        subject=f"inventory_evidence:{row.public_id}",
        now=now,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        name=row.name if is_name_kept else "",
        lines=len(uses),
    )
    session.delete(row)
    session.flush()


def _at_work(session: Session, institution_id: int) -> Sequence[Inventory]:
    """Return the open versions; nobody writes a line or submits in any year until the commit."""
    rows = session.exec(
        select(Inventory)
        .where(
            col(Inventory.institution_id) == institution_id,
            col(Inventory.status) != life.LOCKED,
        )
        .order_by(col(Inventory.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    life.one_at_a_time(session, institution_id)
    return [row for row in rows if row.status == life.OPEN]


def _forget(session: Session, at_work: Sequence[Inventory], evidence_id: int) -> None:
    """Take the file out of the changes that could be undone: its id may be given out again."""
    changes = session.exec(
        select(InventoryChange).where(
            col(InventoryChange.inventory_id).in_([row.stored_id for row in at_work]),
            ~col(InventoryChange.undone),
        )
    )
    for change in changes:
        for name in ("before", "after"):
            fields = getattr(change, name)
            if fields and fields["evidence_id"] == evidence_id:
                setattr(change, name, {**fields, "evidence_id": None})


def _take_from_lines(
    session: Session, uses: Sequence[Use], acting_user: Actor, now: datetime
) -> None:
    """Write the lines without the file, each year as an act of its own, which is not undone."""
    for inventory in {use.inventory.stored_id: use.inventory for use in uses}.values():
        writer = Writer.begin(
            session,
            inventory=inventory,
            acting_user=acting_user,
            now=now,
            what=EVIDENCE_REMOVED,
        )
        for use in uses:
            if use.inventory is inventory:
                use.line.evidence_id = None
                writer.change(use.line, fields_of(use.line))
