"""What staff do with a file: hand it in, stop its import, take it up again."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from behaviors.intake.importing import find_source, look_into
from behaviors.intake.mapping import FileMapping, parse_mapping, ready_mappings
from behaviors.models import IntakeUpload, UploadStatus
from behaviors.rulebook import RuleBook
from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, LimitReached, NotFound

AUTOMATIC, READY, OWN = "auto", "ready", "toml"
# What the automatic choice says of files in the API's columns.
CANONICAL = "canonical"
UNFINISHED = (UploadStatus.WAITING, UploadStatus.RUNNING, UploadStatus.STOPPING)
# Each that waits holds a lock; more than a handful at once is a mistake of a script.
MAX_UNFINISHED = 20


def read_choice(choice: str) -> FileMapping | None:
    """Return the mapping that an upload's `mapping` stands for, None when it is to be found.

    Raises Invalid (mapping_invalid).
    """
    kind, _, rest = choice.partition(":")
    if kind == AUTOMATIC:
        return None
    if kind == READY:
        if rest not in ready_mappings():
            raise Invalid("mapping_invalid", problem=f"no ready mapping {rest}")
        return parse_mapping(ready_mappings()[rest])
    return parse_mapping(rest)


def check_upload(
    session: Session, *, path: Path, kind: str, source_code: str, mapping: FileMapping | None
) -> None:
    """Look at the beginning of a file: it can be read, and the mapping fits it and the source.

    Raises Invalid with what is wrong, as the import would later; NotFound or Conflict for the
    source.
    """
    source = find_source(session, source_code)
    look_into(path, mapping=mapping, source=source, book=RuleBook.load(session), kind=kind)


def add_upload(
    session: Session,
    *,
    upload_id: str,
    source_code: str,
    staff_id: int,
    file_name: str,
    mapping: str,
    acting_user: Actor,
    now: datetime,
) -> IntakeUpload:
    """Put a stored file in the queue. Raises NotFound (unknown_source), LimitReached."""
    source = find_source(session, source_code)
    waiting = session.exec(
        select(func.count())
        .select_from(IntakeUpload)
        .where(col(IntakeUpload.status).in_(UNFINISHED))
    ).one()
    if waiting >= MAX_UNFINISHED:
        raise LimitReached("too_many_uploads", limit=MAX_UNFINISHED)
    upload = IntakeUpload(
        public_id=upload_id,
        source_id=source.stored_id,
        staff_id=staff_id,
        file_name=file_name,
        mapping=mapping,
        status=UploadStatus.WAITING.value,
        uploaded_at=now,
    )
    session.add(upload)
    _audit(session, "intake.upload", upload_id, acting_user, now, source=source.code)
    return upload


def find_upload(session: Session, *, upload_id: str) -> IntakeUpload:
    """Return an upload. Raises NotFound (unknown_upload)."""
    found = session.exec(
        select(IntakeUpload).where(col(IntakeUpload.public_id) == upload_id)
    ).first()
    if found is None:
        raise NotFound("unknown_upload")
    return found


def ask_to_stop(
    session: Session, *, upload_id: str, is_at_work: bool, acting_user: Actor, now: datetime
) -> None:
    """Stop an import: at once while it waits or nobody is at work on it, else after its batch.

    What was booked stays booked. Raises Conflict (upload_is_over).
    """
    status = col(IntakeUpload.status)
    runs = (UploadStatus.RUNNING, UploadStatus.STOPPING)
    later = status.in_(runs) if is_at_work else sa.false()
    found = session.execute(
        sa.update(IntakeUpload)
        .where(col(IntakeUpload.public_id) == upload_id, status.in_(UNFINISHED))
        .values(
            status=sa.case((later, UploadStatus.STOPPING.value), else_=UploadStatus.STOPPED.value),
            finished_at=sa.case((later, None), else_=now),
        )
    )
    if _rows(found) != 1:
        raise Conflict("upload_is_over")
    _audit(session, "intake.stop", upload_id, acting_user, now)


def take_up_again(session: Session, *, upload_id: str, acting_user: Actor, now: datetime) -> None:
    """Put an upload that nobody is at work on in the queue once more.

    The caller holds the upload's lock and has made sure that its file is there. What is in the
    books already comes back as duplicate. Raises Conflict (upload_is_over) for one that is done.
    """
    found = session.execute(
        sa.update(IntakeUpload)
        .where(
            col(IntakeUpload.public_id) == upload_id,
            col(IntakeUpload.status) != UploadStatus.DONE.value,
        )
        .values(
            status=UploadStatus.WAITING.value,
            lines_done=0,
            lines_total=None,
            counts={},
            reasons={},
            error=None,
            finished_at=None,
        )
    )
    if _rows(found) != 1:
        raise Conflict("upload_is_over")
    _audit(session, "intake.resume", upload_id, acting_user, now)


def begin(session: Session, *, upload_id: str) -> bool:
    """Turn a waiting upload into a running one; False when it was stopped while it waited."""
    found = session.execute(
        sa.update(IntakeUpload)
        .where(
            col(IntakeUpload.public_id) == upload_id,
            col(IntakeUpload.status) == UploadStatus.WAITING.value,
        )
        .values(status=UploadStatus.RUNNING.value)
    )
    return _rows(found) == 1


def note_progress(
    session: Session,
    *,
    upload_id: str,
    lines_done: int,
    lines_total: int,
    counts: Mapping[str, int],
    reasons: Mapping[str, int],
) -> bool:
    """Write down how far an import has come; return whether somebody asked to stop it."""
    upload = find_upload(session, upload_id=upload_id)
    upload.lines_done, upload.lines_total = lines_done, lines_total
    upload.counts, upload.reasons = dict(counts), dict(reasons)
    session.add(upload)
    return upload.status == UploadStatus.STOPPING


def end(
    session: Session,
    *,
    upload_id: str,
    status: UploadStatus,
    now: datetime,
    error: dict[str, object] | None = None,
    mapping_found: str = "",
) -> None:
    """Write down how an import ended; `error` is a code with its params."""
    upload = find_upload(session, upload_id=upload_id)
    upload.status, upload.finished_at, upload.error = status.value, now, error
    if status is UploadStatus.DONE:
        upload.lines_total = upload.lines_done
    if mapping_found and upload.mapping == AUTOMATIC:
        upload.mapping = f"{AUTOMATIC}:{mapping_found}"
    session.add(upload)


def _rows(result: object) -> int:
    return int(getattr(result, "rowcount", 0))


def _audit(
    session: Session,
    action: str,
    upload_id: str,
    acting_user: Actor,
    now: datetime,
    source: str | None = None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"upload:{upload_id}",
        now=now,
        source=source,
    )
