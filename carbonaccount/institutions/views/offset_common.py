"""What the pages of offsets and statements share: words, papers, and doing things that may race."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Response, current_app, request
from flask_wtf.file import FileField
from sqlmodel import Session

from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.institutions import (
    completeness_labels,
    neutrality,
    offset_files,
    offset_labels,
    uncertainty_labels,
)
from carbonaccount.institutions.factor_words import source_text, unit_text
from carbonaccount.institutions.offset_files import Paper
from carbonaccount.institutions.offset_forms import sent_file
from carbonaccount.institutions.offset_rules import UPTAKE
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import localized
from carbonaccount.racing import committed
from carbonaccount.sealing import printed_number
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor
from carbonaccount.web.templating import language

PAGE_ROWS = 50


def paging(rows: int) -> tuple[int, int]:
    """Return which page of a list the address asks for, and how many there are."""
    pages = max(1, -(-rows // PAGE_ROWS))
    asked = request.args.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    return min(max(page, 1), pages), pages


def papers_folder() -> Path:
    """Return where the papers of offsets are kept."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return offset_files.folder_in(settings.instance_path.resolve())


def paper_of(field: FileField) -> Paper:
    """Return the checked file of a form, kept on the disk. Raises Invalid at the field `file`.

    It is written before what names it is committed: a file that nothing names does no harm.
    """
    paper = offset_files.checked(sent_file(field))
    offset_files.keep(paper, papers_folder())
    return paper


def paper_file(file_name: str) -> Response:
    """Send a paper as an attachment; browsers do not run what is in it."""
    file = papers_folder() / file_name
    if not file_name or not file.is_file():
        raise NotFound("offset_file_missing")
    headers = {"Content-Disposition": f'attachment; filename="{file.name[:16]}{file.suffix}"'}
    content_type = offset_files.CONTENT_TYPES[file.suffix.removeprefix(".")]
    return Response(file.read_bytes(), content_type=content_type, headers=headers)


def done(service: Callable[..., Any], **needs: Any) -> DomainError | None:
    """Do something for the signed-in person and commit; return what was refused, rolled back.

    Done again when another transaction was faster.
    """
    actor, now = current_actor(), utc_now()

    def work(session: Session) -> None:
        service(session, acting_user=actor, now=now, **needs)

    try:
        committed(current_session(), work)
    except DomainError as error:
        return error
    return None


def name_in(row: Mapping[str, str]) -> str:
    """Return the name that a statement holds of an institution or factor, by language."""
    return localized(row["name_zh"], row["name_en"])


@blueprint.context_processor
def offset_words() -> dict[str, object]:
    """Give this room's templates the words of offsets and statements."""
    return {
        "name_in": name_in,
        "source_in": lambda factor: source_text(factor, language()),
        "unit_in": lambda unit: unit_text(unit, language()),
        "offset_labels": offset_labels,
        "unsure": uncertainty_labels,
        "whole_year": completeness_labels,
        "grouped": offset_labels.grouped,
        "kilograms": offset_labels.kg,
        "percent": offset_labels.percent,
        "hectares": offset_labels.hectares,
        "registry_name": offset_labels.registry_name,
        "printed_number": printed_number,
        "uptake": UPTAKE,
        "grams_of_kg": neutrality.grams_of,
        "city_today": lambda: business_day(utc_now()),
    }
