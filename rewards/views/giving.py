"""Giving: who may be given something, giving credits and grams, and one's own gifts."""

from collections.abc import Callable, Collection
from typing import Any

from flask import flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session

from carbonaccount.accounts.purposes import Purpose, tells_purposes
from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, current_actor, go_to, resident_required
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language
from rewards import giving as gifts
from rewards import giving_labels
from rewards import giving_queries as queries
from rewards.beneficiaries import is_open, takes_credits, takes_grams
from rewards.giving_forms import CreditsForm, GramsForm, whole_number
from rewards.giving_models import Beneficiary
from rewards.views import blueprint as blueprint
from rewards.views.common import guardian_missing, my_credits, today


def told(texts: dict[str, dict[str, str]], part: str) -> str:
    """Return a part of a beneficiary's texts in the page's language."""
    return texts.get(language(), {}).get(part) or texts["zh"][part]


@blueprint.get("/giving")
def giving() -> ResponseReturnValue:
    """List who may be given something now."""
    session = current_session()
    found = queries.open_beneficiaries(session, today())
    return render_template(
        "rewards/giving.html",
        beneficiaries=found,
        received=queries.received(session, [row.id or 0 for row in found]),
    )


@blueprint.get("/giving/<public_id>")
def beneficiary(public_id: str) -> ResponseReturnValue:
    """Show what happens with gifts, what was given, and the forms to give."""
    return _beneficiary_page(_shown(public_id))


def _shown(public_id: str) -> Beneficiary:
    found = queries.shown_beneficiary(current_session(), public_id)
    if found is None:
        raise NotFound("unknown_beneficiary")
    return found


def _beneficiary_page(
    row: Beneficiary,
    *,
    credits_form: CreditsForm | None = None,
    grams_form: GramsForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    session, account_id = current_session(), current_account_id()
    number = row.id or 0
    page = render_template(
        "rewards/beneficiary.html",
        row=row,
        open=is_open(row, today()),
        guardian_missing=guardian_missing(),
        takes_credits=takes_credits(row),
        takes_grams=takes_grams(row),
        received=queries.received(session, [number])[number],
        uses=queries.uses_of(session, number),
        credits_form=credits_form or CreditsForm(formdata=None),
        grams_form=grams_form or GramsForm(formdata=None),
        credits_left=my_credits(),
        grams_left=gifts.certified_left(session, account_id=account_id) if account_id else 0,
    )
    return page, status


@blueprint.post("/giving/<public_id>/credits")
@resident_required
def give_credits(public_id: str) -> ResponseReturnValue:
    """Give credits."""
    row, form = _shown(public_id), CreditsForm()
    if _sent(form, form.credits, gifts.give_credits, row, "credits"):
        flash(_("谢谢！积分已捐出。"), "success")
        return go_to(url_for("rewards.my_gifts"))
    return _beneficiary_page(row, credits_form=form, status=_status(form))


@blueprint.post("/giving/<public_id>/grams")
@resident_required
def give_grams(public_id: str) -> ResponseReturnValue:
    """Pledge certified grams, with the consent to what happens with them."""
    row, form = _shown(public_id), GramsForm()
    statement = f"{told(row.texts, 'title')}\n{told(row.texts, 'use')}\n{form.agree.label.text}"
    if _sent(form, form.grams, gifts.pledge_grams, row, "grams", statement=statement):
        flash(_("谢谢！减排量已认捐，使用前可以随时收回。"), "success")
        return go_to(url_for("rewards.my_gifts"))
    return _beneficiary_page(row, grams_form=form, status=_status(form))


def _sent(
    form: Any, field: Any, service: Callable[..., object], row: Beneficiary, name: str, **more: Any
) -> bool:
    """Give what a form asks for and commit; what is wrong stands at the form afterwards."""
    if not form.validate_on_submit():
        return False
    amount = whole_number(field.data)
    if amount is None:
        field.errors = [_("请填写整数，例如 500。")]
        return False
    session = current_session()
    try:
        service(
            session,
            account_id=current_account_id() or 0,
            beneficiary_id=row.id,
            request_key=form.request_key.data,
            acting_user=current_actor(),
            now=utc_now(),
            **{name: amount},
            **more,
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        field.errors = [explain(error)]
        form.refused = error
        return False
    return True


def _status(form: Any) -> int:
    refused = getattr(form, "refused", None)
    return status_of(refused) if refused is not None else 422


@blueprint.get("/giving/mine")
@resident_required
def my_gifts() -> ResponseReturnValue:
    """List one's own gifts with what became of them."""
    session, account_id = current_session(), current_account_id() or 0
    return render_template(
        "rewards/my_gifts.html",
        rows=queries.gifts_of(session, account_id),
        coupons=queries.donation_coupons_of(session, account_id),
    )


@blueprint.post("/giving/mine/<public_id>/revoke")
@resident_required
def revoke_gift(public_id: str) -> ResponseReturnValue:
    """Take pledged grams back."""
    session = current_session()
    gifts.revoke(
        session,
        gift_public_id=public_id,
        account_id=current_account_id() or 0,
        acting_user=current_actor(),
        now=utc_now(),
    )
    session.commit()
    flash(_("减排量已收回到您的账户。"), "success")
    return go_to(url_for("rewards.my_gifts"))


@tells_purposes
def gift_purposes(session: Session, purposes: Collection[str]) -> dict[str, Purpose]:
    """Say to whom the pledges were made that consents are for."""
    address = url_for("rewards.my_gifts")
    rows = queries.beneficiaries_of_gifts(session, gifts.gifts_named(purposes))
    return {
        gifts.consent_purpose(number): Purpose(told(row.texts, "title"), _("认捐减排量"), address)
        for number, row in rows.items()
    }


@blueprint.context_processor
def giving_words() -> dict[str, object]:
    """Give this room's templates the words of giving, trees and certificates."""
    return {"giving_labels": giving_labels, "told": told}
