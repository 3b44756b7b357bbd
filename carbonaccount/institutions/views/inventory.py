"""The years of an institution's inventory, and one year with its lines and what they come to."""

from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions import inventory_lines as writing
from carbonaccount.institutions.footprint import Block
from carbonaccount.institutions.forms import area_text, read_area
from carbonaccount.institutions.inventory_completeness import (
    unfinished_around,
    unfinished_years,
)
from carbonaccount.institutions.inventory_evidence import evidence_of
from carbonaccount.institutions.inventory_history import differences
from carbonaccount.institutions.inventory_results import (
    AccountLine,
    YearAccount,
    YearSummary,
    account_of,
    lines_of,
    summaries_of,
)
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.views.common import at_institution, attempted
from carbonaccount.institutions.views.inventory_common import (
    STATES,
    YearPage,
    on_year,
    people_named,
    spoken,
    year_page,
)
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file

LINES_A_PAGE = 60
FILES_SHOWN = 30
_KINDS = ("csv", "xlsx")


@at_institution("/inventory")
def inventory(place: Seated) -> ResponseReturnValue:
    """Show the years side by side."""
    return _years(place)


def _years(place: Seated, error: DomainError | None = None) -> ResponseReturnValue:
    accounts = summaries_of(current_session(), institution_id=place.institution_id)
    today = business_day(utc_now())
    page = render_template(
        "institutions/inventory/years.html",
        place=place,
        accounts=accounts,
        unfinished=unfinished_years(current_session(), accounts, today=today),
        base=next((account.base_year for account in accounts.values()), None),
        free=[
            year for year in range(today.year, life.EARLIEST_YEAR - 1, -1) if year not in accounts
        ],
        may_write=place.may(CLERKS),
        may_lead=place.may(OWNERS),
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


@at_institution("/inventory.<any(csv, xlsx):kind>")
def inventory_years_file(place: Seated, kind: str) -> ResponseReturnValue:
    """Send the years as a file."""
    accounts = summaries_of(current_session(), institution_id=place.institution_id)
    header = [
        *(_("年度"), _("版本"), _("状态"), _("直接排放（kgCO2）"), _("外购电力（kgCO2）")),
        *(_("外购热力（kgCO2）"), _("合计（kgCO2）"), _("可选项（kgCO2e）")),
        *(_("单位建筑面积（kgCO2/m²）"), _("人均（kgCO2/人）")),
    ]
    rows = [_year_cells(account) for account in accounts.values()]
    name = f"inventory-{place.institution.public_id}"
    return table_file(kind, name=name, header=header, rows=rows)


def _year_cells(account: YearSummary) -> list[Cell]:
    amounts = (account.direct_kg, account.power_kg, account.heat_kg, account.total_kg)
    shares = (account.optional_kg, account.per_m2_kg, account.per_head_kg)
    return [
        account.year,
        account.version,
        str(STATES[account.status][0]),
        *("" if amount is None else f"{amount:f}" for amount in (*amounts, *shares)),
    ]


@at_institution("/inventory", seats=CLERKS, methods=("POST",))
def inventory_open(place: Seated) -> ResponseReturnValue:
    """Begin a year."""
    text = request.form.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else 0
    error = attempted(life.open_year, institution=place.institution, year=year)
    if error is not None:
        return _years(place, error)
    return to_year(place, year)


@at_institution("/inventory/base-year", seats=OWNERS, methods=("POST",))
def inventory_base_year(place: Seated) -> ResponseReturnValue:
    """Choose the base year."""
    text = request.form.get("year", "")
    error = attempted(
        life.set_base_year,
        institution=place.institution,
        year=int(text) if text.isascii() and text.isdigit() and len(text) == 4 else 0,
        reason=request.form.get("reason", ""),
    )
    if error is not None:
        return _years(place, error)
    flash(_("基准年已设定。"), "success")
    return go_to(url_for("institutions.inventory", public_id=place.institution.public_id))


def to_year(place: Seated, year: int) -> ResponseReturnValue:
    """Go to the page of a year."""
    public_id = place.institution.public_id
    return go_to(url_for("institutions.inventory_year", public_id=public_id, year=year))


@at_institution("/inventory/<int:year>")
def inventory_year(place: Seated, year: int) -> ResponseReturnValue:
    """Show a year: what it comes to, what to look at, its lines."""
    return show_year(place, year)


def show_year(
    place: Seated, year: int, *, error: DomainError | None = None, **shown: Any
) -> ResponseReturnValue:
    """Return the page of a year, with what was refused."""
    page = year_page(place, year)
    row, session = page.inventory, page.session
    changes = writing.recent_changes(session, inventory=row, limit=20)
    may_review = place.may(OWNERS) and row.status == life.IN_REVIEW
    people = people_named(
        session,
        [
            *(row.created_by, row.submitted_by, row.returned_by, row.locked_by),
            *(change.changed_by for change in changes),
            *(line.row.changed_by for line in page.account.lines),
        ],
    )
    html = render_template(
        "institutions/inventory/year.html",
        place=place,
        page=page,
        inventory=row,
        account=page.account,
        unfinished=unfinished_around(
            session,
            page.account,
            institution_id=place.institution_id,
            today=business_day(utc_now()),
        ),
        names=page.names,
        remarks=page.remarks,
        months=_months(page.account),
        changes=changes,
        may_undo=any(
            not change.undone and change.what != writing.EVIDENCE_REMOVED for change in changes
        ),
        EVIDENCE_REMOVED=writing.EVIDENCE_REMOVED,
        people=people,
        versions=page.versions,
        evidence=evidence_of(session, institution_id=place.institution_id, limit=FILES_SHOWN),
        files_shown=FILES_SHOWN,
        area=area_text(row.floor_area_dm2),
        may_write=place.may(CLERKS) and row.status == life.OPEN,
        may_submit=place.may(CLERKS) and row.status == life.OPEN,
        may_review=may_review,
        may_correct=place.may(OWNERS) and row.status == life.LOCKED,
        may_take_back=place.may(CLERKS) and row.status == life.IN_REVIEW,
        may_drop=place.may(OWNERS) and row.status == life.OPEN and row.version > 1,
        is_own=row.submitted_by == place.account_id,
        has_written=may_review
        and life.wrote_in(session, inventory=row, account_id=place.account_id),
        error=spoken(error) if error else "",
        **_filtered(page),
        **shown,
    )
    return html, 200 if error is None else status_of(error)


def _filtered(page: YearPage) -> dict[str, Any]:
    """Return the lines of the page that is asked for, and what can be asked for."""
    energies = sorted({line.factor_code for line in page.account.lines})
    energy = chosen("energy", energies, _("能源或活动"))
    month = chosen("month", {str(number) for number in range(13)}, _("月份"))
    lines = [
        line
        for line in page.account.lines
        if energy in ("", line.factor_code) and month in ("", str(line.month))
    ]
    pages = max(1, -(-len(lines) // LINES_A_PAGE))
    number = min(max(request.args.get("page", 1, type=int), 1), pages)
    first = (number - 1) * LINES_A_PAGE
    return {
        "energy": energy,
        "month": month,
        "energies": energies,
        "lines": lines[first : first + LINES_A_PAGE],
        "lines_found": len(lines),
        "number": number,
        "pages_count": pages,
    }


def _months(account: YearAccount) -> list[tuple[int, dict[Block, Any]]]:
    """Return what each month with lines comes to by block; the whole year's lines as month 0."""
    months: dict[int, dict[Block, Any]] = {}
    for line in account.lines:
        if line.block is not Block.OPTIONAL:
            sums = months.setdefault(line.month, {})
            sums[line.block] = sums.get(line.block, 0) + line.emission_kg
    return sorted(months.items())


@at_institution("/inventory/<int:year>/sizes", seats=CLERKS, methods=("POST",))
def inventory_sizes(place: Seated, year: int) -> ResponseReturnValue:
    """Set floor area and head count of the year."""
    area = read_area(request.form.get("floor_area", "").strip() or "0")
    heads = request.form.get("head_count", "").strip() or "0"
    whole = heads.isascii() and heads.isdigit() and len(heads) <= 8
    error = on_year(
        place,
        year,
        life.set_sizes,
        floor_area_dm2=-1 if area is None else area,
        head_count=int(heads) if whole else -1,
    )
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已保存。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/versions/<int:version>")
def inventory_version(place: Seated, year: int, version: int) -> ResponseReturnValue:
    """Show a version as it was, and what it changed of the one before."""
    session = current_session()
    rows = {
        row.version: row
        for row in life.versions(session, institution_id=place.institution_id, year=year)
    }
    if version not in rows:
        raise NotFound("inventory_not_found", year=year)
    row, earlier = rows[version], rows.get(version - 1)
    wanted = [found.stored_id for found in (row, earlier) if found is not None]
    lines = lines_of(session, inventory_ids=wanted)
    account = account_of(row, lines.get(row.stored_id, ()))
    before: tuple[AccountLine, ...] = ()
    if earlier is not None:
        before = account_of(earlier, lines.get(earlier.stored_id, ())).lines
    page = YearPage(session, place, row, list(rows.values()))
    return render_template(
        "institutions/inventory/version.html",
        place=place,
        inventory=row,
        account=account,
        unfinished={},
        earlier=earlier,
        changed=differences(before, account.lines) if earlier is not None else [],
        names=page.names,
        people=people_named(session, [row.created_by, row.submitted_by, row.locked_by]),
    )
