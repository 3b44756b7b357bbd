"""An institution's first page, its units, and the list of those at which a person has a seat."""

from typing import Any, NamedTuple

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions import applications, campaigns, dashboard, joining, units
from carbonaccount.institutions.dashboard_facts import facts
from carbonaccount.institutions.inventory_results import YearSummary, summaries_of
from carbonaccount.institutions.member_totals import MemberTotals
from carbonaccount.institutions.models import BelongingStatus, Institution
from carbonaccount.institutions.offset_labels import STATEMENTS
from carbonaccount.institutions.seats import Seated, seats_of
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import at_institution, has_page, named
from carbonaccount.institutions.views.members import totals_shown
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, resident_required
from carbonaccount.web.tables import Cell, table_file

UNITS_A_PAGE = 20


class UnitLine(NamedTuple):
    """A unit that belongs to another, as the parent sees it: totals and nothing else."""

    institution: Institution
    account: YearSummary | None
    members: int
    totals: MemberTotals


@blueprint.get("/institutions")
@resident_required
def mine() -> ResponseReturnValue:
    """List the institutions at which a person has a seat."""
    account_id = current_account_id() or 0
    return render_template(
        "institutions/mine.html",
        places=seats_of(current_session(), account_id=account_id),
        applications=applications.applications_of(current_session(), account_id=account_id),
    )


@at_institution("", kept_by=facts)
def home(place: Seated) -> ResponseReturnValue:
    """Show how an institution stands."""
    session, today = current_session(), business_day(utc_now())
    institution_id = place.institution_id
    return render_template(
        "institutions/home.html",
        place=place,
        distance=dashboard.distance(session, institution_id=institution_id, today=today),
        counts=dashboard.counts(session, institution_id=institution_id, month=today.replace(day=1)),
        totals=totals_shown(institution_id),
        running=campaigns.running(session, institution_ids=[institution_id], today=today),
        statements=STATEMENTS,
        exports=exports(),
    )


def exports() -> list[tuple[str, str]]:
    """Return the files of an institution: label and endpoint of each, those that exist here."""
    known = [
        (_("排放清单，各年度"), "institutions.inventory_years_file"),
        (_("抵消批次"), "institutions.offsets_file"),
        (_("活动"), "institutions.events_export"),
        (_("成员的月度合计"), "institutions.members_export"),
        (_("挑战"), "institutions.campaigns_export"),
        (_("下属单位的合计"), "institutions.unit_totals_export"),
    ]
    return [(label, endpoint) for label, endpoint in known if has_page(endpoint)]


@at_institution("/units")
def unit_totals(place: Seated) -> ResponseReturnValue:
    """Show the totals of the units that belong to this one."""
    children = _children(place)
    pages = max(1, -(-len(children) // UNITS_A_PAGE))
    page = min(pages, max(1, request.args.get("page", 1, type=int)))
    shown = children[(page - 1) * UNITS_A_PAGE : page * UNITS_A_PAGE]
    return render_template(
        "institutions/units.html",
        place=place,
        lines=[_line(child) for child in shown],
        total=len(children),
        page=page,
        page_count=pages,
    )


@at_institution("/units.<any(csv, xlsx):kind>")
def unit_totals_export(place: Seated, kind: str) -> ResponseReturnValue:
    """Send the totals of all units as a file."""
    header = [
        _("单位"),
        _("年份"),
        _("排放（千克 CO₂e）"),
        _("每平方米（千克）"),
        _("人均（千克）"),
        _("成员"),
        _("成员减排，最近十二个月（克 CO₂e）"),
    ]
    rows = [_cells(_line(child)) for child in _children(place)]
    return table_file(kind, name="units", header=header, rows=rows)


def _children(place: Seated) -> list[Institution]:
    return [
        wish.other
        for wish in units.wishes_to(
            current_session(),
            institution_id=place.institution_id,
            status=BelongingStatus.AGREED,
        )
    ]


def _line(child: Institution) -> UnitLine:
    session = current_session()
    # A year that is still being worked on is the child's own business.
    accounts = summaries_of(session, institution_id=child.stored_id, locked_only=True)
    return UnitLine(
        child,
        accounts[max(accounts)] if accounts else None,
        joining.member_count(session, institution_id=child.stored_id),
        totals_shown(child.stored_id),
    )


def _cells(line: UnitLine) -> list[Cell]:
    account: Any = line.account
    return [
        named(line.institution),
        account.year if account else "",
        str(account.total_kg) if account else "",
        str(account.per_m2_kg) if account and account.per_m2_kg is not None else "",
        str(account.per_head_kg) if account and account.per_head_kg is not None else "",
        line.members,
        line.totals.reduction_g if line.totals.reduction_g is not None else "",
    ]
