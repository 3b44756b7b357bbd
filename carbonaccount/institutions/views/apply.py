"""Applying for an institution, and taking a seat at one with an invitation."""

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.accounts.queries import districts
from carbonaccount.errors import DomainError
from carbonaccount.institutions import applications, people
from carbonaccount.institutions.forms import ApplyForm, CodeForm
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import attempted, put_error
from carbonaccount.institutions.views.offset_common import paper_of
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import go_to, resident_required
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.templating import language


@blueprint.route("/institutions/apply", methods=["GET", "POST"])
@resident_required
def apply() -> ResponseReturnValue:
    """Apply for an institution."""
    form = ApplyForm()
    form.offer(districts(current_session()), english=language() == "en")
    status = 200 if request.method == "GET" else 422
    if form.validate_on_submit():
        error = _applied(form)
        if error is None:
            flash(_("申请已提交。审核结果会发消息给您。"), "success")
            return go_to(url_for("institutions.mine"))
        put_error(form, error)
        status = status_of(error)
    return render_template("institutions/apply.html", form=form), status


def _applied(form: ApplyForm) -> DomainError | None:
    try:
        paper = paper_of(form.file) if form.file.data else None
    except DomainError as error:
        return error
    return attempted(
        applications.apply, content=form.content(), request_key=form.key(), paper=paper
    )


@blueprint.post("/institutions/applications/<public_id>/withdraw")
@resident_required
def withdraw_application(public_id: str) -> ResponseReturnValue:
    """Take an application back."""
    error = attempted(applications.withdraw, public_id=public_id)
    if error is not None:
        raise error
    flash(_("申请已撤回。"), "success")
    return go_to(url_for("institutions.mine"))


@blueprint.route("/institutions/seat", methods=["GET", "POST"])
@resident_required
def take_seat() -> ResponseReturnValue:
    """Take a seat with an invitation."""
    form, status = CodeForm(), 200 if request.method == "GET" else 422
    if form.validate_on_submit():
        error = attempted(people.take_seat, code=form.code.data, vault=vault())
        if error is None:
            flash(_("已加入。"), "success")
            return go_to(url_for("institutions.mine"))
        put_error(form, error)
        status = status_of(error)
    return render_template("institutions/seat.html", form=form), status
