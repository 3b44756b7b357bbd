"""Who took part in an event, as counts: the poster, those without a phone, the head count."""

from collections.abc import Callable

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _

from carbonaccount import papers
from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import event_account, event_answers, event_labels
from carbonaccount.institutions.access_codes import grouped
from carbonaccount.institutions.event_account import Group
from carbonaccount.institutions.event_accounting import setting_of
from carbonaccount.institutions.event_factors import DISTRICT, catalogue
from carbonaccount.institutions.event_forms import whole_number
from carbonaccount.institutions.event_models import Event
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.views.common import at_institution
from carbonaccount.institutions.views.event_common import (
    district_names,
    done_or_raise,
    event_of,
    shown,
)
from carbonaccount.qr import qr_svg
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file


@at_institution("/events/<event_id>/people")
def event_people(place: Seated, event_id: str) -> ResponseReturnValue:
    """Show how many took part, from where and how."""
    return _page(place, event_of(place, event_id))


def _page(place: Seated, event: Event, error: DomainError | None = None) -> ResponseReturnValue:
    session, names = current_session(), district_names()
    found = event_answers.groups(session, event)
    known = sum(group.people for group in found)
    page = render_template(
        "institutions/events/people.html",
        **shown(
            place,
            event,
            door=event_answers.door(event, utc_now()).value,
            known=known,
            scanned=sum(group.people for group in found if group.scanned),
            expected=event.head_count or event.expected_people,
            by_mode=_named(event_answers.count_by(found, "mode"), event_labels.mode),
            by_origin=_named(
                event_answers.count_by(found, "origin"),
                lambda code: event_labels.origin(code, names),
            ),
            entered=event_answers.entered(session, event),
            origins=origins(names),
            modes=catalogue().modes.values(),
            districts=names,
            error=explain(error) if error else "",
            written=request.form if error else {},
        ),
    )
    return page, 200 if error is None else status_of(error)


def _named(counts: dict[str, int], name: Callable[[str], str]) -> list[tuple[str, int]]:
    """Return counts by name, the largest first."""
    pairs = ((name(code), count) for code, count in counts.items())
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def origins(names: dict[str, str]) -> dict[str, str]:
    """Return what participants can say where they come from, by code."""
    beyond = {row.code: event_labels.origin(row.code, names) for row in catalogue().beyond()}
    return {**{DISTRICT + code: name for code, name in names.items()}, **beyond}


def _number(field: str) -> int:
    """Return a whole number of the form; -1, which every service refuses, for anything else."""
    found = whole_number(request.form.get(field))
    return -1 if found is None else found


@at_institution("/events/<event_id>/people/groups", seats=CLERKS, methods=("POST",))
def add_event_group(place: Seated, event_id: str) -> ResponseReturnValue:
    """Add participants without a phone."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_answers.enter_group,
        done=_("已添加。"),
        page="event_people",
        refused=lambda error: _page(place, event_of(place, event_id), error),
        origin=request.form.get("origin", ""),
        mode=request.form.get("mode", ""),
        nights=_number("nights"),
        people=_number("people"),
    )


@at_institution(
    "/events/<event_id>/people/groups/<int:group_id>/remove", seats=CLERKS, methods=("POST",)
)
def remove_event_group(place: Seated, event_id: str, group_id: int) -> ResponseReturnValue:
    """Remove participants that were entered."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_answers.remove_group,
        done=_("已删除。"),
        page="event_people",
        group_id=group_id,
    )


@at_institution("/events/<event_id>/people/count", seats=CLERKS, methods=("POST",))
def set_event_head_count(place: Seated, event_id: str) -> ResponseReturnValue:
    """State how many took part."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_answers.set_head_count,
        done=_("人数已保存。"),
        page="event_people",
        refused=lambda error: _page(place, event_of(place, event_id), error),
        head_count=_number("head_count"),
    )


@at_institution("/events/<event_id>/people.<any(csv, xlsx):kind>")
def event_people_export(place: Seated, event_id: str, kind: str) -> ResponseReturnValue:
    """Send the counts as a file."""
    event, names = event_of(place, event_id), district_names()
    header = [
        _("从哪里来"), _("怎么来"), _("住几晚"), _("人数"), _("来源"), _("往返合计（人公里）"),
    ]  # fmt: skip
    rows = [_row(event, group, names) for group in event_answers.groups(current_session(), event)]
    return table_file(kind, name="event-people", header=header, rows=rows)


def _row(event: Event, group: Group, names: dict[str, str]) -> list[Cell]:
    return [
        event_labels.origin(group.origin, names),
        event_labels.mode(group.mode),
        group.nights,
        group.people,
        _("扫码填写") if group.scanned else _("组织者代填"),
        event_account.person_km(catalogue(), group, setting_of(event)),
    ]


def scan_address(event: Event) -> str:
    """Return the address that the poster's QR code holds."""
    return url_for("institutions.event_scan", code=event.scan_code, _external=True)


@at_institution("/events/<event_id>/poster")
def event_poster(place: Seated, event_id: str) -> ResponseReturnValue:
    """Show the poster with QR code and short code."""
    event = event_of(place, event_id)
    return render_template(
        "institutions/events/poster.html", **shown(place, event, **_poster(event))
    )


@at_institution("/events/<event_id>/poster.pdf")
def event_poster_pdf(place: Seated, event_id: str) -> ResponseReturnValue:
    """Send the poster to be printed."""
    event = event_of(place, event_id)
    page = render_template(
        "institutions/events/poster_pdf.html", **shown(place, event, **_poster(event))
    )
    headers = {"Content-Disposition": f'attachment; filename="poster-{event.scan_code}.pdf"'}
    return Response(papers.pdf(page), content_type="application/pdf", headers=headers)


def _poster(event: Event) -> dict[str, object]:
    """Return what stands on a poster, in both languages: guests may read either."""
    where = scan_address(event)
    return {
        "qr": qr_svg(where, label=_("扫码填写的二维码")),
        "address": where,
        "enter_at": url_for("institutions.event_code", _external=True),
        "code": grouped(event.scan_code),
        "sayings": [(lang, _sayings(lang)) for lang in ("zh", "en")],
    }


def _sayings(lang: str) -> list[str]:
    with force_locale(lang):
        return [
            _("扫码说说您怎么来的"),
            _("不用注册，不问姓名，一分钟填完。您的出行会算进本次活动的碳排放，由主办方抵消。"),
            _("短码"),
        ]
