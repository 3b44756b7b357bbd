"""Members as an institution sees them: how many, in which teams, and totals of at least ten."""

from datetime import date, timedelta

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import joining
from carbonaccount.institutions.access_codes import grouped
from carbonaccount.institutions.member_totals import MemberGroup, MemberTotals, member_totals
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.views.common import at_institution, attempted
from carbonaccount.qr import qr_svg
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import go_to
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file
from carbonaccount.web.templating import language

MONTHS_SHOWN = 12


def last_months(today: date, months: int = MONTHS_SHOWN) -> tuple[date, date]:
    """Return the first and the last day of the last whole calendar months before today's."""
    last = today.replace(day=1) - timedelta(days=1)
    counted = last.year * 12 + last.month - months
    return date(counted // 12, counted % 12 + 1, 1), last


def totals_shown(institution_id: int) -> MemberTotals:
    """Return what members came to in the last twelve whole months."""
    first, last = last_months(business_day(utc_now()))
    return member_totals(current_session(), institution_id=institution_id, first=first, last=last)


@at_institution("/members")
def members(place: Seated) -> ResponseReturnValue:
    """Show how many members there are, their code, their teams and their totals."""
    return _page(place)


def _page(place: Seated, error: DomainError | None = None) -> ResponseReturnValue:
    session = current_session()
    code = joining.code_of(session, institution_id=place.institution_id)
    address = url_for("institutions.join", code=code, _external=True) if code else ""
    page = render_template(
        "institutions/members.html",
        place=place,
        may_edit=place.may(CLERKS),
        count=joining.member_count(session, institution_id=place.institution_id),
        code=grouped(code) if code else "",
        address=address,
        qr=qr_svg(address, label=_("成员加入的二维码")) if code else "",
        teams=joining.teams_of(session, institution_id=place.institution_id),
        totals=totals_shown(place.institution_id),
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


def _back(place: Seated, error: DomainError | None, done: str) -> ResponseReturnValue:
    if error is not None:
        return _page(place, error)
    flash(done, "success")
    return go_to(url_for("institutions.members", public_id=place.institution.public_id))


@at_institution("/members/code", seats=CLERKS, methods=("POST",))
def renew_join_code(place: Seated) -> ResponseReturnValue:
    """Give the institution a new code for members."""
    had_one = joining.code_of(current_session(), institution_id=place.institution_id)
    error = attempted(joining.renew_code, institution=place.institution)
    return _back(place, error, _("成员码已更换。") if had_one else _("成员码已生成。"))


@at_institution("/members/teams", seats=CLERKS, methods=("POST",))
def add_team(place: Seated) -> ResponseReturnValue:
    """Add a class or department."""
    error = attempted(
        joining.add_team, institution=place.institution, name=request.form.get("team", "")
    )
    return _back(place, error, _("已添加。"))


@at_institution("/members/teams/<int:team_id>/end", seats=CLERKS, methods=("POST",))
def end_team(place: Seated, team_id: int) -> ResponseReturnValue:
    """Take a class or department off the choice."""
    error = attempted(joining.end_team, institution=place.institution, team_id=team_id)
    return _back(place, error, _("已移除。"))


@at_institution("/members/totals.<any(csv, xlsx):kind>")
def members_export(place: Seated, kind: str) -> ResponseReturnValue:
    """Send the totals of members by behaviour and month as a file; no persons."""
    totals = totals_shown(place.institution_id)
    header = [_("分组"), _("名称"), _("人数"), _("行动次数"), _("减排（克 CO₂e）"), _("说明")]
    rows = [_row(_("按行为"), group) for group in totals.by_behavior]
    rows += [_row(_("按月"), group) for group in totals.by_month]
    return table_file(kind, name="member-totals", header=header, rows=rows)


def _row(kind: str, group: MemberGroup) -> list[Cell]:
    name = group.names.get(language()) or group.names.get("zh") or group.key
    if group.withheld:
        return [kind, name, "", "", "", _("不足 10 人，不显示")]
    return [kind, name, group.people or "", group.records or 0, group.reduction_g or 0, ""]
