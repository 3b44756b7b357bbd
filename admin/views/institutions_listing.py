"""A published list of institutions: looked at, imported, and its first owners invited."""

import csv
import io
import re
import secrets
from pathlib import Path

from flask import Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError, Invalid, NotFound
from carbonaccount.institutions.cli import REPORT_HEADER, report_rows
from carbonaccount.institutions.first_owner import invite_first_owner
from carbonaccount.institutions.inventory_tables import MAX_BYTES
from carbonaccount.institutions.listed import ListingReport, import_listing
from carbonaccount.institutions.listing_mapping import parse_mapping, ready_mappings
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import harmless
from carbonaccount.web.templating import language

_KEY = re.compile(r"[0-9a-f]{16}")
_TOML = "toml"


@blueprint.get("/institution-lists")
def institution_listing() -> ResponseReturnValue:
    """Ask for a list."""
    return _page()


def _page(
    report: ListingReport | None = None,
    *,
    key: str = "",
    written: bool = False,
    error: DomainError | None = None,
) -> ResponseReturnValue:
    page = render_template(
        "admin/institutions/listing.html",
        report=report,
        rows=report_rows(report, language()) if report else [],
        key=key,
        written=written,
        mappings=list(ready_mappings()),
        chosen=request.form.get("mapping", ""),
        toml=request.form.get("toml", ""),
        year=request.form.get("year", business_day(utc_now()).year - 1),
        limit_mib=MAX_BYTES // 1024 // 1024,
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


@blueprint.post("/institution-lists")
def import_institution_list() -> ResponseReturnValue:
    """Look at a list, or import it: the same work, once undone and once kept."""
    session, write = current_session(), request.form.get("write") == "1"
    try:
        report = _imported()
    except DomainError as error:
        session.rollback()
        return _page(error=error)
    if write:
        session.commit()
    else:
        session.rollback()
    return _page(report, key=_kept_report(report), written=write)


def _imported() -> ListingReport:
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid("file_needed", field="file")
    text = request.form.get("year", "")
    if not re.fullmatch(r"[0-9]{4}", text, re.ASCII):
        raise Invalid("not_valid", field=_("年度"))
    return import_listing(
        current_session(),
        content=sent.read(),
        name=sent.filename,
        year=int(text),
        mapping=parse_mapping(_mapping_text()) if request.form.get("mapping") else None,
        acting_user=current_actor(),
        now=utc_now(),
    )


def _mapping_text() -> str:
    name = request.form.get("mapping", "")
    if name == _TOML:
        return request.form.get("toml", "")
    if name not in ready_mappings():
        raise Invalid("not_valid", field=_("映射"))
    return ready_mappings()[name]


def _folder() -> Path:
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return settings.instance_path / "listings"


def _kept_report(report: ListingReport) -> str:
    """Write what became of each line to a file, and return its key."""
    key = secrets.token_hex(8)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(REPORT_HEADER)
    writer.writerows(map(harmless, row) for row in report_rows(report, language()))
    _folder().mkdir(parents=True, exist_ok=True)
    (_folder() / f"{key}.csv").write_text(text.getvalue(), "utf-8-sig")
    return key


@blueprint.get("/institution-lists/<key>.csv")
def institution_list_report(key: str) -> Response:
    """Send what became of each line of a list."""
    file = _folder() / f"{key}.csv"
    if not _KEY.fullmatch(key) or not file.is_file():
        raise NotFound("not_found")
    headers = {"Content-Disposition": f'attachment; filename="institution-list-{key}.csv"'}
    return Response(file.read_bytes(), content_type="text/csv; charset=utf-8", headers=headers)


@blueprint.post("/institutions/<public_id>/first-owner")
def invite_institution_owner(public_id: str) -> ResponseReturnValue:
    """Show a code for the first owner once."""
    shown: list[str] = []

    def invite(session: object, **needs: object) -> None:
        shown.append(invite_first_owner(session, **needs))  # type: ignore[arg-type]

    error, status = attempted(
        invite, public_id=public_id, vault=vault(), acting_user=current_actor(), now=utc_now()
    )
    page = render_template(
        "admin/institutions/first_owner.html",
        public_id=public_id,
        code=shown[0] if error is None else "",
        error=explain(error) if error else "",
    )
    return page, status
