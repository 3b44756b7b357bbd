"""Uses that holders deny, or that a check found wrong: the queue, one dispute, the decision."""

from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import col

from admin import merchant_reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.merchant_reads import DisputeListed, SettlementFilter
from admin.views import blueprint
from admin.views.common import attempted
from admin.views.rewards_settlements import all_merchants
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, current_staff, go_to
from rewards import disputes, settlement_queries
from rewards.merchant_models import CouponDispute, Merchant
from rewards.models import Coupon, Reward
from rewards.views.statement_files import merchant_name, title_of

STATE_NAMES: dict[str, tuple[LazyString, str]] = {
    disputes.OPEN: (_l("待核对"), "wait"),
    disputes.UPHELD: (_l("成立"), "good"),
    disputes.REFUSED: (_l("不成立"), "plain"),
}
ALL = "all"


def _when(moment: Any) -> str:
    return str(moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


def columns() -> list[SortedColumn[DisputeListed]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "raised",
            _("提出时间"),
            lambda row: _when(row.dispute.raised_at),
            col(CouponDispute.raised_at),
        ),
        SortedColumn("id", _("编号"), lambda row: row.dispute.id or 0, col(CouponDispute.id)),
        SortedColumn("coupon", _("券号"), lambda row: row.coupon.public_id, col(Coupon.public_id)),
        SortedColumn("reward", _("兑换项目"), lambda row: title_of(row.reward), col(Reward.id)),
        SortedColumn(
            "merchant", _("商户"), lambda row: merchant_name(row.merchant), col(Merchant.name_zh)
        ),
        SortedColumn(
            "used",
            _("使用时间"),
            lambda row: _when(row.dispute.used_at),
            col(CouponDispute.used_at),
        ),
        SortedColumn(
            "by",
            _("提出人"),
            lambda row: str(_("持券人") if row.dispute.raised_by is None else _("抽查")),
            col(CouponDispute.raised_by),
        ),
        SortedColumn(
            "status",
            _("状态"),
            lambda row: str(STATE_NAMES[row.dispute.status][0]),
            col(CouponDispute.status),
        ),
    ]


def _kept() -> dict[str, str]:
    names = ("merchant", "status")
    return {name: request.args[name][:64] for name in names if request.args.get(name)}


def _needs() -> dict[str, Any]:
    kept = _kept()
    status = kept.get("status", disputes.OPEN)
    wanted = SettlementFilter(
        merchant=kept.get("merchant", ""), status="" if status == ALL else status
    )
    return {
        "wanted": merchant_reads.dispute_rows(wanted),
        "columns": columns(),
        "as_row": DisputeListed,
        "tie": col(CouponDispute.id),
        "default": "raised",
    }


@blueprint.get("/disputes")
def disputes_queue() -> ResponseReturnValue:
    """List disputes, the open ones unless the address asks for others."""
    return render_template(
        "admin/rewards/disputes.html",
        list=database_listing(current_session(), **_needs(), filters=_kept()),
        kept=_kept(),
        merchants=all_merchants(),
        names=STATE_NAMES,
    )


@blueprint.get("/disputes.<any(csv, xlsx):kind>")
def disputes_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="disputes", kind=kind)


@blueprint.get("/disputes/<int:dispute_id>")
def dispute(dispute_id: int) -> ResponseReturnValue:
    """Show a dispute with the use that it is about."""
    return _page(dispute_id)


def _page(
    dispute_id: int, error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session = current_session()
    row = disputes.find_dispute(session, dispute_id=dispute_id)
    acting = current_staff()
    page = render_template(
        "admin/rewards/dispute.html",
        row=row,
        dispute=row.dispute,
        names=STATE_NAMES,
        holder=disputes.holder_of(session, coupon=row.coupon),
        cashier=disputes.cashier_of(session, dispute=row.dispute),
        staff=settlement_queries.staff_names(session, [row.dispute.raised_by]),
        is_own=acting is not None and row.dispute.raised_by == acting.id,
        limits=(disputes.SHORTEST_TEXT, disputes.LONGEST_TEXT),
        typed=request.form,
        error=explain(error) if error else "",
    )
    return page, status


def _decide(dispute_id: int, service: Any, done: str) -> ResponseReturnValue:
    error, status = attempted(
        service,
        dispute_id=dispute_id,
        decision=request.form.get("decision", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is not None:
        return _page(dispute_id, error, status)
    flash(done, "success")
    return go_to(url_for("admin.disputes_queue"))


@blueprint.post("/disputes/<int:dispute_id>/uphold")
def uphold_dispute(dispute_id: int) -> ResponseReturnValue:
    """Take the use back and give the credits back."""
    return _decide(dispute_id, disputes.uphold, _("异议成立，积分已退回持券人。"))


@blueprint.post("/disputes/<int:dispute_id>/refuse")
def refuse_dispute(dispute_id: int) -> ResponseReturnValue:
    """Let the use stand."""
    return _decide(dispute_id, disputes.refuse, _("异议不成立，这次使用会进入下一张结算单。"))
