"""Files for the tests of reading and importing: written as the field writes them."""

import csv
from collections.abc import Sequence
from pathlib import Path

from flask import Flask
from sqlmodel import Session

from behaviors.intake.importing import ImportSummary, import_file
from behaviors.intake.mapping import parse_mapping
from carbonaccount.audit import SYSTEM
from carbonaccount.database import open_session
from tests.behaviors.intake.arranging import NOW

CANONICAL = "event_id,subject,behavior,occurred_at,evidence,distance_km"
# A partner's own columns; tests put keys into the places marked with #.
MAPPING = """
[record]
behavior = "bike_ride"
evidence = "A"
event_id = ["ride"]
subject = ["rider"]
#record
[time]
start = "begin"
#time
[fields.distance_km]
column = "far"
#field
"""
HEADER = "ride,rider,begin,far"


def mapping_with(*, top: str = "", record: str = "", time: str = "", field: str = "") -> str:
    """Return MAPPING with more keys at the named places."""
    text = MAPPING.replace("#record", record).replace("#time", time).replace("#field", field)
    return f"{top}\n{text}"


def ride(event_id: str, far: str = "3", begin: str = "2026-03-02T08:00:00+08:00") -> str:
    """A line under HEADER."""
    return f"{event_id},alice,{begin},{far}"


def lines(*rows: str, end: str = "\n") -> bytes:
    """Return rows as a file's bytes."""
    return "".join(row + end for row in rows).encode()


class Importer:
    """Imports files into one database for the source `bikes`."""

    def __init__(self, app: Flask, session: Session, folder: Path) -> None:
        self.engine = app.extensions["carbonaccount.engine"]
        self.session = session
        self.folder = folder

    def bring(
        self,
        content: bytes,
        *,
        name: str = "rides.csv",
        mapping: str | None = None,
        rows: int = 1000,
        create: bool = True,
    ) -> ImportSummary:
        """Write the content to a file and import it."""
        path = self.folder / name
        path.write_bytes(content)
        return import_file(
            lambda: open_session(self.engine),
            path=path,
            source_code="bikes",
            mapping=parse_mapping(mapping) if mapping is not None else None,
            exceptions_file=self.folder / "exceptions.csv",
            batch_rows=rows,
            open_unknown=create,
            acting_user=SYSTEM,
            clock=lambda: NOW,
        )

    def exceptions(self) -> list[list[str]]:
        """Return the rows of the exceptions file, the header first."""
        path = self.folder / "exceptions.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))

    def faults(self) -> list[tuple[int, str]]:
        """Return line and reason of each exception."""
        return [(int(row[0]), row[2]) for row in self.exceptions()[1:]]


def codes(faults: Sequence[tuple[int, str]]) -> dict[int, str]:
    """Return the reasons by line."""
    return dict(faults)
