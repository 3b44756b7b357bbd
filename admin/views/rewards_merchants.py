"""Merchants in the panel: who takes coupons, their tills, their people, and their first owner."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session, col

from admin import merchant_reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.merchant_reads import MerchantFilter, MerchantRow
from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount.accounts import queries as account_queries
from carbonaccount.accounts.models import District
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.limits import vault
from carbonaccount.web.templating import language
from rewards import acceptance, merchants, settlement_queries
from rewards.merchant_models import Merchant
from rewards.merchants import CASHIER, OWNER
from rewards.views.statement_files import merchant_name, title_of, yuan

_FILTERS = ("district", "state", "name")


def district_label(district: District | None) -> str:
    """Return a district's name in the page's language, nothing when none was chosen."""
    if district is None:
        return ""
    return district.name_en if language() == "en" else district.name_zh


def state_label(merchant: Merchant) -> str:
    """Return whether a merchant takes coupons."""
    return str(_("启用") if merchant.active else _("停用"))


def columns() -> list[SortedColumn[MerchantRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "name", _("商户"), lambda row: merchant_name(row.merchant), col(Merchant.name_zh)
        ),
        SortedColumn("id", _("编号"), lambda row: row.merchant.public_id, col(Merchant.public_id)),
        SortedColumn(
            "district", _("区县"), lambda row: district_label(row.district), col(District.sort)
        ),
        SortedColumn("people", _("人员"), lambda row: row.people, merchant_reads.PEOPLE),
        SortedColumn("tills", _("收银台"), lambda row: row.tills, merchant_reads.TILLS),
        SortedColumn("waiting", _("待结算的券"), lambda row: row.waiting, merchant_reads.WAITING),
        SortedColumn(
            "created",
            _("加入时间"),
            lambda row: row.merchant.created_at.astimezone(CITY_ZONE).isoformat(
                sep=" ", timespec="seconds"
            ),
            col(Merchant.created_at),
        ),
        SortedColumn(
            "state", _("状态"), lambda row: state_label(row.merchant), col(Merchant.active)
        ),
    ]


def _needs() -> dict[str, Any]:
    wanted = MerchantFilter(
        district=request.args.get("district", "")[:12],
        name=request.args.get("name", "").strip()[:80],
        state=request.args.get("state", "")[:8],
    )
    return {
        "wanted": merchant_reads.merchant_rows(wanted),
        "columns": columns(),
        "as_row": MerchantRow,
        "tie": col(Merchant.id),
        "default": "name",
    }


@blueprint.get("/merchants")
def merchants_list() -> ResponseReturnValue:
    """List merchants."""
    kept = {name: request.args[name] for name in _FILTERS if request.args.get(name)}
    return render_template(
        "admin/rewards/merchants.html",
        list=database_listing(current_session(), **_needs(), filters=kept),
        kept=kept,
        districts=account_queries.districts(current_session()),
    )


@blueprint.get("/merchants.<any(csv, xlsx):kind>")
def merchants_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="merchants", kind=kind)


def _typed() -> dict[str, Any]:
    """Return what stands in the form of a merchant."""
    form = request.form
    return {
        "name_zh": form.get("name_zh", ""),
        "name_en": form.get("name_en", ""),
        "district_code": form.get("district") or None,
        "address": form.get("address", ""),
    }


@blueprint.route("/merchants/new", methods=["GET", "POST"])
def new_merchant() -> ResponseReturnValue:
    """Admit a merchant, with its first till and the invitation of its owner."""
    error, status = None, 200
    if request.method == "POST":
        made: list[Merchant] = []

        def add(session: Session, **needs: Any) -> None:
            made.append(merchants.add_merchant(session, **needs))

        error, status = attempted(
            add,
            **_typed(),
            first_till=request.form.get("first_till", ""),
            acting_user=current_actor(),
            now=utc_now(),
        )
        if error is None:
            flash(_("商户已建立。下一步：邀请店主。"), "success")
            return go_to(url_for("admin.merchant", public_id=made[0].public_id))
    page = render_template(
        "admin/rewards/merchant_new.html",
        typed=request.form,
        districts=account_queries.districts(current_session()),
        error=explain(error) if error else "",
    )
    return page, status


@blueprint.get("/merchants/<public_id>")
def merchant(public_id: str) -> ResponseReturnValue:
    """Show a merchant."""
    return _page(public_id)


def _page(
    public_id: str, *, code: str = "", error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session = current_session()
    found = merchants.find_merchant(session, public_id=public_id)
    merchant_id = found.id or 0
    page = render_template(
        "admin/rewards/merchant.html",
        merchant=found,
        districts=account_queries.districts(session),
        tills=merchants.tills(session, merchant_id=merchant_id),
        people=merchants.people(session, merchant_id=merchant_id),
        rewards=merchants.rewards_of(session, merchant_id=merchant_id),
        unusable=acceptance.unusable_offers(session, merchant_id=merchant_id),
        waiting=settlement_queries.waiting_of(session, merchant_id=merchant_id),
        code=code,
        hours=merchants.INVITATION_LIFE.days * 24,
        error=explain(error) if error else "",
    )
    return page, status


def _changed(public_id: str, error: DomainError | None, status: int) -> ResponseReturnValue:
    if error is not None:
        return _page(public_id, error=error, status=status)
    flash(_("已保存。"), "success")
    return go_to(url_for("admin.merchant", public_id=public_id))


@blueprint.post("/merchants/<public_id>/edit")
def edit_merchant(public_id: str) -> ResponseReturnValue:
    """Change what is known of a merchant, or close it."""
    found = merchants.find_merchant(current_session(), public_id=public_id)
    error, status = attempted(
        merchants.edit_merchant,
        merchant=found,
        **_typed(),
        active=request.form.get("active") == "1",
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _changed(public_id, error, status)


@blueprint.post("/merchants/<public_id>/tills")
def add_merchant_till(public_id: str) -> ResponseReturnValue:
    """Add a till."""
    error, status = attempted(
        merchants.add_till,
        merchant=merchants.find_merchant(current_session(), public_id=public_id),
        name=request.form.get("name", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _changed(public_id, error, status)


@blueprint.post("/merchants/<public_id>/tills/<int:till_id>")
def set_merchant_till(public_id: str, till_id: int) -> ResponseReturnValue:
    """Close a till, or open it again."""
    error, status = attempted(
        merchants.set_till_active,
        merchant=merchants.find_merchant(current_session(), public_id=public_id),
        till_id=till_id,
        active=request.form.get("active") == "1",
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _changed(public_id, error, status)


@blueprint.post("/merchants/<public_id>/invitations")
def invite_to_merchant(public_id: str) -> ResponseReturnValue:
    """Show an invitation once; the first person of a merchant is its owner."""
    session = current_session()
    code = merchants.invite(
        session,
        merchant=merchants.find_merchant(session, public_id=public_id),
        role=CASHIER if request.form.get("role") == CASHIER else OWNER,
        vault=vault(),
        acting_user=current_actor(),
        now=utc_now(),
    )
    session.commit()
    return _page(public_id, code=code)


@blueprint.post("/merchants/<public_id>/people/<account>/remove")
def remove_from_merchant(public_id: str, account: str) -> ResponseReturnValue:
    """Take a person off a merchant."""
    error, status = attempted(
        merchants.remove_member,
        merchant=merchants.find_merchant(current_session(), public_id=public_id),
        public_id=account,
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _changed(public_id, error, status)


@blueprint.context_processor
def merchant_words() -> dict[str, object]:
    """Give the pages about merchants the names of things."""
    return {
        "district_label": district_label,
        "merchant_name": merchant_name,
        "merchant_state": state_label,
        "reward_title": title_of,
        "yuan": yuan,
    }
