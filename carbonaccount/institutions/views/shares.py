"""Shares of sources: an institution's page of what is its own, and a resident's of what they gave.

Both show the same share, source and grams; the institution sees nobody's name.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account
from carbonaccount.accounts.purposes import Purpose, tells_purposes
from carbonaccount.certified import sources_of
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.institutions import attribution, attribution_lots
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.offset_forms import FleetForm, ShareForm, ShareLotForm, day_in
from carbonaccount.institutions.offset_models import Attribution
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import at_institution, named, put_error
from carbonaccount.institutions.views.offset_common import done
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, go_to, resident_required
from carbonaccount.web.problems import status_of


@at_institution("/shares")
def shares(place: Seated) -> ResponseReturnValue:
    """Show an institution whose acts are its own, by source."""
    return _page(place)


def _page(
    place: Seated,
    *,
    fleet: FleetForm | None = None,
    lot: ShareLotForm | None = None,
    lot_of: tuple[int, str] | None = None,
    error: DomainError | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    session = current_session()
    fleet = fleet or FleetForm(None)
    fleet.offer(sources_of(session, account_id=place.institution.account_id))
    if lot is None:
        lot = ShareLotForm(None)
        lot.last.data = (business_day(utc_now()) - timedelta(days=1)).isoformat()
        lot.first.data = f"{lot.last.data[:4]}-01-01"
    page = render_template(
        "institutions/shares.html",
        place=place,
        shares=attribution.shares_at(session, institution_id=place.institution_id),
        fleet=fleet,
        account_number=session.get_one(Account, place.institution.account_id).public_id,
        lot_form=lot,
        lot_of=lot_of,
        error=explain(error) if error else "",
    )
    return page, status if error is None else status_of(error)


def _to(place: Seated) -> ResponseReturnValue:
    return go_to(url_for("institutions.shares", public_id=place.institution.public_id))


@at_institution("/shares/fleet", seats=OWNERS, methods=("POST",))
def share_fleet(place: Seated) -> ResponseReturnValue:
    """Own what a source reports for the institution's own account."""
    session, form = current_session(), FleetForm()
    form.offer(sources_of(session, account_id=place.institution.account_id))
    if not form.validate_on_submit():
        return _page(place, fleet=form, status=422)
    error = done(
        attribution.begin_own, institution=place.institution, source_id=int(form.source.data)
    )
    if error is not None:
        put_error(form, error)
        return _page(place, fleet=form, status=status_of(error))
    flash(_("从明天起，这个来源的减排量归本单位。"), "success")
    return _to(place)


@at_institution("/shares/<share_id>/end", seats=OWNERS, methods=("POST",))
def share_give_back(place: Seated, share_id: str) -> ResponseReturnValue:
    """Give a share back."""
    error = done(
        attribution.end_by_institution, public_id=share_id, institution_id=place.institution_id
    )
    if error is not None:
        return _page(place, error=error)
    flash(_("已结束，从明天起不再归本单位。"), "success")
    return _to(place)


@at_institution(
    "/shares/lots/<int:source_id>/<any(fleet, staff):role>", seats=CLERKS, methods=("POST",)
)
def share_lot(place: Seated, source_id: int, role: str) -> ResponseReturnValue:
    """Make a lot of the shares of a source and period."""
    shares_here = attribution.shares_at(current_session(), institution_id=place.institution_id)
    if source_id not in {share.source.source_id for share in shares_here}:
        raise NotFound("unknown_share")
    form = ShareLotForm()
    if not form.validate_on_submit():
        return _page(place, lot=form, lot_of=(source_id, role), status=422)
    error = done(
        attribution_lots.make_lot,
        institution_id=place.institution_id,
        source_id=source_id,
        role=role,
        first=day_in(form.first),
        last=day_in(form.last),
        title=(form.title.data or "").strip(),
    )
    if error is not None:
        put_error(form, error)
        return _page(place, lot=form, lot_of=(source_id, role), status=status_of(error))
    flash(_("已做成批次，这些减排量从此归本单位。"), "success")
    return go_to(url_for("institutions.offsets", public_id=place.institution.public_id))


# --- what a resident gave ---


@blueprint.route("/me/shares", methods=["GET", "POST"])
@resident_required
def my_shares() -> ResponseReturnValue:
    """Show a person which share of which source goes where; and let them give one."""
    form = ShareForm() if request.method == "POST" else ShareForm(None)
    session, account_id = current_session(), current_account_id() or 0
    places = attribution.places_of(session, account_id=account_id)
    form.offer(places, sources_of(session, account_id=account_id))
    if request.method == "GET":
        return _my_page(form)
    if not form.validate_on_submit():
        return _my_page(form, 422)
    chosen = next(row for row in places if row.public_id == form.institution.data)
    error = done(
        attribution.begin,
        account_id=account_id,
        institution_id=chosen.stored_id,
        source_id=int(form.source.data),
        role=form.role.data,
        permille=form.permille,
        statement=_statement(),
    )
    if error is not None:
        put_error(form, error)
        return _my_page(form, status_of(error))
    flash(_("已设定，从明天起生效，随时可以结束。"), "success")
    return go_to(url_for("institutions.my_shares"))


def _my_page(form: ShareForm, status: int = 200) -> ResponseReturnValue:
    session, account_id = current_session(), current_account_id() or 0
    page = render_template(
        "institutions/my_shares.html",
        form=form,
        statement=_statement(),
        shares=attribution.shares_of(session, account_id=account_id),
        places=attribution.places_of(session, account_id=account_id),
        sources=sources_of(session, account_id=account_id),
    )
    return page, status


def _statement() -> str:
    """Return what a person agrees to."""
    return str(
        _(
            "从明天起，所选来源里已核证（证据 A、B 级）的减排量，按您定的份额归所选单位："
            "单位做批次时，这一份从您的账户转到单位名下，用于单位的碳中和，"
            "同一次出行不会既算您的、又算单位的。"
            "您的积分不变。单位只看到来源、份额和克数，看不到您的姓名和每次出行。"
            "您随时可以结束，结束当天仍算，已经做成批次的不退回。"
            "您退出单位（既不是成员、也没有席位）或者单位关闭时，份额从那天起自动结束。"
        )
    )


@blueprint.post("/me/shares/<share_id>/end")
@resident_required
def my_share_end(share_id: str) -> ResponseReturnValue:
    """End a share."""
    error = done(attribution.end, public_id=share_id, account_id=current_account_id() or 0)
    if error is not None:
        raise error
    flash(_("已结束，从明天起减排量全部归您。"), "success")
    return go_to(url_for("institutions.my_shares"))


@tells_purposes
def share_purposes(session: Session, purposes: Collection[str]) -> dict[str, Purpose]:
    """Say which institution a share goes to."""
    wanted = {
        purpose.partition(":")[2]: purpose
        for purpose in purposes
        if purpose.startswith(attribution.consent_purpose(""))
    }
    if not wanted:
        return {}
    rows: Any = session.exec(
        select(col(Attribution.public_id), Institution)
        .join(Institution, col(Institution.id) == col(Attribution.institution_id))
        .where(col(Attribution.public_id).in_(wanted))
    )
    return {
        wanted[public_id]: Purpose(
            named(institution), _("把减排量的一份归给单位"), url_for("institutions.my_shares")
        )
        for public_id, institution in rows
    }
