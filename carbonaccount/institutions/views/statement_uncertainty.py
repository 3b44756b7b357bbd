"""What an institution states about the uncertainty of one factor of a draft."""

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.errors import DomainError, NotFound
from carbonaccount.institutions import statement_uncertainty as services
from carbonaccount.institutions import statements
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.seats import CLERKS, Seated
from carbonaccount.institutions.statement_uncertainty import Stated
from carbonaccount.institutions.uncertainty_forms import UncertaintyForm
from carbonaccount.institutions.views.common import at_institution, put_error
from carbonaccount.institutions.views.offset_common import done
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, go_to
from carbonaccount.web.problems import status_of

_BELOW = "/neutrality/statements/<statement_id>/uncertainty/<factor_code>"


def _statement(place: Seated, statement_id: str) -> NeutralityStatement:
    return statements.statement_at(
        current_session(), institution_id=place.institution_id, public_id=statement_id
    )


def _to_statement(place: Seated, row: NeutralityStatement) -> ResponseReturnValue:
    public_id = place.institution.public_id
    return go_to(url_for("institutions.statement", public_id=public_id, statement_id=row.public_id))


@at_institution(_BELOW, seats=CLERKS, methods=("GET", "POST"))
def statement_uncertainty(
    place: Seated, statement_id: str, factor_code: str
) -> ResponseReturnValue:
    """State the uncertainty of a factor; what is no draft any more is shown as it is."""
    row = _statement(place, statement_id)
    if row.status != StatementStatus.DRAFT and request.method == "GET":
        return _to_statement(place, row)
    form = UncertaintyForm()
    if request.method == "GET":
        known = services.stated_of(current_session(), row)
        form.fill(known.get(factor_code, Stated()))
        return _page(place, row, factor_code, form)
    if not form.validate_on_submit():
        return _page(place, row, factor_code, form, status=422)
    error = done(
        services.state,
        statement=row,
        factor_code=factor_code,
        stated=form.stated(),
        account_id=current_account_id() or 0,
    )
    return _after(place, row, factor_code, form, error, _("已保存。"))


def _after(
    place: Seated,
    row: NeutralityStatement,
    factor_code: str,
    form: UncertaintyForm,
    error: DomainError | None,
    words: str,
) -> ResponseReturnValue:
    if error is not None:
        if isinstance(error, NotFound):
            raise error
        put_error(form, error)
        return _page(place, row, factor_code, form, status=status_of(error))
    flash(words, "success")
    return _to_statement(place, row)


def _page(
    place: Seated,
    row: NeutralityStatement,
    factor_code: str,
    form: UncertaintyForm,
    *,
    status: int = 200,
) -> ResponseReturnValue:
    """Show the form of a factor that emits something. Raises NotFound (unknown_factor_here)."""
    session = current_session()
    content = statements.preview(session, row)
    found = content.get("uncertainty_stated", {}).get("parts", [])
    part = next((item for item in found if item["factor"] == factor_code), None)
    if part is None:
        raise NotFound("unknown_factor_here")
    page = render_template(
        "institutions/statement_uncertainty.html",
        place=place,
        row=row,
        content=content,
        part=part,
        form=form,
        offered=services.suggestions(session, statement=row, factor_code=factor_code),
        percent_text=services.percent_text,
    )
    return page, status


@at_institution(f"{_BELOW}/accept/<suggestion>", seats=CLERKS, methods=("POST",))
def statement_uncertainty_accept(
    place: Seated, statement_id: str, factor_code: str, suggestion: str
) -> ResponseReturnValue:
    """Take a suggested value over."""
    row = _statement(place, statement_id)
    error = done(
        services.accept,
        statement=row,
        factor_code=factor_code,
        key=suggestion,
        account_id=current_account_id() or 0,
    )
    return _after(
        place, row, factor_code, UncertaintyForm(None), error, _("已采用建议值，可以再改。")
    )


@at_institution(f"{_BELOW}/remove", seats=CLERKS, methods=("POST",))
def statement_uncertainty_remove(
    place: Seated, statement_id: str, factor_code: str
) -> ResponseReturnValue:
    """Take back what was stated."""
    row = _statement(place, statement_id)
    error = done(services.remove, statement=row, factor_code=factor_code)
    return _after(
        place, row, factor_code, UncertaintyForm(None), error, _("已清除，声明上写“未给出”。")
    )
