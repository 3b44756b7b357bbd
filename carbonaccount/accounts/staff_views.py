"""The page where staff sign in."""

from flask import request, url_for
from flask.typing import ResponseReturnValue

from carbonaccount.accounts import staff
from carbonaccount.accounts.forms import StaffSignInForm
from carbonaccount.accounts.limits import STAFF_PER_ADDRESS, STAFF_PER_LOGIN, login_key
from carbonaccount.accounts.views import blueprint, form_page
from carbonaccount.clock import utc_now
from carbonaccount.errors import DomainError, NotAuthenticated
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_staff, go_to, safe_next, start_session
from carbonaccount.web.limits import count_or_refuse, forgive, this_address, vault


@blueprint.route("/staff/sign-in", methods=["GET", "POST"])
def staff_sign_in() -> ResponseReturnValue:
    """Take login, password and time-based code together, and say only whether all three hold."""
    if current_staff() is not None:
        return go_to(safe_next(request.args.get("next")) or url_for("admin.overview"))
    form, error = StaffSignInForm(), None
    if form.validate_on_submit():
        try:
            return _sign_in(form)
        except DomainError as refusal:
            error = refusal
    elif request.method == "GET":
        form.next.data = safe_next(request.args.get("next"))
    return form_page("accounts/staff_sign_in.html", form, error=error, field=form.totp)


def _sign_in(form: StaffSignInForm) -> ResponseReturnValue:
    """Count the try before looking at it, so that parallel guesses are no way around the lock."""
    login: str = form.login.data
    tries = (
        (STAFF_PER_ADDRESS, this_address()),
        (STAFF_PER_LOGIN, login_key(vault(), login)),
    )
    count_or_refuse(*tries)
    try:
        _member, token = staff.sign_in_staff(
            current_session(),
            login=login,
            password=form.password.data,
            totp=form.totp.data,
            vault=vault(),
            now=utc_now(),
        )
    except NotAuthenticated:
        _record_failure(login)
        raise
    current_session().commit()
    forgive(*tries)
    start_session(token)
    return go_to(safe_next(form.next.data) or url_for("admin.overview"))


def _record_failure(login: str) -> None:
    current_session().rollback()
    staff.record_failed_sign_in(current_session(), login=login, now=utc_now())
    current_session().commit()
