"""Institutions of a published list: admitted with an inventory of the list's year.

Every line of the list is accounted for: accepted, flagged (taken as far as it goes, with what is
doubtful or missing), or rejected with a reason. The same list a second time writes nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from sqlmodel import Session

from carbonaccount import audit
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import new_public_id, open_account
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, DomainError, Invalid
from carbonaccount.factors import FactorBook
from carbonaccount.institutions import conversion
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions import inventory_lines as writing
from carbonaccount.institutions.inventory_entries import WHOLE_YEAR, Entry, prepared
from carbonaccount.institutions.inventory_models import (
    Basis,
    Inventory,
    InventoryLine,
    ListedInstitution,
)
from carbonaccount.institutions.inventory_tables import Row, Table, read_table
from carbonaccount.institutions.listing_mapping import ListingMapping, find_mapping
from carbonaccount.institutions.models import Institution, InstitutionKind, InstitutionStatus

ACCEPTED, FLAGGED, REJECTED = "accepted", "flagged", "rejected"
NEW, CHANGED, UNCHANGED = "new", "changed", "unchanged"
LONGEST_NUMBER, LONGEST_NAME = 40, 80


@dataclass(frozen=True)
class Listed:
    """What became of one line of the list.

    `reasons` are errors with codes for people; `written` is new, changed, unchanged or empty for
    a rejected line.
    """

    line: int
    number: str
    name: str
    status: str
    written: str
    reasons: tuple[DomainError, ...]


@dataclass
class ListingReport:
    """What became of a whole list, line by line in its order."""

    mapping: str
    year: int
    lines: list[Listed] = field(default_factory=list)

    def count(self, status: str) -> int:
        """Return how many lines were accepted, flagged or rejected."""
        return sum(line.status == status for line in self.lines)

    def written(self, what: str) -> int:
        """Return how many institutions are new, changed or unchanged."""
        return sum(line.written == what for line in self.lines)

    def last_line(self) -> str:
        """Return the summary; the numbers add up to the lines of the list."""
        return " ".join(f"{name}={self.count(name)}" for name in (ACCEPTED, FLAGGED, REJECTED))


@dataclass(frozen=True)
class _Read:
    number: str
    name: str
    kind: InstitutionKind
    floor_area_dm2: int
    head_count: int
    fields: tuple[dict[str, object], ...]
    doubts: tuple[DomainError, ...]


def import_listing(
    session: Session,
    *,
    content: bytes,
    name: str,
    year: int,
    mapping: ListingMapping | None = None,
    acting_user: Actor,
    now: datetime,
) -> ListingReport:
    """Import a list as one transaction; the caller commits.

    Raises Invalid (inventory_year, listing_mapping_needed, table_columns) and as reading a table
    does; what is wrong with a line is in the report.
    """
    table = read_table(content, name)
    mapping_name = "given"
    if mapping is None:
        mapping_name, mapping = find_mapping(table.columns)
    missing = sorted(mapping.columns() - set(table.columns))
    if missing:
        raise Invalid("table_columns", columns=", ".join(missing)[:200])
    sha256 = hashlib.sha256(content).hexdigest()
    work = _Import(
        session, mapping, year, FactorBook.load(session), acting_user, now, f"{name} {sha256[:16]}"
    )
    report = ListingReport(mapping_name, year)
    report.lines = work.all_of(table)
    audit.record(
        session,
        acting_user=acting_user,
        action="institution.import_list",
        subject=f"listing:{mapping.institution.source}",
        now=now,
        sha256=sha256,
        year=year,
        new=report.written(NEW),
        changed=report.written(CHANGED),
        rejected=report.count(REJECTED),
    )
    return report


@dataclass(frozen=True)
class _Import:
    session: Session
    mapping: ListingMapping
    year: int
    book: FactorBook
    acting_user: Actor
    now: datetime
    origin: str

    def all_of(self, table: Table) -> list[Listed]:
        found: list[Listed] = []
        seen: dict[str, int] = {}
        for row in table.rows:
            number = row.get(self.mapping.institution.number)
            found.append(self._one(row, seen.get(number)))
            seen.setdefault(number, row.line)
        return found

    def _one(self, row: Row, earlier_line: int | None) -> Listed:
        """Take one line; what goes wrong in it leaves nothing of it behind."""
        columns = self.mapping.institution
        number, name = row.get(columns.number), row.get(columns.name)
        try:
            if earlier_line is not None:
                raise Invalid("line_repeats", line=earlier_line)
            read = self._read(row)
            with self.session.begin_nested():
                written = self._write(read)
        except DomainError as error:
            return Listed(row.line, number, name, REJECTED, "", (error,))
        status = FLAGGED if read.doubts else ACCEPTED
        return Listed(row.line, number, name, status, written, read.doubts)

    def _read(self, row: Row) -> _Read:
        columns = self.mapping.institution
        number, name = row.get(columns.number), row.get(columns.name)
        for text, column, limit in (
            (number, columns.number, LONGEST_NUMBER),
            (name, columns.name, LONGEST_NAME),
        ):
            if not text:
                raise Invalid("missing_field", field=column)
            if len(text) > limit:
                raise Invalid("text_too_long", field=column, limit=limit)
        doubts: list[DomainError] = list(self._flagged(row))
        fields = tuple(self._energies(row, doubts))
        if not fields:
            doubts.append(Invalid("listed_without_energy"))
        return _Read(
            number=number,
            name=name,
            kind=columns.kinds.get(row.get(columns.kind), columns.kind_otherwise),
            floor_area_dm2=self._area(row),
            head_count=self._heads(row),
            fields=fields,
            doubts=tuple(doubts),
        )

    def _flagged(self, row: Row) -> Sequence[DomainError]:
        flag = self.mapping.flag
        if flag is None or row.get(flag.column) in flag.accepted:
            return ()
        return (Invalid("listed_flag", flag=row.get(flag.column) or "-"),)

    def _energies(self, row: Row, doubts: list[DomainError]) -> Sequence[dict[str, object]]:
        """Return a line for each energy that was used; what is missing goes to the doubts.

        What the list says of the figures stays with each of them, as its basis and its note.
        """
        flag = self.mapping.flag
        said = row.get(flag.column) if flag is not None else ""
        not_reported = flag is not None and said in flag.missing
        basis = flag.basis_of(said) if flag is not None else Basis.METERED
        mark = flag.mark_of(said) if flag is not None else ""
        found = []
        for item in self.mapping.energy:
            text = row.get(item.column)
            if not text:
                doubts.append(Invalid("listed_value_missing", column=item.column))
                continue
            entry = Entry(WHOLE_YEAR, item.factor, text, item.unit, basis=basis, note=mark)
            try:
                fields = prepared(entry, year=self.year, book=self.book)
            except Invalid as error:
                raise Invalid(error.code, **{**error.params, "field": item.column}) from None
            if Decimal(str(fields["entered_amount"])):
                found.append(fields)
            elif item.expected and not_reported:
                doubts.append(Invalid("listed_value_missing", column=item.column))
        return found

    def _area(self, row: Row) -> int:
        column = self.mapping.institution.floor_area
        if not column or not row.get(column):
            return 0
        entered = conversion.read_entered(row.get(column), field=column)
        area_dm2 = Fraction(entered) * self.mapping.institution.area_ratio() * 100
        return int(Decimal(_half_up(area_dm2)))

    def _heads(self, row: Row) -> int:
        column = self.mapping.institution.head_count
        if not column or not row.get(column):
            return 0
        return int(Decimal(conversion.read_entered(row.get(column), field=column)))

    def _write(self, read: _Read) -> str:
        listed = self.session.get(ListedInstitution, (self.mapping.institution.source, read.number))
        if listed is None:
            institution = self._admit(read)
        else:
            institution = self.session.get_one(Institution, listed.institution_id)
        there = life.versions(self.session, institution_id=institution.stored_id, year=self.year)
        inventory = there[0] if there else self._open(institution, read)
        added, changed = self._differences(inventory, read)
        if added or changed:
            self._write_lines(inventory, added, changed)
        if listed is None:
            return NEW
        return CHANGED if added or changed or not there else UNCHANGED

    def _open(self, institution: Institution, read: _Read) -> Inventory:
        """Open the year with the list's sizes, which may be newer than the institution's."""
        inventory = life.open_year(
            self.session,
            institution=institution,
            year=self.year,
            acting_user=self.acting_user,
            now=self.now,
            origin=self.origin[:200],
        )
        inventory.floor_area_dm2, inventory.head_count = read.floor_area_dm2, read.head_count
        return inventory

    def _differences(
        self, inventory: Inventory, read: _Read
    ) -> tuple[list[dict[str, object]], list[tuple[int, dict[str, object]]]]:
        """Compare what the list says with the lines there, not with what people added since."""
        present = {
            (line.month, line.factor_code, line.place): line
            for line in life.lines_in(self.session, inventory)
        }
        added, changed = [], []
        for fields in read.fields:
            line = present.get((WHOLE_YEAR, str(fields["factor_code"]), ""))
            if line is None:
                added.append(fields)
            elif _differs(line, fields):
                changed.append((line.stored_id, {**writing.fields_of(line), **fields}))
        return added, changed

    def _write_lines(
        self,
        inventory: Inventory,
        added: list[dict[str, object]],
        changed: list[tuple[int, dict[str, object]]],
    ) -> None:
        if inventory.status != life.OPEN:
            raise Conflict("listed_inventory_closed", year=self.year)
        writing.write_entries(
            self.session,
            inventory=inventory,
            additions=added,
            changes=changed,
            what=self.origin,
            acting_user=self.acting_user,
            now=self.now,
        )

    def _admit(self, read: _Read) -> Institution:
        """Admit an institution without a person: the list applies, the operator decides.

        People come later by an invitation.
        """
        account = open_account(
            self.session, kind=AccountKind.INSTITUTION, district_code=None, now=self.now
        )
        institution = Institution(
            public_id=new_public_id(),
            account_id=account.stored_id,
            kind=read.kind,
            name_zh=read.name,
            name_en=read.name,
            floor_area_dm2=read.floor_area_dm2,
            head_count=read.head_count,
            status=InstitutionStatus.ACTIVE,
            applied_by=account.stored_id,
            applied_at=self.now,
            decided_by=self.acting_user.id if self.acting_user.kind == "staff" else None,
            decided_at=self.now,
            decision=self.origin[:500],
        )
        self.session.add(institution)
        self.session.flush()
        self.session.add(
            ListedInstitution(
                source=self.mapping.institution.source,
                number=read.number,
                institution_id=institution.stored_id,
                imported_at=self.now,
            )
        )
        self.session.flush()
        return institution


def _differs(line: InventoryLine, fields: Mapping[str, object]) -> bool:
    """Return whether the list says something else than a line.

    Its flag counts only where no person has written since: who has the bills may know better.
    """
    names = ["amount", "entered_unit"]
    if line.changed_by is None:
        names += ["basis", "note"]
    return any(getattr(line, name) != fields[name] for name in names)


def _half_up(value: Fraction) -> str:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return str(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
