"""Certificates: asking for one, its page and PDF, and the public page that checks it."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session

from carbonaccount import papers
from carbonaccount.accounts.limits import Limit
from carbonaccount.accounts.purposes import Purpose, tells_purposes
from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.qr import qr_svg
from carbonaccount.sealing import printed_number
from carbonaccount.standing import grams_of_year
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, current_actor, go_to, resident_required
from carbonaccount.web.limits import count_or_refuse, this_address, vault
from carbonaccount.web.problems import status_of
from rewards import certificate_content, certificates
from rewards import giving_queries as queries
from rewards.certificate_checks import Checked, check
from rewards.certificate_content import Content
from rewards.giving_forms import CheckForm, NameForm, day_of, printed_total
from rewards.giving_models import Certificate
from rewards.views import blueprint as blueprint
from rewards.views.common import today

# Numbers cannot be guessed; this only keeps machines from trying.
CHECKS_PER_ADDRESS = Limit("certificate_check", 120, timedelta(hours=1))
YEARS_OFFERED = 3


@blueprint.get("/certificates")
@resident_required
def my_certificates() -> ResponseReturnValue:
    """List one's certificates, and what one may ask a certificate for."""
    session, account_id = current_session(), current_account_id() or 0
    return render_template(
        "rewards/certificates.html",
        rows=[(row, certificates.payload_of(row)) for row in _mine(account_id)],
        years=_years(account_id),
        gifts=queries.gifts_of(session, account_id),
        coupons=queries.donation_coupons_of(session, account_id),
        trees=queries.trees_of(session, account_id),
        printed_number=printed_number,
    )


def _years(account_id: int) -> list[int]:
    """Return the last years in which something was counted, the newest first."""
    session = current_session()
    years = [today().year - back for back in range(YEARS_OFFERED)]
    return [
        year
        for year in years
        if any(line.reduction_g > 0 for line in grams_of_year(session, account_id, year))
    ]


def _mine(account_id: int) -> list[Certificate]:
    return queries.certificates_of(current_session(), account_id)


@blueprint.route(
    "/certificates/new/<any(year, gift, coupon, tree):what>/<ref>", methods=["GET", "POST"]
)
@resident_required
def new_certificate(what: str, ref: str) -> ResponseReturnValue:
    """Show what a certificate will say, ask for the name to show, and write it."""
    form, status = NameForm(), 200
    content = _content(what, ref)
    if form.validate_on_submit():
        written = _issue(content, form)
        if isinstance(written, Certificate):
            return go_to(url_for("rewards.certificate", number=written.number))
        status = status_of(written)
    elif request.method == "POST":
        status = 422
    page = render_template(
        "rewards/new_certificate.html",
        form=form,
        content=content,
        payload={
            "kind": content.kind,
            "total": content.total,
            "unit": content.unit,
            "about": content.about,
        },
        what=what,
        ref=ref,
    )
    return page, status


def _content(what: str, ref: str) -> Content:
    session, account_id = current_session(), current_account_id() or 0
    if what == "year":
        if not (ref.isascii() and ref.isdigit() and today().year - 9 <= int(ref) <= today().year):
            raise NotFound("unknown_year")
        return certificate_content.of_year(session, account_id=account_id, year=int(ref))
    read = {
        "gift": certificate_content.of_gift,
        "coupon": certificate_content.of_donation_coupon,
        "tree": certificate_content.of_tree,
    }[what]
    return read(session, account_id=account_id, public_id=ref)


def _issue(content: Content, form: NameForm) -> Certificate | DomainError:
    session = current_session()
    agreed = str(form.agree.label.text) if form.agree.data else ""
    try:
        certificate = certificates.issue(
            session,
            account_id=current_account_id() or 0,
            content=content,
            shown=certificates.ShownName(form.holder_name.data or "", agreed),
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        field = form[str(error.params.get("field", "holder_name"))]
        field.errors = [explain(error)]
        return error
    return certificate


@blueprint.get("/certificates/<number>")
@resident_required
def certificate(number: str) -> ResponseReturnValue:
    """Show a certificate."""
    row = _own(number)
    return render_template("rewards/certificate.html", **_shown(row))


@blueprint.get("/certificates/<number>.pdf")
@resident_required
def certificate_pdf(number: str) -> Response:
    """Send a certificate as a PDF."""
    row = _own(number)
    content = papers.pdf(render_template("rewards/certificate_pdf.html", **_shown(row)))
    headers = {"Content-Disposition": f'attachment; filename="certificate-{row.number}.pdf"'}
    return Response(content, content_type="application/pdf", headers=headers)


def _own(number: str) -> Certificate:
    row = queries.certificate_of(current_session(), current_account_id() or 0, number)
    if row is None:
        raise NotFound("unknown_certificate")
    return row


def _shown(row: Certificate) -> dict[str, Any]:
    payload = certificates.payload_of(row)
    address = check_address(row, payload)
    return {
        "row": row,
        "payload": payload,
        "holder": certificates.holder_name(row, vault()),
        "printed": printed_number(row.number),
        "address": address,
        "check_page": url_for("rewards.check_certificate", _external=True),
        "qr": qr_svg(address, label=_("核验这张证书的二维码")),
    }


def check_address(row: Certificate, payload: dict[str, Any]) -> str:
    """Return the address that a certificate's QR code holds: number, total and date."""
    return url_for(
        "rewards.check_certificate",
        number=row.number,
        total=payload["total"],
        date=payload["issued_on"],
        _external=True,
    )


@tells_purposes
def name_purposes(_session: Session, purposes: Collection[str]) -> dict[str, Purpose]:
    """Say which certificate a name is shown on."""
    return {
        certificates.consent_purpose(number): Purpose(
            printed_number(number),
            _("在证书上显示名字"),
            url_for("rewards.certificate", number=number),
        )
        for number in certificates.numbers_named(purposes)
    }


@blueprint.post("/certificates/<number>/take-back")
@resident_required
def take_back_certificate(number: str) -> ResponseReturnValue:
    """Let a holder withdraw their certificate."""
    session = current_session()
    certificates.take_back(
        session,
        number=number,
        account_id=current_account_id() or 0,
        acting_user=current_actor(),
        now=utc_now(),
    )
    session.commit()
    flash(_("证书已收回，核验页会显示它不再有效。"), "success")
    return go_to(url_for("rewards.my_certificates"))


@blueprint.get("/check")
@blueprint.get("/check/<number>")
def check_certificate(number: str = "") -> ResponseReturnValue:
    """Compare what is printed on a certificate with what was sealed. For everybody."""
    form = CheckForm(request.args, number=number or None)
    if number and not form.number.data:
        form.number.data = printed_number(number)
    checked = _checked(form) if (form.number.data or "").strip() else None
    if checked is None and not form.number.data and request.args:
        form.number.errors = [_("请填写证书编号，印在证书上，16 位。")]
    page = render_template(
        "rewards/check.html",
        form=form,
        checked=checked,
        printed=printed_number(checked.certificate.number)
        if checked and checked.certificate
        else "",
    )
    return page, 200, {"X-Robots-Tag": "noindex"}


def _checked(form: CheckForm) -> Checked | None:
    """Return the verdict; None when what was typed cannot be read, which stands at its field."""
    count_or_refuse((CHECKS_PER_ADDRESS, this_address()))
    valid = form.validate()
    total, issued_on = printed_total(form.total.data), day_of(form.date.data)
    if form.total.data and total is None:
        form.total.errors = [_("请只填数字，例如 12345。")]
        valid = False
    if form.date.data and issued_on is None:
        form.date.errors = [_("请填写日期，例如 2026-12-01。")]
        valid = False
    if not valid:
        return None
    return check(
        current_session(),
        number=form.number.data,
        total=total,
        issued_on=issued_on,
        vault=vault(),
    )
