"""What everybody may see of an event: its page, its certificate, and the page that checks it."""

from collections.abc import Callable
from datetime import timedelta

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col, select

from carbonaccount import papers
from carbonaccount.accounts.limits import Limit
from carbonaccount.errors import NotFound
from carbonaccount.institutions import (
    event_account,
    event_accounting,
    event_answers,
    event_certificates,
    event_labels,
    event_plans,
)
from carbonaccount.institutions.event_certificates import Checked
from carbonaccount.institutions.event_forms import CheckForm, day_of, whole_number
from carbonaccount.institutions.event_models import Event, EventCertificate, EventState
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.event_common import district_names
from carbonaccount.qr import qr_svg
from carbonaccount.sealing import printed_number
from carbonaccount.web.database import current_session
from carbonaccount.web.limits import count_or_refuse, this_address, vault

# Numbers cannot be guessed; this only keeps machines from trying.
CHECKS_PER_ADDRESS = Limit("event_certificate_check", 120, timedelta(hours=1))
_PUBLISHED_ONCE = (EventState.PUBLISHED, EventState.WITHDRAWN)


@blueprint.get("/events/<public_id>")
def public_event(public_id: str) -> ResponseReturnValue:
    """Show an event to everybody: once published; its plan before, when it is for the public."""
    session = current_session()
    event = session.exec(select(Event).where(col(Event.public_id) == public_id)).first()
    if event is None:
        raise NotFound("unknown_event")
    certificate = event_certificates.certificate_of(session, event)
    if certificate is None and not (event.open_to_public and event.opened_at is not None):
        raise NotFound("unknown_event")
    return render_template(
        "institutions/events/public.html",
        event=event,
        institution=session.get_one(Institution, event.institution_id),
        plan=event_plans.plan_of(session, event),
        measures=event_plans.measures_of(session, event),
        certificate=certificate,
        **_published(event, certificate),
    )


def _published(event: Event, certificate: EventCertificate | None) -> dict[str, object]:
    """Return the published account and counts of participants, small groups together."""
    if certificate is None or event.state not in _PUBLISHED_ONCE:
        return {"payload": None, "totals": None}
    payload = event_certificates.payload_of(certificate)
    totals = event_certificates.totals_in(current_session(), certificate)
    found = event_answers.groups(current_session(), event)
    names = district_names()
    return {
        "payload": payload,
        "totals": totals,
        "by_mode": _counts(event_answers.count_by(found, "mode"), event_labels.mode),
        "by_origin": _counts(
            event_answers.count_by(found, "origin"),
            lambda code: event_labels.origin(code, names),
        ),
        "factors": event_accounting.mode_factors(current_session(), event),
        "few": totals.answered < event_account.LEAST_GROUP,
        "least": event_account.LEAST_GROUP,
    }


def _counts(counts: dict[str, int], name: Callable[[str], str]) -> list[tuple[str, int]] | None:
    """Return counts by name fit for everybody, the merged ones last; None when all are few."""
    groups = event_account.shown_groups(counts)
    if groups is None:
        return None
    merged = groups.pop("", 0)
    rows = [(name(code), count) for code, count in groups.items()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return [*rows, (_("其他（不足 10 人的组合并）"), merged)] if merged else rows


@blueprint.get("/events/certificates/<number>")
def event_certificate(number: str) -> ResponseReturnValue:
    """Show a certificate; it is public."""
    row = event_certificates.find_certificate(current_session(), number)
    return render_template("institutions/events/certificate.html", **_shown(row))


@blueprint.get("/events/certificates/<number>.pdf")
def event_certificate_pdf(number: str) -> Response:
    """Send a certificate as a PDF."""
    row = event_certificates.find_certificate(current_session(), number)
    content = papers.pdf(render_template("institutions/events/certificate_pdf.html", **_shown(row)))
    headers = {"Content-Disposition": f'attachment; filename="event-{row.number}.pdf"'}
    return Response(content, content_type="application/pdf", headers=headers)


def _shown(row: EventCertificate) -> dict[str, object]:
    payload = event_certificates.payload_of(row)
    address = check_address(row, payload)
    return {
        "row": row,
        "payload": payload,
        "totals": event_certificates.totals_in(current_session(), row),
        "printed": printed_number(row.number),
        "address": address,
        "check_page": url_for("institutions.check_event", _external=True),
        "qr": qr_svg(address, label=_("核验这张证书的二维码")),
    }


def check_address(row: EventCertificate, payload: dict[str, object]) -> str:
    """Return the address that a certificate's QR code holds: number, total and date."""
    return url_for(
        "institutions.check_event",
        number=row.number,
        total=payload["total_g"],
        date=payload["issued_on"],
        _external=True,
    )


@blueprint.get("/events/check")
@blueprint.get("/events/check/<number>")
def check_event(number: str = "") -> ResponseReturnValue:
    """Compare what is printed on a certificate with what was sealed. For everybody."""
    form = CheckForm(request.args, number=number or None)
    if number and not form.number.data:
        form.number.data = printed_number(number)
    checked = _checked(form) if form.number.data else None
    certificate = checked.certificate if checked else None
    payload = event_certificates.payload_of(certificate) if certificate else None
    page = render_template(
        "institutions/events/check.html",
        form=form,
        checked=checked,
        certificate=certificate,
        payload=payload,
        totals=event_certificates.totals_in(current_session(), certificate)
        if certificate
        else None,
        printed=printed_number(certificate.number) if certificate else "",
    )
    return page, 200, {"X-Robots-Tag": "noindex"}


def _checked(form: CheckForm) -> Checked | None:
    """Return the verdict; None when what was typed cannot be read, which stands at its field."""
    count_or_refuse((CHECKS_PER_ADDRESS, this_address()))
    valid = form.validate()
    total_g, issued_on = whole_number(form.total.data), day_of(form.date.data)
    if form.total.data and total_g is None:
        form.total.errors = [_("请只填数字，例如 12345。")]
        valid = False
    if form.date.data and issued_on is None:
        form.date.errors = [_("请填写日期，例如 2026-12-01。")]
        valid = False
    if not valid:
        return None
    return event_certificates.check(
        current_session(),
        number=form.number.data,
        total_g=total_g,
        issued_on=issued_on,
        vault=vault(),
    )
