"""Writing lines of an open inventory: one by one or a file at once, and taking it back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.factors import FactorBook
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions.inventory_entries import FIELDS, Entry, line_key, prepared
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryChange,
    InventoryEvidence,
    InventoryLine,
)
from carbonaccount.institutions.seen import check_seen

MOST_LINES = 5000
# An act that is not taken back; no file that is imported can have this name.
EVIDENCE_REMOVED = "evidence/removed"
Fields = dict[str, object]


@dataclass(frozen=True)
class Writer:
    """One act on an open inventory: its changes are undone together."""

    session: Session
    inventory: Inventory
    acting_user: Actor
    now: datetime
    what: str
    batch: str

    @classmethod
    def begin(
        cls,
        session: Session,
        *,
        inventory: Inventory,
        acting_user: Actor,
        now: datetime,
        what: str,
    ) -> "Writer":
        """Begin an act; `what` tells it in the list of changes: a code or a file's name."""
        return cls(session, inventory, acting_user, now, what[:200], secrets.token_hex(8))

    def add(self, fields: Fields) -> InventoryLine:
        """Write a new line."""
        line = InventoryLine(
            inventory_id=self.inventory.stored_id,
            changed_by=life.person_of(self.acting_user),
            changed_at=self.now,
            **fields,  # type: ignore[arg-type]
        )
        self.session.add(line)
        self.session.flush()
        self._note(line, None, fields)
        return line

    def change(self, line: InventoryLine, fields: Fields | None) -> None:
        """Write a line anew, or remove it with None."""
        before = None if line.removed else fields_of(line)
        line.removed = fields is None
        for name, value in (fields or {}).items():
            setattr(line, name, value)
        line.changed_by, line.changed_at = life.person_of(self.acting_user), self.now
        self.session.flush()
        self._note(line, before, fields)

    def _note(self, line: InventoryLine, before: Fields | None, after: Fields | None) -> None:
        self.session.add(
            InventoryChange(
                inventory_id=self.inventory.stored_id,
                line_id=line.stored_id,
                batch=self.batch,
                what=self.what,
                before=before,
                after=after,
                changed_by=life.person_of(self.acting_user),
                changed_at=self.now,
            )
        )


def fields_of(line: InventoryLine) -> Fields:
    """Return the fields of a line that people decide or that follow from them."""
    return {name: getattr(line, name) for name in FIELDS}


def add_line(
    session: Session,
    *,
    inventory: Inventory,
    entry: Entry,
    acting_user: Actor,
    now: datetime,
) -> InventoryLine:
    """Write a line; `inventory` comes from `inventory.at_work`.

    Raises Conflict (line_exists) when month, factor and place are taken, Invalid (line_limit)
    and as `prepared` does.
    """
    fields = prepared(entry, year=inventory.year, book=FactorBook.load(session))
    _check_evidence(session, inventory, entry)
    present = life.lines_in(session, inventory)
    if len(present) >= MOST_LINES:
        raise Invalid("line_limit", limit=MOST_LINES)
    _check_free(present, fields, None)
    writer = Writer.begin(
        session, inventory=inventory, acting_user=acting_user, now=now, what="line.add"
    )
    return writer.add(fields)


def edit_line(
    session: Session,
    *,
    inventory: Inventory,
    line_id: int,
    entry: Entry,
    seen: str | None = None,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Write a line anew; `seen` is what the form carried of it, see `check_seen`.

    Raises NotFound (line_not_found), Conflict (changed_meanwhile) and as `add_line` does.
    """
    line = find_line(session, inventory=inventory, line_id=line_id)
    fields = prepared(entry, year=inventory.year, book=FactorBook.load(session))
    _check_evidence(session, inventory, entry)
    _check_free(life.lines_in(session, inventory), fields, line)
    if fields_of(line) == fields:
        return
    check_seen(seen, line.changed_at)
    writer = Writer.begin(
        session, inventory=inventory, acting_user=acting_user, now=now, what="line.edit"
    )
    writer.change(line, fields)


def remove_line(
    session: Session, *, inventory: Inventory, line_id: int, acting_user: Actor, now: datetime
) -> None:
    """Take a line out; it can be undone. Raises NotFound (line_not_found)."""
    line = find_line(session, inventory=inventory, line_id=line_id)
    writer = Writer.begin(
        session, inventory=inventory, acting_user=acting_user, now=now, what="line.remove"
    )
    writer.change(line, None)


def find_line(session: Session, *, inventory: Inventory, line_id: int) -> InventoryLine:
    """Return a line in force of this version. Raises NotFound (line_not_found)."""
    line = session.get(InventoryLine, line_id, populate_existing=True)
    if line is None or line.inventory_id != inventory.id or line.removed:
        raise NotFound("line_not_found")
    return line


def recent_changes(
    session: Session, *, inventory: Inventory, limit: int = 50
) -> list[InventoryChange]:
    """Return the latest changes of a version, the newest first."""
    rows = session.exec(
        select(InventoryChange)
        .where(col(InventoryChange.inventory_id) == inventory.stored_id)
        .order_by(col(InventoryChange.id).desc())
        .limit(limit)
    )
    return list(rows)


def undo(session: Session, *, inventory: Inventory, acting_user: Actor, now: datetime) -> int:
    """Take back the latest act on an open version, and return how many lines that were.

    That lines lost an evidence file that was removed is passed over: it does not come back.
    Raises Conflict (nothing_to_undo), (line_exists) when the place of a line was taken since.
    """
    newest = session.exec(
        select(InventoryChange)
        .where(
            col(InventoryChange.inventory_id) == inventory.stored_id,
            ~col(InventoryChange.undone),
            col(InventoryChange.what) != EVIDENCE_REMOVED,
        )
        .order_by(col(InventoryChange.id).desc())
        .limit(1)
    ).first()
    if newest is None:
        raise Conflict("nothing_to_undo")
    changes = session.exec(
        select(InventoryChange, InventoryLine)
        .join(InventoryLine, col(InventoryLine.id) == col(InventoryChange.line_id))
        .where(
            col(InventoryChange.inventory_id) == inventory.stored_id,
            col(InventoryChange.batch) == newest.batch,
        )
        .order_by(col(InventoryChange.id).desc())
    ).all()
    # First all lines out, then those back that were there: places may have been exchanged.
    for change, line in changes:
        change.undone, line.removed = True, True
        line.changed_by, line.changed_at = life.person_of(acting_user), now
    session.flush()
    for change, line in changes:
        for name, value in (change.before or {}).items():
            setattr(line, name, value)
        line.removed = change.before is None
    session.flush()
    life.note(session, "inventory.undo", inventory, acting_user, now, lines=len(changes))
    return len(changes)


def write_entries(
    session: Session,
    *,
    inventory: Inventory,
    additions: Sequence[Fields],
    changes: Sequence[tuple[int, Fields]],
    what: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Write what a file holds as one act; the fields come from `prepared`.

    Raises NotFound (line_not_found), Invalid (line_limit).
    """
    if len(life.lines_in(session, inventory)) + len(additions) > MOST_LINES:
        raise Invalid("line_limit", limit=MOST_LINES)
    writer = Writer.begin(session, inventory=inventory, acting_user=acting_user, now=now, what=what)
    for fields in additions:
        writer.add(fields)
    for line_id, fields in changes:
        writer.change(find_line(session, inventory=inventory, line_id=line_id), fields)
    life.note(
        session,
        "inventory.import",
        inventory,
        acting_user,
        now,
        added=len(additions),
        changed=len(changes),
    )


def _check_free(present: Sequence[InventoryLine], fields: Fields, itself: object) -> None:
    key = line_key(fields["month"], fields["factor_code"], fields["place"])
    for line in present:
        if line is not itself and line_key(line.month, line.factor_code, line.place) == key:
            raise Conflict("line_exists", field="place")


def _check_evidence(session: Session, inventory: Inventory, entry: Entry) -> None:
    if entry.evidence_id is None:
        return
    found = session.get(InventoryEvidence, entry.evidence_id)
    if found is None or found.institution_id != inventory.institution_id:
        raise NotFound("evidence_not_found")
