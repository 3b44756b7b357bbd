"""What an event comes to, and making it good: amounts, the account, lots, publishing."""

from flask import flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import (
    event_accounting,
    event_certificates,
    event_gaps,
    event_labels,
)
from carbonaccount.institutions.event_accounting import CLOSED_STATES
from carbonaccount.institutions.event_completeness import NO_FACTOR, Gap
from carbonaccount.institutions.event_factors import catalogue
from carbonaccount.institutions.event_models import Event, EventState, MissingKind, Source
from carbonaccount.institutions.factor_words import source_text, unit_text
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.views.common import at_institution, attempted
from carbonaccount.institutions.views.event_common import address, done_or_raise, event_of, shown
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, go_to
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file
from carbonaccount.web.templating import language


@at_institution("/events/<event_id>/account")
def event_account(place: Seated, event_id: str) -> ResponseReturnValue:
    """Show the account line by line."""
    return _page(place, event_of(place, event_id))


def _page(place: Seated, event: Event, error: DomainError | None = None) -> ResponseReturnValue:
    session = current_session()
    page = render_template(
        "institutions/events/account.html",
        **shown(
            place,
            event,
            totals=event_accounting.totals_of(session, event),
            entered=event_accounting.lines_of(session, event),
            items=[item for item in catalogue().items.values() if not item.asked],
            item_of=catalogue().items,
            factors=event_accounting.mode_factors(session, event),
            distances=catalogue().distances.values(),
            missing_kinds=(MissingKind.ABSENT, MissingKind.NOT_ESTIMATED),
            closed=event.state in CLOSED_STATES,
            open=event.state in (EventState.RUNNING, EventState.ACCOUNTING),
            error=explain(error) if error else "",
            written=request.form if error else {},
        ),
    )
    return page, 200 if error is None else status_of(error)


@at_institution("/events/<event_id>/account/lines", seats=CLERKS, methods=("POST",))
def add_event_line(place: Seated, event_id: str) -> ResponseReturnValue:
    """Enter an amount."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_accounting.add_line,
        done=_("用量已添加。"),
        page="event_account",
        refused=lambda error: _page(place, event_of(place, event_id), error),
        item=request.form.get("item", ""),
        amount=request.form.get("amount", ""),
        green=request.form.get("green", ""),
        evidence=request.form.get("evidence", ""),
    )


@at_institution(
    "/events/<event_id>/account/lines/<int:line_id>/remove", seats=CLERKS, methods=("POST",)
)
def remove_event_line(place: Seated, event_id: str, line_id: int) -> ResponseReturnValue:
    """Remove an amount."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_accounting.remove_line,
        done=_("已删除。"),
        page="event_account",
        line_id=line_id,
    )


def _said(place: Seated, event: Event) -> DomainError | None:
    """Keep what the form says of sources without an amount; what is wrong takes no other along."""
    said = event_gaps.said_of(current_session(), event)
    errors = []
    for source in Source:
        kind = request.form.get(f"kind-{source}", "")
        why = request.form.get(f"why-{source}", "").strip()
        if (kind or why) and said.get(source) != Gap(source.value, kind, why):
            needs = {"source": source.value, "kind": kind, "why": why}
            errors.append(
                attempted(event_gaps.say, event=event_of(place, event.public_id), **needs)
            )
    return next(filter(None, errors), None)


@at_institution("/events/<event_id>/account/missing", seats=CLERKS, methods=("POST",))
def say_missing(place: Seated, event_id: str) -> ResponseReturnValue:
    """Say why sources that the plan declared have no amount."""
    event = event_of(place, event_id)
    if error := _said(place, event):
        return _page(place, event_of(place, event_id), error)
    flash(_("已保存。"), "success")
    return go_to(address(place, event_of(place, event_id), "event_account", _anchor="close"))


@at_institution("/events/<event_id>/account/close", seats=CLERKS, methods=("POST",))
def settle_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Close the account, with what was said of sources that have no amount."""
    if error := _said(place, event_of(place, event_id)):
        return _page(place, event_of(place, event_id), error)
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_accounting.settle,
        done=_("核算已锁定，接下来抵消。"),
        page="event_offset",
        refused=lambda error: _page(place, event_of(place, event_id), error),
    )


@at_institution("/events/<event_id>/account.<any(csv, xlsx):kind>")
def event_account_export(place: Seated, event_id: str, kind: str) -> ResponseReturnValue:
    """Send the account as a file."""
    totals = event_accounting.totals_of(current_session(), event_of(place, event_id))
    header = [
        _("来源"), _("内容"), _("数量"), _("单位"), _("人数"), _("因子"), _("因子单位"),
        _("等级"), _("因子来源"), _("排放（克）"), _("备注"),
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            event_labels.source(line.source),
            event_labels.what(line),
            str(line.amount),
            event_labels.unit(line.unit),
            line.people or "",
            str(line.factor.value) if line.factor else "",
            unit_text(line.factor.unit, language()) if line.factor else "",
            line.factor.grade if line.factor else "",
            source_text(line.factor, language()) if line.factor else "",
            line.emission_g if line.emission_g is not None else "",
            _("没有可追溯的因子，未计入") if line.emission_g is None else "",
        ]
        for line in totals.lines
    ]
    rows += [
        [event_labels.source(gap.source), *[""] * 9, _said_in_file(gap)]
        for gap in totals.gaps or ()
        if gap.kind != NO_FACTOR
    ]
    return table_file(kind, name="event-account", header=header, rows=rows)


def _said_in_file(gap: Gap) -> str:
    words = event_labels.gap(gap.kind)
    return _("%(words)s：%(why)s", words=words, why=gap.why) if gap.why else words


@at_institution("/events/<event_id>/offset")
def event_offset(place: Seated, event_id: str) -> ResponseReturnValue:
    """Show what is left to be made good, and with which lots."""
    return _offset_page(place, event_of(place, event_id))


def _offset_page(
    place: Seated, event: Event, error: DomainError | None = None
) -> ResponseReturnValue:
    session, today = current_session(), business_day(utc_now())
    closed = event.state in CLOSED_STATES
    account = event_accounting.account_of(session, event) if closed else None
    waiting = event.state == EventState.OFFSET
    balance = event_certificates.balance_of(session, event) if closed else None
    page = render_template(
        "institutions/events/offset.html",
        **shown(
            place,
            event,
            balance=balance,
            totals=event_accounting.totals_of(session, event) if closed else None,
            lots=[event_certificates.lot_facts(lot) for lot in balance.lots] if balance else [],
            choices=event_certificates.choices_for(session, event, today) if waiting else [],
            days_left=(event.offset_due - today).days,
            settled_by_me=account is not None and account.settled_by == current_account_id(),
            error=explain(error) if error else "",
        ),
    )
    return page, 200 if error is None else status_of(error)


@at_institution("/events/<event_id>/offset", seats=OWNERS, methods=("POST",))
def make_event_good(place: Seated, event_id: str) -> ResponseReturnValue:
    """Retire the lots that policy takes first."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_certificates.make_good,
        done=_("已注销，不能再用于别处。"),
        page="event_offset",
        refused=lambda error: _offset_page(place, event_of(place, event_id), error),
    )


@at_institution("/events/<event_id>/publish", seats=OWNERS, methods=("POST",))
def publish_event(place: Seated, event_id: str) -> ResponseReturnValue:
    """Publish an event that is made good."""
    return done_or_raise(
        place,
        event_of(place, event_id),
        event_certificates.publish,
        done=_("已公布，证书可以下载和核验。"),
        refused=lambda error: _offset_page(place, event_of(place, event_id), error),
        vault=vault(),
    )
