"""Settlements in the panel: drafting, checking the sample, a second person's approval, paying."""

from datetime import date, timedelta
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col, select

from admin import merchant_reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.merchant_reads import SettlementFilter, SettlementListed
from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, current_staff, go_to
from rewards import merchants, settlement_queries, settling
from rewards.merchant_models import Merchant, Settlement
from rewards.settling import APPROVED, CANCELLED, DRAFT, IN_REVIEW, PAID
from rewards.views.statement_files import merchant_name, statement_file, yuan

STATUS_NAMES: dict[str, tuple[LazyString, str]] = {
    DRAFT: (_l("草稿"), "plain"),
    IN_REVIEW: (_l("待批准"), "wait"),
    APPROVED: (_l("已批准，待付款"), "wait"),
    PAID: (_l("已付款"), "good"),
    CANCELLED: (_l("已取消"), "plain"),
}
CHECK_NAMES: dict[str, tuple[LazyString, str]] = {
    "": (_l("待核对"), "wait"),
    settling.FINE: (_l("无误"), "good"),
    settling.WRONG: (_l("有问题"), "bad"),
}
_FILTERS = ("merchant", "status")


def columns() -> list[SortedColumn[SettlementListed]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "last_day",
            _("截止日"),
            lambda row: row.settlement.last_day.isoformat(),
            col(Settlement.last_day),
        ),
        SortedColumn(
            "first_day",
            _("起始日"),
            lambda row: row.settlement.first_day.isoformat(),
            col(Settlement.first_day),
        ),
        SortedColumn(
            "id", _("结算单号"), lambda row: row.settlement.public_id, col(Settlement.public_id)
        ),
        SortedColumn(
            "merchant", _("商户"), lambda row: merchant_name(row.merchant), col(Merchant.name_zh)
        ),
        SortedColumn(
            "coupons", _("券数"), lambda row: row.settlement.coupons, col(Settlement.coupons)
        ),
        SortedColumn(
            "credits", _("积分"), lambda row: row.settlement.credits, col(Settlement.credits)
        ),
        SortedColumn(
            "value",
            _("金额（元）"),
            lambda row: yuan(row.settlement.value_fen),
            col(Settlement.value_fen),
        ),
        SortedColumn(
            "owed",
            _("应付（元）"),
            lambda row: yuan(row.settlement.value_fen - row.settlement.deducted_fen),
            col(Settlement.value_fen) - col(Settlement.deducted_fen),
        ),
        SortedColumn(
            "status",
            _("状态"),
            lambda row: str(STATUS_NAMES[row.settlement.status][0]),
            col(Settlement.status),
        ),
    ]


def _kept() -> dict[str, str]:
    return {name: request.args[name][:64] for name in _FILTERS if request.args.get(name)}


def _needs() -> dict[str, Any]:
    return {
        "wanted": merchant_reads.settlement_rows(SettlementFilter(**_kept())),
        "columns": columns(),
        "as_row": SettlementListed,
        "tie": col(Settlement.id),
        "default": "-last_day",
    }


def all_merchants() -> list[Merchant]:
    """Return the merchants by name, those that were closed too."""
    return list(current_session().exec(select(Merchant).order_by(col(Merchant.name_zh))))


@blueprint.get("/settlements")
def settlements() -> ResponseReturnValue:
    """List settlements."""
    return render_template(
        "admin/rewards/settlements.html",
        list=database_listing(current_session(), **_needs(), filters=_kept()),
        kept=_kept(),
        merchants=all_merchants(),
        names=STATUS_NAMES,
    )


@blueprint.get("/settlements.<any(csv, xlsx):kind>")
def settlements_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="settlements", kind=kind)


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.form.get(name, ""))
    except ValueError:
        return None


@blueprint.route("/settlements/new", methods=["GET", "POST"])
def new_settlement() -> ResponseReturnValue:
    """Draft a settlement; the form proposes from the oldest open use to yesterday."""
    session, error, status = current_session(), "", 200
    chosen = request.values.get("merchant", "")
    if request.method == "POST":
        made: list[Settlement] = []

        def make(session: Session, **needs: Any) -> None:
            made.append(settling.draft(session, **needs))

        first, last = _day("first_day"), _day("last_day")
        if first is None or last is None:
            error, status = str(_("请填写起始日和截止日。")), 422
        else:
            found, status = attempted(
                make,
                merchant_id=merchants.find_merchant(session, public_id=chosen).id or 0,
                first_day=first,
                last_day=last,
                acting_user=current_actor(),
                now=utc_now(),
            )
            if found is None:
                return go_to(url_for("admin.settlement", public_id=made[0].public_id))
            error = explain(found)
    waiting = settlement_queries.waiting_by_merchant(session)
    open_ones = [
        (each, waiting[each.id])
        for each in all_merchants()
        if each.id in waiting and chosen in ("", each.public_id)
    ]
    page = render_template(
        "admin/rewards/settlement_new.html",
        open_ones=open_ones,
        chosen=chosen,
        typed=request.form,
        error=error,
        yesterday=business_day(utc_now()) - timedelta(days=1),
    )
    return page, status


@blueprint.get("/settlements/<public_id>")
def settlement(public_id: str) -> ResponseReturnValue:
    """Show a settlement: its sums against the books, its sample, its coupons."""
    return _page(public_id)


def _page(
    public_id: str, error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session = current_session()
    row = settlement_queries.find_settlement(session, public_id=public_id)
    found, settlement_id = row.settlement, row.settlement.id or 0
    acting = current_staff()
    acting_id = acting.id if acting else None
    page = render_template(
        "admin/rewards/settlement.html",
        settlement=found,
        merchant=row.merchant,
        names=STATUS_NAMES,
        check_names=CHECK_NAMES,
        lines=settlement_queries.lines_of(session, settlement_id=settlement_id),
        sample=settlement_queries.sample_of(session, settlement_id=settlement_id),
        deductions=settlement_queries.deductions_of(session, settlement_id=settlement_id),
        booked=settlement_queries.booked_credits(session, settlement_id=settlement_id),
        taken_back=settlement_queries.taken_back_credits(session, settlement_id=settlement_id),
        unchecked=settling.unchecked_count(session, settlement=found),
        staff=settlement_queries.staff_names(
            session, [found.drafted_by, found.submitted_by, found.approved_by, found.paid_by]
        ),
        is_own=acting_id in (found.drafted_by, found.submitted_by),
        typed=request.form,
        error=explain(error) if error else "",
    )
    return page, status


def _step(public_id: str, service: Any, done: str, **needs: Any) -> ResponseReturnValue:
    error, status = attempted(
        service, public_id=public_id, acting_user=current_actor(), now=utc_now(), **needs
    )
    if error is not None:
        return _page(public_id, error, status)
    flash(done, "success")
    return go_to(url_for("admin.settlement", public_id=public_id))


@blueprint.post("/settlements/<public_id>/submit")
def submit_settlement(public_id: str) -> ResponseReturnValue:
    """Hand a draft over and draw its sample."""
    return _step(public_id, settling.submit, _("已提交，并抽出要核对的券。"))


@blueprint.post("/settlements/<public_id>/return")
def return_settlement(public_id: str) -> ResponseReturnValue:
    """Give a settlement back to whoever drafted it."""
    reason = request.form.get("reason", "")
    return _step(public_id, settling.return_to_draft, _("已退回。"), reason=reason)


@blueprint.post("/settlements/<public_id>/approve")
def approve_settlement(public_id: str) -> ResponseReturnValue:
    """Approve what somebody else drafted."""
    return _step(public_id, settling.approve, _("已批准。"))


@blueprint.post("/settlements/<public_id>/pay")
def pay_settlement(public_id: str) -> ResponseReturnValue:
    """Note that it was paid."""
    reference = request.form.get("reference", "")
    return _step(public_id, settling.pay, _("已记为付款。"), reference=reference)


@blueprint.post("/settlements/<public_id>/cancel")
def cancel_settlement(public_id: str) -> ResponseReturnValue:
    """Give a settlement up."""
    reason = request.form.get("reason", "")
    return _step(public_id, settling.cancel, _("已取消，券可以重新结算。"), reason=reason)


@blueprint.post("/settlements/<public_id>/check")
def check_settlement(public_id: str) -> ResponseReturnValue:
    """Write down what checking a drawn coupon found."""
    return _step(
        public_id,
        settling.record_check,
        _("核对结果已记下。"),
        coupon_public_id=request.form.get("coupon", ""),
        result=request.form.get("result", ""),
        note=request.form.get("note", ""),
    )


@blueprint.get("/settlements/<public_id>/statement.pdf")
def settlement_pdf(public_id: str) -> Response:
    """Send the statement as PDF."""
    row = settlement_queries.find_settlement(current_session(), public_id=public_id)
    return statement_file(row, "pdf")


@blueprint.get("/settlements/<public_id>/statement.xlsx")
def settlement_xlsx(public_id: str) -> Response:
    """Send the statement as a workbook."""
    row = settlement_queries.find_settlement(current_session(), public_id=public_id)
    return statement_file(row, "xlsx")
