"""Certificates in the panel: found by number, and withdrawn with a reason."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col

from admin.database_lists import SortedColumn, database_file, database_listing
from admin.giving import reads
from admin.life.forms import ReasonForm
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.sealing import normal_number, printed_number
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.limits import vault
from rewards import certificates, giving_labels
from rewards.certificate_checks import seal_holds
from rewards.giving_models import Certificate

_FILTERS = ("q", "about", "state")


def columns() -> list[SortedColumn[Certificate]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "issued",
            _("签发时间"),
            lambda row: row.issued_at.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"),
            col(Certificate.issued_at),
        ),
        SortedColumn(
            "number",
            _("证书编号"),
            lambda row: printed_number(row.number),
            col(Certificate.number),
        ),
        SortedColumn(
            "kind",
            _("种类"),
            lambda row: str(giving_labels.CERTIFICATES[row.kind]),
            col(Certificate.kind),
        ),
        SortedColumn(
            "revision", _("第几张"), lambda row: row.revision + 1, col(Certificate.revision)
        ),
        SortedColumn(
            "state",
            _("状态"),
            lambda row: str(giving_labels.WITHDRAWN[row.withdrawn_why]),
            col(Certificate.withdrawn_why),
        ),
    ]


def _filters() -> dict[str, str]:
    return {name: request.args.get(name, "").strip()[:60] for name in _FILTERS}


def _needs() -> dict[str, Any]:
    chosen = _filters()
    return {
        "wanted": reads.certificates(
            q=normal_number(chosen["q"]), kind=chosen["about"], state=chosen["state"]
        ),
        "columns": columns(),
        "as_row": lambda row: row,
        "tie": col(Certificate.id),
        "default": "-issued",
    }


@blueprint.get("/certificates")
def certificates_list() -> ResponseReturnValue:
    """List certificates by number, kind and state; whose they are is not told."""
    filters = _filters()
    return render_template(
        "admin/rewards/certificates.html",
        list=database_listing(current_session(), **_needs(), filters=filters),
        filters=filters,
        printed_number=printed_number,
    )


@blueprint.get("/certificates.<any(csv, xlsx):kind>")
def certificates_export(kind: str) -> Response:
    """Return the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="certificates", kind=kind)


@blueprint.get("/certificates/<number>")
def certificate(number: str) -> ResponseReturnValue:
    """Show what a certificate says, but not the name on it."""
    return _page(number, ReasonForm(None))


def _page(number: str, form: ReasonForm, status: int = 200) -> ResponseReturnValue:
    row = reads.find_certificate(current_session(), number)
    page = render_template(
        "admin/rewards/certificate.html",
        row=row,
        payload=certificates.payload_of(row),
        printed=printed_number(row.number),
        holds=seal_holds(row, vault()),
        trail=reads.trail_of(current_session(), f"certificate:{row.number}"),
        form=form,
    )
    return page, status


@blueprint.post("/certificates/<number>/withdraw")
def withdraw_certificate(number: str) -> ResponseReturnValue:
    """Withdraw a certificate with a reason."""
    reads.find_certificate(current_session(), number)
    form = ReasonForm()
    if not form.validate_on_submit():
        return _page(number, form, 422)
    error, status = attempted(
        certificates.withdraw,
        number=number,
        reason=form.reason.data,
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is None:
        flash(_("证书已撤回，核验页会显示它不再有效。"), "success")
        return go_to(url_for("admin.certificate", number=number))
    put_error(form, error)
    return _page(number, form, status)
