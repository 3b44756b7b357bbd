"""An owner explains why something that is missing in a statement's year is as it should be."""

from flask import flash
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.errors import Invalid
from carbonaccount.institutions import statement_completeness as services
from carbonaccount.institutions.offset_forms import GapForm
from carbonaccount.institutions.seats import OWNERS, Seated
from carbonaccount.institutions.views.common import at_institution
from carbonaccount.institutions.views.neutrality import find_statement, show_statement, to_statement
from carbonaccount.institutions.views.offset_common import done
from carbonaccount.web.identity import current_account_id


@at_institution("/neutrality/statements/<statement_id>/gaps", seats=OWNERS, methods=("POST",))
def statement_gap(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Explain one gap; what was typed stays when it is refused."""
    row, form = find_statement(place, statement_id), GapForm()
    if not form.validate_on_submit():
        return show_statement(
            place, row, gap_form=form, error=Invalid("gap_not_sworn", field="is_sworn")
        )
    error = done(
        services.explain,
        statement=row,
        key=form.gap.data,
        reason=form.reason.data or "",
        is_sworn=form.is_sworn.data,
        account_id=current_account_id() or 0,
    )
    if error is not None:
        return show_statement(place, row, gap_form=form, error=error)
    flash(_("说明已保存，会印在声明上。"), "success")
    return to_statement(place, statement_id)
