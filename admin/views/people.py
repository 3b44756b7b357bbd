"""Residents at the help desk: masked, found by their whole number, shown as sums."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col

from admin import people_reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.people_reads import PeopleFilter, PersonRow
from admin.views import blueprint
from admin.views.common import attempted
from behaviors import labels, queries
from carbonaccount.accounts import help_desk
from carbonaccount.accounts import queries as account_queries
from carbonaccount.accounts.models import Account, District, Resident
from carbonaccount.accounts.notices import PRIVACY_PURPOSE
from carbonaccount.accounts.sessions import Owner
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.web.database import current_session, writing_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.limits import vault
from carbonaccount.web.templating import language

_TAIL_DIGITS = 4


def columns() -> list[SortedColumn[PersonRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "opened",
            _("开通时间"),
            lambda row: row.account.opened_at.astimezone(CITY_ZONE).isoformat(
                sep=" ", timespec="seconds"
            ),
            col(Account.opened_at),
        ),
        SortedColumn(
            "account", _("账户编号"), lambda row: row.account.public_id, col(Account.public_id)
        ),
        SortedColumn("tail", _("手机尾号"), lambda row: row.phone_tail, col(Resident.phone_tail)),
        SortedColumn(
            "district", _("区县"), lambda row: district_name(row.district), col(District.sort)
        ),
        SortedColumn("locale", _("语言"), lambda row: row.locale, col(Resident.locale)),
        SortedColumn("state", _("状态"), lambda row: state_of(row.account), col(Account.closed_at)),
    ]


def district_name(district: District | None) -> str:
    """Return a district's name in the page's language, nothing when none was chosen."""
    if district is None:
        return ""
    return district.name_en if language() == "en" else district.name_zh


def state_of(account: Account) -> str:
    """Return whether an account is open."""
    return str(_("已注销") if account.closed_at else _("正常"))


def chosen_filter() -> PeopleFilter:
    """Read the filter from the address."""
    tail = request.args.get("tail", "").strip()
    return PeopleFilter(
        district=request.args.get("district", "")[:12],
        tail=tail if tail.isdigit() and len(tail) == _TAIL_DIGITS else "",
        public_id=request.args.get("account", "").strip().upper()[:32],
    )


def _list_needs() -> dict[str, Any]:
    return {
        "wanted": people_reads.people_rows(chosen_filter()),
        "columns": columns(),
        "as_row": PersonRow,
        "tie": col(Account.id),
        "default": "-opened",
    }


@blueprint.get("/people")
def people() -> ResponseReturnValue:
    """List residents by district, end of the number, or account."""
    return _people_page()


def _people_page(error: DomainError | None = None, status: int = 200) -> ResponseReturnValue:
    session = current_session()
    kept = {
        name: request.args[name]
        for name in ("district", "tail", "account")
        if request.args.get(name)
    }
    page = render_template(
        "admin/people/list.html",
        list=database_listing(session, **_list_needs(), filters=kept),
        kept=kept,
        districts=account_queries.districts(session),
        district_name=district_name,
        state_of=state_of,
        error=explain(error) if error else "",
    )
    return page, status


@blueprint.get("/people.<any(csv, xlsx):kind>")
def people_export(kind: str) -> Response:
    """Send the filtered list as a file, masked as on the page."""
    return database_file(current_session(), **_list_needs(), name="people", kind=kind)


@blueprint.post("/people/find")
def find_person() -> ResponseReturnValue:
    """Find a resident by the whole number, which never stands in an address."""
    session, account = current_session(), None
    try:
        account = help_desk.find_by_phone(
            session,
            phone=request.form.get("phone", ""),
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        return _people_page(error, 422)
    if account is None:
        return _people_page(NotFound("phone_not_found"), 404)
    return go_to(url_for("admin.resident", public_id=account.public_id))


@blueprint.get("/people/<public_id>")
def resident(public_id: str) -> ResponseReturnValue:
    """Show an account: bindings, consents, browsers, and its records as sums.

    That somebody looked is written down before anything is shown.
    """
    person_or_404(public_id)
    with writing_session() as session:
        help_desk.note_look(
            session, public_id=public_id, acting_user=current_actor(), now=utc_now()
        )
        session.commit()
    return _person_page(public_id)


def _person_page(
    public_id: str, *, phone: str = "", error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session, row = current_session(), person_or_404(public_id)
    account_id = row.account.stored_id
    page = render_template(
        "admin/people/person.html",
        row=row,
        account=row.account,
        phone=phone,
        error=explain(error) if error else "",
        typed=request.form,
        balances=queries.balances(session, account_id=account_id),
        summary=people_reads.record_summary(session, account_id),
        bindings=people_reads.bindings_of(session, account_id),
        consents=account_queries.consents_of(session, account_id),
        logins=account_queries.open_logins(
            session, owner=Owner(account_id=account_id), now=utc_now()
        ),
        privacy_purpose=PRIVACY_PURPOSE,
        born_month_told=help_desk.has_told_born_month(session, account_id=account_id),
        limits=(help_desk.LEAST_REASON, help_desk.LONGEST_REASON),
        labels=labels,
        district_name=district_name,
        state_of=state_of,
    )
    return page, status


def person_or_404(public_id: str) -> PersonRow:
    """Return a resident's account. Raises NotFound (unknown_account)."""
    row = people_reads.person_row(current_session(), public_id)
    if row is None:
        raise NotFound("unknown_account")
    return row


@blueprint.post("/people/<public_id>/unmask")
def unmask_resident(public_id: str) -> ResponseReturnValue:
    """Show the whole number once, to whoever says why."""
    session, row = current_session(), person_or_404(public_id)
    try:
        phone = help_desk.unmask_phone(
            session,
            account_id=row.account.stored_id,
            reason=request.form.get("reason", ""),
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        return _person_page(public_id, error=error, status=422)
    return _person_page(public_id, phone=phone)


@blueprint.post("/people/<public_id>/forget-born-month")
def forget_born_month(public_id: str) -> ResponseReturnValue:
    """Let a resident tell their month of birth anew, for one who told it wrongly."""
    error, status = attempted(
        help_desk.forget_born_month,
        account_id=person_or_404(public_id).account.stored_id,
        reason=request.form.get("born_reason", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error:
        return _person_page(public_id, error=error, status=status)
    flash(_("已清除出生年月，居民可以重新填写。"), "success")
    return go_to(url_for("admin.resident", public_id=public_id))


@blueprint.post("/people/<public_id>/sign-out")
def sign_out_resident(public_id: str) -> ResponseReturnValue:
    """Sign a resident out of every browser, for one who lost a phone."""
    row = person_or_404(public_id)
    attempted(
        help_desk.sign_out_everywhere,
        account_id=row.account.stored_id,
        acting_user=current_actor(),
        now=utc_now(),
    )
    flash(_("已退出这位居民的全部浏览器。"), "success")
    return go_to(url_for("admin.resident", public_id=public_id))
