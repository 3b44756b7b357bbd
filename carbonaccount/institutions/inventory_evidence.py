"""Evidence files of inventories: checked, hashed, kept under names of our own."""

import hashlib
import io
import secrets
import warnings
import zipfile
from datetime import datetime
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.inventory import one_at_a_time
from carbonaccount.institutions.inventory_models import InventoryEvidence

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 100_000_000
LONGEST_NAME = 120
_PDF_HEAD_BYTES = 1024
CONTENT_TYPES = {
    "pdf": "application/pdf",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def evidence_folder(instance_path: Path) -> Path:
    """Return where the files are kept."""
    return instance_path / "institution_evidence"


def file_kind(content: bytes) -> str:
    """Return pdf, jpeg, png or xlsx by what the bytes are, whatever the name says.

    Raises Invalid (evidence_too_large, evidence_format).
    """
    if not content or len(content) > MAX_BYTES:
        raise Invalid("evidence_too_large", field="file", limit_mib=MAX_BYTES // 1024 // 1024)
    if content.startswith(b"%PDF-") and b"%%EOF" in content[-_PDF_HEAD_BYTES:]:
        return "pdf"
    if content.startswith(b"PK\x03\x04") and _is_workbook(content):
        return "xlsx"
    if kind := _picture_kind(content):
        return kind
    raise Invalid("evidence_format", field="file")


def _is_workbook(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    # A workbook with macros is a program.
    return "xl/workbook.xml" in names and not any("vbaProject" in name for name in names)


def _picture_kind(content: bytes) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
                kind = str(picture.format).lower()
                if picture.width * picture.height > MAX_PIXELS:
                    return ""
                picture.load()
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        return ""
    return "jpeg" if kind in ("jpeg", "mpo") else kind


def shown_name(name: str, kind: str) -> str:
    """Return a sent file's name without folders and characters that show nothing."""
    base = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in base if c.isprintable()).strip()[-LONGEST_NAME:]
    return plain or f"evidence.{kind}"


def add_evidence(
    session: Session,
    *,
    institution_id: int,
    content: bytes,
    name: str,
    folder: Path,
    acting_user: Actor,
    now: datetime,
) -> InventoryEvidence:
    """Keep a file and return its row; the same bytes again are the same row.

    Raises Invalid as `file_kind` does, Conflict (evidence_name_taken) when another file of the
    institution has the name, which a template could not tell apart.
    """
    kind = file_kind(content)
    sha256 = hashlib.sha256(content).hexdigest()
    one_at_a_time(session, institution_id)
    same = _one(session, institution_id, InventoryEvidence.sha256 == sha256)
    if same is not None:
        return same
    shown = shown_name(name, kind)
    if _one(session, institution_id, InventoryEvidence.name == shown) is not None:
        raise Conflict("evidence_name_taken", field="file", name=shown)
    row = InventoryEvidence(
        public_id=secrets.token_hex(16),
        institution_id=institution_id,
        sha256=sha256,
        name=shown,
        kind=kind,
        size_bytes=len(content),
        uploaded_by=acting_user.id or 0,
        uploaded_at=now,
    )
    session.add(row)
    session.flush()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / stored_name(row)).write_bytes(content)
    audit.record(
        session,
        acting_user=acting_user,
        action="inventory.evidence",
        subject=f"inventory_evidence:{row.public_id}",
        now=now,
        sha256=sha256,
        size_bytes=row.size_bytes,
    )
    return row


def _one(session: Session, institution_id: int, condition: object) -> InventoryEvidence | None:
    return session.exec(
        select(InventoryEvidence).where(
            col(InventoryEvidence.institution_id) == institution_id,
            condition,  # type: ignore[arg-type]
        )
    ).first()


def evidence_of(
    session: Session, *, institution_id: int, limit: int | None = None
) -> list[InventoryEvidence]:
    """Return an institution's files, the newest first; with a limit the newest of them."""
    rows = session.exec(
        select(InventoryEvidence)
        .where(col(InventoryEvidence.institution_id) == institution_id)
        .order_by(col(InventoryEvidence.id).desc())
        .limit(limit)
    )
    return list(rows)


def find_evidence(session: Session, *, institution_id: int, public_id: str) -> InventoryEvidence:
    """Return a file's row. Raises NotFound (evidence_not_found), also for another's file."""
    row = _one(session, institution_id, InventoryEvidence.public_id == public_id)
    if row is None:
        raise NotFound("evidence_not_found")
    return row


def stored_name(row: InventoryEvidence) -> str:
    """Return the name under which a file's bytes lie in the folder."""
    return f"{row.public_id}.{row.kind}"


def stored_bytes(row: InventoryEvidence, folder: Path) -> bytes:
    """Return a file's bytes as they were sent. Raises NotFound (evidence_gone) when changed."""
    file = folder / stored_name(row)
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise NotFound("evidence_gone")
    return content
