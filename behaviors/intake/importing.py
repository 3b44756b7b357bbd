"""Importing a file: block by block through the one door, each block one transaction."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import chain
from pathlib import Path

import polars as pl
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from behaviors.intake import candidates, door
from behaviors.intake.mapping import (
    FileMapping,
    RecordMapping,
    TimeMapping,
    check_mapping,
    find_mapping,
    to_candidates,
)
from behaviors.intake.reading import BROKEN_COLUMN, LINE_COLUMN, Block, read_blocks
from behaviors.models import Channel, Source
from behaviors.rulebook import RuleBook
from carbonaccount.audit import Actor, record
from carbonaccount.database import SessionFactory
from carbonaccount.errors import Conflict, InsufficientBalance, Invalid, NotFound

ATTEMPTS = 3
GIVEN = "given"
LOOKED_AT_ROWS = 1000
SHOWN_BEHAVIORS, LONGEST_SHOWN = 5, 40
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-][0-9]+(\.[0-9]+)?")
# Lines that are objects in the API's form need no mapping, and are read as the API reads them.
API_ITEMS = FileMapping(
    format="ndjson",
    record=RecordMapping(
        behavior_column="behavior",
        evidence_column="evidence",
        event_id=["event_id"],
        subject=["subject"],
    ),
    time=TimeMapping(start="occurred_at"),
    fields={},
)


@dataclass
class ImportSummary:
    """What became of a file's lines; `reasons` counts every answer that was not simply ok.

    `mapping` is the name of the mapping that was found, or GIVEN; `titles` are what it calls
    itself, in Chinese and in English.
    """

    mapping: str
    exceptions_file: Path
    titles: tuple[str, ...] = ()
    lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def last_line(self) -> str:
        """Return the counts as the command prints them."""
        return " ".join(f"{status}={self.counts[status]}" for status in door.STATUSES)


# Told after each block: the summary as far as it has come, and how many bytes were read. What it
# raises ends the import between two blocks.
Progress = Callable[[ImportSummary, int], None]


def find_source(session: Session, code: str) -> Source:
    """Return an active source by its code.

    Raises NotFound (unknown_source), Conflict (source_inactive).
    """
    source = session.exec(select(Source).where(col(Source.code) == code)).first()
    if source is None:
        raise NotFound("unknown_source", source=code)
    if not source.active:
        raise Conflict("source_inactive", source=code)
    return source


def import_file(
    open_session: SessionFactory,
    *,
    path: Path,
    source_code: str,
    mapping: FileMapping | None,
    exceptions_file: Path,
    batch_rows: int,
    open_unknown: bool,
    acting_user: Actor,
    clock: Callable[[], datetime],
    progress: Progress = lambda summary, read_bytes: None,
) -> ImportSummary:
    """Import a file and return what became of each of its lines.

    Commits once a block, so that a file may be larger than memory and an interrupted import is
    taken up by importing again: what is in the books already comes back as duplicate. Lines
    that were not simply accepted are written to `exceptions_file` with their reason.
    """
    with open_session() as session:
        book = RuleBook.load(session)
        source = find_source(session, source_code)
    # Looked into up front: what is wrong with all of a file must not be found out line by line.
    name, mapping = look_into(path, mapping=mapping, source=source, book=book)
    factors = check_mapping(mapping, book)
    titles = tuple(filter(None, (mapping.title_zh, mapping.title_en)))
    summary = ImportSummary(mapping=name, titles=titles, exceptions_file=exceptions_file)
    with _exceptions_writer(exceptions_file) as write_exceptions:
        for block in _blocks(path, mapping, rows=batch_rows):
            check_columns(mapping, block)
            result = _take_block(
                open_session,
                block=block,
                source_code=source_code,
                mapping=mapping,
                factors=factors,
                book=book,
                open_unknown=open_unknown,
                acting_user=acting_user,
                clock=clock,
            )
            write_exceptions(block.shown(), result.frame)
            summary.lines += block.lines.height
            summary.counts.update(result.counts)
            summary.reasons.update(result.reasons)
            progress(summary, block.read_bytes)
    with open_session() as session:
        _audit(session, summary, source_code, path, acting_user, clock())
        session.commit()
    return summary


def look_into(
    path: Path, *, mapping: FileMapping | None, source: Source, book: RuleBook, kind: str = ""
) -> tuple[str, FileMapping]:
    """Look at the beginning of a file, and return its mapping's name and the mapping.

    Raises Invalid when the file cannot be read, the mapping does not fit it or the rules, or the
    source may report nothing of what the file holds.
    """
    if mapping is not None:
        check_mapping(mapping, book)
        _check_behavior(mapping, source)
    with closing(_blocks(path, mapping, rows=LOOKED_AT_ROWS, kind=kind)) as blocks:
        first = next(blocks, None)
        name, chosen = choose_mapping(mapping, first)
        check_mapping(chosen, book)
        _check_behavior(chosen, source)
        assert first is not None, "choosing a mapping refuses an empty file"
        check_columns(chosen, first)
        if chosen.record.behavior_column:
            _check_behaviors(chosen.record.behavior_column, source, chain([first], blocks))
    return name, chosen


def _check_behavior(mapping: FileMapping, source: Source) -> None:
    behavior = mapping.record.behavior
    if behavior and behavior not in source.behaviors:
        raise Invalid("mapping_behavior", behavior=behavior, source=source.code)


def _check_behaviors(column: str, source: Source, blocks: Iterable[Block]) -> None:
    """Raise Invalid when lines name behaviours and the source may report none of them.

    Most files show at their beginning that they are fine; only of others all is read.
    """
    named: dict[str, None] = {}
    for block in blocks:
        found = block.with_columns([column])[column].drop_nulls().str.strip_chars()
        if found.is_in(source.behaviors).any():
            return
        new = found.unique(maintain_order=True).head(SHOWN_BEHAVIORS).to_list()
        named.update(dict.fromkeys([*named, *filter(None, new)][:SHOWN_BEHAVIORS]))
    if named:
        shown = ", ".join(name[:LONGEST_SHOWN] for name in named)
        allowed = ", ".join(source.behaviors)
        raise Invalid("behaviors_not_allowed", source=source.code, found=shown, allowed=allowed)


def _blocks(
    path: Path, mapping: FileMapping | None, *, rows: int, kind: str = ""
) -> Generator[Block]:
    if mapping is None:
        return read_blocks(path, rows=rows, kind=kind)
    return read_blocks(
        path, rows=rows, kind=kind or mapping.format, encoding=mapping.encoding, sheet=mapping.sheet
    )


def choose_mapping(mapping: FileMapping | None, first: Block | None) -> tuple[str, FileMapping]:
    """Return the mapping of a file whose first block this is, and its name.

    Raises Invalid: file_empty without a block, mapping_needed when no ready one fits.
    """
    if first is None:
        raise Invalid("file_empty")
    if mapping is not None:
        return GIVEN, mapping
    if first.items is not None:
        return "canonical", API_ITEMS
    own = (LINE_COLUMN, BROKEN_COLUMN)
    return find_mapping([name for name in first.lines.columns if name not in own])


def check_columns(mapping: FileMapping, block: Block) -> None:
    """Raise Invalid (columns_missing) unless the lines have all that the mapping reads.

    Objects may each have other keys, so there a missing one is a matter of its line.
    """
    present = mapping.columns() if block.items is not None else block.lines.columns
    missing = [name for name in mapping.columns() if name not in present]
    if missing:
        raise Invalid("columns_missing", columns=", ".join(missing))


def _take_block(
    open_session: SessionFactory,
    *,
    block: Block,
    source_code: str,
    mapping: FileMapping,
    factors: Mapping[str, Fraction],
    book: RuleBook,
    open_unknown: bool,
    acting_user: Actor,
    clock: Callable[[], datetime],
) -> door.BatchResult:
    """Take one block in one transaction; tried again when another writer came between.

    `book` only tells the names of fields; the rules are those in force when it is booked.
    """
    # Before the transaction: while it lasts, nobody else can write on SQLite.
    frame = _candidates(block, mapping, factors, book)
    for attempt in range(1, ATTEMPTS + 1):
        with open_session() as session:
            try:
                result = door.take_frame(
                    session,
                    source=find_source(session, source_code),
                    channel=Channel.FILE,
                    frame=frame,
                    book=RuleBook.load(session),
                    acting_user=acting_user,
                    now=clock(),
                    open_unknown=open_unknown,
                )
                session.commit()
                return result
            except Exception as error:
                session.rollback()
                if attempt == ATTEMPTS or not comes_from_a_race(error):
                    raise
    raise AssertionError("the loop returns or raises")


def _candidates(
    block: Block, mapping: FileMapping, factors: Mapping[str, Fraction], book: RuleBook
) -> pl.DataFrame:
    """Return the candidates of a block's lines; those that could not be split say so."""
    if mapping is API_ITEMS:
        items = candidates.from_items(block.items or [], door.known_fields(book))
        frame = items.with_columns(idx=block.lines[LINE_COLUMN])
    else:
        lines = block.with_columns(mapping.columns())
        frame = to_candidates(lines.drop(BROKEN_COLUMN), mapping, factors)
    return frame.with_columns(code=pl.coalesce(block.lines[BROKEN_COLUMN], pl.col("code")))


def comes_from_a_race(error: Exception) -> bool:
    """Return whether taking the batch again may help: another writer was faster."""
    if isinstance(error, InsufficientBalance):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = type(cause).__name__
    return name in (
        "IntegrityError",
        "UniqueViolation",
        "SerializationFailure",
        "DeadlockDetected",
        "LockNotAvailable",
    ) or "database is locked" in str(cause)


@contextmanager
def _exceptions_writer(
    path: Path,
) -> Iterator[Callable[[pl.DataFrame, pl.DataFrame], None]]:
    """Open the file of exceptions; lines that are fine or were there before are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        header_written = False

        def write(lines: pl.DataFrame, answers: pl.DataFrame) -> None:
            nonlocal header_written
            if not header_written:
                own = lines.drop(LINE_COLUMN).columns
                writer.writerow(["line", "status", "reason", "detail", *map(plain_cell, own)])
                header_written = True
            # The file may have columns named like ours, so ours are renamed until they are joined.
            told = answers.filter(~pl.col("code").is_in(["ok", "duplicate"])).select(
                pl.col("idx").cast(pl.UInt32).alias(LINE_COLUMN),
                pl.col("status", "code", "detail").name.prefix("\n"),
            )
            rows = told.join(lines, on=LINE_COLUMN, maintain_order="left")
            writer.writerows([plain_cell(cell) for cell in row] for row in rows.iter_rows())

        yield write


def plain_cell(cell: object) -> object:
    """Return a cell that a spreadsheet shows and does not run."""
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def _audit(
    session: Session,
    summary: ImportSummary,
    source_code: str,
    path: Path,
    acting_user: Actor,
    now: datetime,
) -> None:
    record(
        session,
        acting_user=acting_user,
        action="intake.import_file",
        subject=f"source:{source_code}",
        now=now,
        file=path.name,
        lines=summary.lines,
        counts=dict(summary.counts),
    )
