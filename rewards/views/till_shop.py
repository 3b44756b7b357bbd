"""What a merchant's owner looks after: tills, people, invitations and statements."""

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError, NotFound, Refused
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, resident_required
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from rewards import merchants, settlement_queries
from rewards.merchants import CASHIER, OWNER, Membership
from rewards.settlement_queries import SettlementRow
from rewards.views import blueprint as blueprint
from rewards.views.statement_files import statement_file
from rewards.views.till import account_id, desk


def owned() -> Membership:
    """Return the merchant that the owner looks after now.

    That of the address if it names one of theirs, else that of the chosen till, else the first.
    Raises Refused with owner_only for everybody else.
    """
    found = desk()
    mine = [place for place in found.places if place.is_owner]
    wanted = request.values.get("shop")
    chosen = found.membership.merchant.public_id if found.membership else None
    for public_id in (wanted, None if wanted else chosen):
        for place in mine:
            if place.merchant.public_id == public_id:
                return place
    if not mine or wanted:
        raise Refused("owner_only")
    return mine[0]


@blueprint.get("/till/shop")
@resident_required
def till_shop() -> ResponseReturnValue:
    """Show tills, people and statements of a merchant to its owner."""
    return _page(owned())


def _page(place: Membership, *, code: str = "", error: DomainError | None = None) -> Response:
    session, merchant_id, found = current_session(), place.merchant.id or 0, desk()
    page = render_template(
        "rewards/till_shop.html",
        place=place,
        desk=found,
        shops=[other for other in found.places if other.is_owner],
        tills=merchants.tills(session, merchant_id=merchant_id),
        people=merchants.people(session, merchant_id=merchant_id),
        waiting=settlement_queries.waiting_of(session, merchant_id=merchant_id),
        settlements=settlement_queries.settlements_of(session, merchant_id=merchant_id),
        me=account_id(),
        code=code,
        hours=merchants.INVITATION_LIFE.days * 24,
        error=explain(error) if error else "",
    )
    return Response(page, 200 if error is None else status_of(error))


def _back(place: Membership) -> ResponseReturnValue:
    return redirect(url_for("rewards.till_shop", shop=place.merchant.public_id), 303)


@blueprint.post("/till/shop/tills")
@resident_required
def till_add() -> ResponseReturnValue:
    """Add a till."""
    place = owned()
    try:
        merchants.add_till(
            current_session(),
            merchant=place.merchant,
            name=request.form.get("name", ""),
            acting_user=current_actor(),
            now=utc_now(),
        )
        current_session().commit()
    except DomainError as error:
        current_session().rollback()
        return _page(place, error=error)
    return _back(place)


@blueprint.post("/till/shop/tills/<int:till_id>")
@resident_required
def till_set(till_id: int) -> ResponseReturnValue:
    """Close a till, or open it again."""
    place = owned()
    merchants.set_till_active(
        current_session(),
        merchant=place.merchant,
        till_id=till_id,
        active=request.form.get("active") == "1",
        acting_user=current_actor(),
        now=utc_now(),
    )
    current_session().commit()
    return _back(place)


@blueprint.post("/till/shop/invitations")
@resident_required
def till_invite() -> ResponseReturnValue:
    """Show an invitation once."""
    place = owned()
    code = merchants.invite(
        current_session(),
        merchant=place.merchant,
        role=OWNER if request.form.get("role") == OWNER else CASHIER,
        vault=vault(),
        acting_user=current_actor(),
        now=utc_now(),
    )
    current_session().commit()
    return _page(place, code=code)


@blueprint.post("/till/shop/people/<public_id>/remove")
@resident_required
def till_remove(public_id: str) -> ResponseReturnValue:
    """Take a person off the merchant."""
    place = owned()
    try:
        merchants.remove_member(
            current_session(),
            merchant=place.merchant,
            public_id=public_id,
            acting_user=current_actor(),
            now=utc_now(),
        )
        current_session().commit()
    except DomainError as error:
        current_session().rollback()
        return _page(place, error=error)
    flash(_("已移出，马上生效。"), "success")
    return _back(place)


def _statement(public_id: str) -> SettlementRow:
    """Return a statement that its owner may see; raises NotFound for all others."""
    row = settlement_queries.find_settlement(current_session(), public_id=public_id)
    mine = {place.merchant.id for place in desk().places if place.is_owner}
    if row.merchant.id not in mine or row.settlement.status not in ("approved", "paid"):
        raise NotFound("settlement_not_found")
    return row


@blueprint.get("/till/statements/<public_id>")
@resident_required
def till_statement(public_id: str) -> ResponseReturnValue:
    """Show a statement with its coupons."""
    row = _statement(public_id)
    return render_template(
        "rewards/till_statement.html",
        desk=desk(),
        settlement=row.settlement,
        merchant=row.merchant,
        lines=settlement_queries.lines_of(current_session(), settlement_id=row.settlement.id or 0),
        deductions=settlement_queries.deductions_of(
            current_session(), settlement_id=row.settlement.id or 0
        ),
    )


@blueprint.get("/till/statements/<public_id>.<any(pdf, xlsx):kind>")
@resident_required
def till_statement_file(public_id: str, kind: str) -> ResponseReturnValue:
    """Send a statement as a file."""
    return statement_file(_statement(public_id), kind)
