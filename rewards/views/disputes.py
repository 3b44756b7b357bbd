"""A holder says on their coupon's page: I was not there."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import utc_now
from carbonaccount.errors import Conflict, Invalid
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, current_actor, resident_required
from rewards import disputes
from rewards.merchant_models import CouponDispute
from rewards.models import Coupon
from rewards.views import blueprint as blueprint


@blueprint.post("/coupons/<public_id>/dispute")
@resident_required
def dispute_coupon(public_id: str) -> ResponseReturnValue:
    """Take the objection; what is wrong with it is said on the coupon's page."""
    session = current_session()
    try:
        disputes.raise_dispute(
            session,
            coupon_public_id=public_id,
            account_id=current_account_id() or 0,
            text=request.form.get("text", ""),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
        flash(_("已收到。工作人员核对后会告诉您结果。"), "success")
    except (Invalid, Conflict) as error:
        session.rollback()
        flash(explain(error), "error")
    return redirect(url_for("rewards.coupon", public_id=public_id), 303)


def dispute_of(coupon: Coupon) -> CouponDispute | None:
    """Return the dispute about the use that a coupon's page shows."""
    return disputes.shown_dispute(current_session(), coupon=coupon)


def can_dispute(coupon: Coupon) -> bool:
    """Return whether a coupon's page offers to deny its use."""
    return disputes.can_be_disputed(coupon, now=utc_now())


@blueprint.context_processor
def dispute_words() -> dict[str, object]:
    """Give the coupon's page what its part about disputes asks for."""
    return {
        "can_dispute": can_dispute,
        "dispute_of": dispute_of,
        "was_settled": disputes.was_settled,
        "dispute_limits": (disputes.SHORTEST_TEXT, disputes.LONGEST_TEXT),
    }
