"""Appeals as residents see them: objecting on a receipt, one's own appeals, how they end."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField

from behaviors import appeal_queries, appeals
from behaviors.views import blueprint as blueprint
from behaviors.views.common import rule_book, today
from behaviors.views.records import receipt_or_404
from carbonaccount.clock import utc_now
from carbonaccount.errors import Conflict, DomainError, Invalid
from carbonaccount.policy.queries import work_calendar
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, current_actor, resident_required
from carbonaccount.web.limits import vault


class AppealForm(FlaskForm):  # type: ignore[misc]
    """Why a resident objects."""

    text = TextAreaField(_l("您的理由"))


@blueprint.route("/records/<int:record_id>/appeal", methods=["GET", "POST"])
@resident_required
def appeal_record(record_id: int) -> ResponseReturnValue:
    """Take an objection against what became of a record."""
    receipt, form, status = receipt_or_404(record_id), AppealForm(), 200
    if not appeals.is_appealable(receipt.record, receipt.adjustments):
        raise Conflict("nothing_to_appeal")
    if form.validate_on_submit():
        error = _open(record_id, form)
        if error is None:
            flash(_("申诉已提交。"), "success")
            return redirect(url_for("behaviors.my_appeals"), 303)
        status = 422
    due_on = work_calendar(current_session()).add_workdays(today(), appeals.WORKDAYS)
    page = render_template(
        "behaviors/appeal.html",
        receipt=receipt,
        record=receipt.record,
        form=form,
        due_on=due_on,
        workdays=appeals.WORKDAYS,
        limits=(appeals.LEAST_TEXT, appeals.LONGEST_TEXT),
    )
    return page, status


def _open(record_id: int, form: AppealForm) -> DomainError | None:
    """Open the appeal and commit; what was refused stands at the form afterwards."""
    session = current_session()
    try:
        appeals.open_appeal(
            session,
            account_id=current_account_id() or 0,
            record_id=record_id,
            text=form.text.data or "",
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        session.commit()
    except (Invalid, Conflict) as error:
        session.rollback()
        form.text.errors = [explain(error)]
        return error
    return None


@blueprint.get("/appeals")
@resident_required
def my_appeals() -> ResponseReturnValue:
    """List one's own appeals with the day by which each is answered."""
    rows = appeal_queries.appeals_of(current_session(), account_id=current_account_id() or 0)
    return render_template(
        "behaviors/my_appeals.html",
        rows=[(row, appeals.text_of(row.appeal, vault=vault())) for row in rows],
        behaviors=rule_book().behavior_by_id,
        today=today(),
    )


@blueprint.get("/appeals/outcomes")
def appeal_outcomes() -> ResponseReturnValue:
    """Show everybody how often appeals are upheld, and answered in time."""
    return render_template(
        "behaviors/appeal_outcomes.html",
        outcomes=appeal_queries.outcomes(current_session()),
        least=appeal_queries.LEAST_PEOPLE,
        workdays=appeals.WORKDAYS,
    )
