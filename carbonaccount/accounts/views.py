"""Pages of residents about themselves: signing in, consent, settings, signed-in browsers."""

from typing import Any, TypedDict

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import Field
from wtforms.fields.choices import SelectChoice

from carbonaccount.accounts import notices, one_time_codes, queries, services, sessions
from carbonaccount.accounts.forms import (
    NO_DISTRICT,
    AgreeForm,
    CodeForm,
    SettingsForm,
    SignInForm,
    WithdrawForm,
)
from carbonaccount.accounts.limits import (
    CHECKS_PER_ADDRESS,
    CHECKS_PER_NUMBER,
    CODES_PER_ADDRESS,
    CODES_PER_NUMBER,
    number_key,
)
from carbonaccount.accounts.models import Account
from carbonaccount.accounts.notices import PRIVACY_PURPOSE, Notice
from carbonaccount.accounts.purposes import purposes_in_words
from carbonaccount.accounts.services import WEB_CHANNEL, SignIn
from carbonaccount.accounts.sms import SmsGateway
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.crypto import random_token, token_hash
from carbonaccount.database import open_session, reading
from carbonaccount.errors import DomainError, Invalid, LimitReached
from carbonaccount.web.database import current_session, engine, writing_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.i18n import LANGUAGES, choose_language
from carbonaccount.web.identity import (
    SignedIn,
    current_account_id,
    current_actor,
    end_session,
    go_to,
    person,
    resident_required,
    safe_next,
    start_session,
)
from carbonaccount.web.limits import count_or_refuse, this_address, vault
from carbonaccount.web.problems import status_of

blueprint = Blueprint("accounts", __name__)

HOME = "/"
_PENDING = "sign_in"
_DEMO_CODE = "demo_code"


class Pending(TypedDict):
    """What the browser's session keeps between asking for a code and entering it."""

    request_token: str
    district: str | None
    notice_version: str
    language: str
    next: str | None


def settings() -> Settings:
    """Return the application's settings."""
    found: Settings = current_app.extensions["carbonaccount.settings"]
    return found


def gateway() -> SmsGateway:
    """Return the gateway for short messages."""
    found: SmsGateway = current_app.extensions["carbonaccount.sms"]
    return found


def privacy_notice(language: str) -> Notice:
    """Return the privacy notice in force."""
    chosen = settings()
    return notices.privacy_notice(
        language=language,
        city=chosen.city_name_en if language == "en" else chosen.city_name,
        operator=chosen.operator_name,
        contact=chosen.privacy_contact,
    )


def form_page(
    template: str,
    form: FlaskForm,
    *,
    error: DomainError | None = None,
    field: Field | None = None,
    **context: Any,
) -> Response:
    """Show a form; with what is wrong in it, and with the status that stands for the error."""
    status = 400 if form.errors else 200
    if error is not None and field is not None:
        field.errors = [*field.errors, explain(error)]
        status = status_of(error)
    response = make_response(render_template(template, form=form, **context), status)
    if isinstance(error, LimitReached):
        response.headers["Retry-After"] = str(error.params["retry_after_s"])
    return response


def district_choices() -> list[SelectChoice]:
    """Return the districts for a form, the choice to leave it open first.

    Read in a session of its own, so that the request's writing session begins after the counting.
    """
    with open_session(reading(engine())) as database:
        found = queries.districts(database)
    english = choose_language() == "en"
    named = [SelectChoice(each.code, each.name_en if english else each.name_zh) for each in found]
    return [SelectChoice(NO_DISTRICT, str(_("暂不填写"))), *named]


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Ask for number, age and consent; send a code."""
    if current_account_id() is not None:
        return go_to(safe_next(request.args.get("next")) or HOME)
    form = SignInForm()
    form.district.choices = district_choices()
    error = None
    if form.validate_on_submit():
        try:
            return _send_code(form)
        except DomainError as refusal:
            error = refusal
    elif request.method == "GET":
        form.next.data = safe_next(request.args.get("next"))
    return form_page("accounts/sign_in.html", form, error=error, field=form.phone)


def _send_code(form: SignInForm) -> ResponseReturnValue:
    """Count, store and send a code; nothing personal is kept of a request that was refused."""
    phone: str = form.phone.data
    number = number_key(vault(), phone)
    count_or_refuse(
        (CODES_PER_ADDRESS, this_address()), *((limit, number) for limit in CODES_PER_NUMBER)
    )
    request_token = random_token()
    code = _store_code(phone, request_token)
    try:
        gateway().send_code(phone, code)
    except DomainError:
        one_time_codes.discard_code(current_session(), request_token=request_token)
        current_session().commit()
        raise
    session[_PENDING] = Pending(
        request_token=request_token,
        district=form.district.data or None,
        notice_version=notices.PRIVACY_VERSION,
        language=choose_language(),
        next=safe_next(form.next.data),
    )
    session.pop(_DEMO_CODE, None)
    if gateway().shows_code_on_page and settings().is_demo:
        session[_DEMO_CODE] = code
    return go_to(url_for("accounts.enter_code"))


def _store_code(phone: str, request_token: str) -> str:
    """Commit the code before it is sent: sending takes seconds, and locks are not for that."""
    code = one_time_codes.issue_code(
        current_session(),
        phone=phone,
        phone_index=services.phone_index(vault(), phone),
        request_token=request_token,
        vault=vault(),
        now=utc_now(),
    )
    current_session().commit()
    return code


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
def enter_code() -> ResponseReturnValue:
    """Take the six digits and sign in."""
    pending: Pending | None = session.get(_PENDING)
    if pending is None:
        return go_to(url_for("accounts.sign_in"))
    form, error = CodeForm(), None
    if form.validate_on_submit():
        try:
            return _check_code(form.code.data, pending)
        except DomainError as refusal:
            error = refusal
    demo_code = session.get(_DEMO_CODE) if settings().is_demo else None
    return form_page(
        "accounts/enter_code.html", form, error=error, field=form.code, demo_code=demo_code
    )


def _check_code(guess: str, pending: Pending) -> ResponseReturnValue:
    """Pay for the guess, look at it, and sign in when it is right."""
    attempt = _claim_attempt(pending["request_token"])
    one_time_codes.check_guess(attempt, guess=guess, vault=vault())
    if pending["notice_version"] != notices.PRIVACY_VERSION:
        raise Invalid("notice_changed")
    token = _complete_sign_in(attempt, pending)
    current_session().commit()
    start_session(token)
    return go_to(pending["next"] or HOME)


def _claim_attempt(request_token: str) -> one_time_codes.ClaimedAttempt:
    with open_session(reading(engine())) as database:
        number = one_time_codes.phone_index_of_request(database, request_token=request_token)
    # Without a code there is no number, but the address is counted all the same.
    count_or_refuse(
        (CHECKS_PER_ADDRESS, this_address()), *([(CHECKS_PER_NUMBER, number)] if number else [])
    )
    with writing_session() as database:
        attempt = one_time_codes.claim_attempt(database, request_token=request_token, now=utc_now())
        database.commit()
    return attempt


def _complete_sign_in(attempt: one_time_codes.ClaimedAttempt, pending: Pending) -> str:
    now = utc_now()
    phone = one_time_codes.use_code(current_session(), attempt=attempt, vault=vault(), now=now)
    notice = privacy_notice(pending["language"])
    proven = SignIn(
        phone=phone,
        district_code=pending["district"],
        locale=pending["language"],
        notice_version=notice.version,
        notice_text=notice.text,
    )
    _account, token = services.sign_in_resident(
        current_session(), sign_in=proven, vault=vault(), now=now
    )
    return token


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Revoke this browser's session, so that a copy of its cookie is worth nothing."""
    found = person()
    if found is not None:
        sessions.revoke_by_token(
            current_session(), token=found.token, acting_user=found.actor, now=utc_now()
        )
        current_session().commit()
    end_session()
    return go_to(HOME)


@blueprint.get("/privacy")
def privacy() -> ResponseReturnValue:
    """Show the privacy notice in force."""
    return render_template("accounts/privacy.html", notice=privacy_notice(choose_language()))


@blueprint.route("/privacy/agree", methods=["GET", "POST"])
@resident_required
def agree() -> ResponseReturnValue:
    """Ask a resident again after the notice has changed."""
    form = AgreeForm()
    notice = privacy_notice(choose_language())
    if form.validate_on_submit():
        services.give_consent(
            current_session(),
            account_id=_me().account_id or 0,
            purpose=PRIVACY_PURPOSE,
            version=notice.version,
            text=notice.text,
            channel=WEB_CHANNEL,
            acting_user=current_actor(),
            now=utc_now(),
        )
        current_session().commit()
        return go_to(safe_next(form.next.data) or HOME)
    if request.method == "GET":
        form.next.data = safe_next(request.args.get("next"))
    return form_page("accounts/agree.html", form, notice=notice)


def _me() -> SignedIn:
    """Return the signed-in person inside views that let nobody else in."""
    found = person()
    if found is None:
        raise Invalid("sign_in_needed")
    return found


@blueprint.route("/me", methods=["GET", "POST"])
@resident_required
def me() -> ResponseReturnValue:
    """Show and change settings; show the consents with their history."""
    form = SettingsForm()
    form.district.choices = district_choices()
    if form.validate_on_submit():
        return _change_settings(form)
    account = current_session().get_one(Account, _me().account_id)
    if request.method == "GET":
        form.district.data = account.district_code or NO_DISTRICT
        form.locale.data = choose_language()
    consents = queries.consents_of(current_session(), account.stored_id)
    return form_page(
        "accounts/me.html",
        form,
        account=account,
        consents=consents,
        purposes=purposes_in_words(current_session(), {each.purpose for each in consents}),
        withdraw_form=WithdrawForm(formdata=None),
        privacy_purpose=PRIVACY_PURPOSE,
    )


def _change_settings(form: SettingsForm) -> ResponseReturnValue:
    services.change_settings(
        current_session(),
        account_id=_me().account_id or 0,
        district_code=form.district.data or None,
        locale=form.locale.data,
        acting_user=current_actor(),
        now=utc_now(),
    )
    current_session().commit()
    if form.locale.data in LANGUAGES:
        session["locale"] = form.locale.data
    flash(_("已保存。"), "success")
    return go_to(url_for("accounts.me"))


@blueprint.post("/me/withdraw")
@resident_required
def withdraw() -> ResponseReturnValue:
    """Withdraw the consent to the privacy notice: sources stop, every browser is signed out."""
    form = WithdrawForm()
    if not form.validate_on_submit():
        flash(_("没有撤回：请先勾选确认。"), "error")
        return go_to(url_for("accounts.me"))
    services.withdraw_consent(
        current_session(),
        account_id=_me().account_id or 0,
        purpose=PRIVACY_PURPOSE,
        acting_user=current_actor(),
        now=utc_now(),
    )
    current_session().commit()
    end_session()
    flash(_("已撤回同意并退出登录，所有数据来源已停止。"), "success")
    return go_to(HOME)


@blueprint.get("/sessions")
def my_sessions() -> ResponseReturnValue:
    """List one's signed-in browsers, residents' and staff's alike."""
    found = person()
    if found is None:
        return go_to(url_for("accounts.sign_in", next=request.path))
    logins = queries.open_logins(current_session(), owner=found.owner, now=utc_now())
    this = token_hash(found.token)
    return render_template(
        "accounts/my_sessions.html",
        logins=[(sessions.reference(each), each, each.token_hash == this) for each in logins],
    )


@blueprint.post("/sessions/revoke")
def revoke_session() -> ResponseReturnValue:
    """Sign out one browser, or all others."""
    found = person()
    if found is None:
        return go_to(url_for("accounts.sign_in"))
    _revoke(found, request.form.get("session", ""))
    current_session().commit()
    flash(_("已退出。"), "success")
    return go_to(url_for("accounts.my_sessions"))


def _revoke(found: SignedIn, ref: str) -> None:
    database, now = current_session(), utc_now()
    if ref == "others":
        sessions.revoke_all(
            database, owner=found.owner, acting_user=found.actor, now=now, keep_token=found.token
        )
        return
    sessions.revoke_by_reference(
        database, owner=found.owner, ref=ref, acting_user=found.actor, now=now
    )
