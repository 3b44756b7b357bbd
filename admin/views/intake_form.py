"""Handing a file in: what is wrong with it is said at once, and what was chosen stays chosen."""

from dataclasses import dataclass

from flask import Response, current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlmodel import Session, col, select
from wtforms import Field

from admin.forms import UploadForm
from admin.views import blueprint
from admin.views.intake import runner
from behaviors.intake import uploads as services
from behaviors.intake.upload_files import check_kind, shown_name
from behaviors.models import Source
from behaviors.services import SELF_SOURCE
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.database import open_session, reading
from carbonaccount.errors import DomainError, Invalid, NotFound
from carbonaccount.web.database import current_session, engine
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, current_staff, go_to

KEPT_S = 6 * 3600


@dataclass(frozen=True)
class Received:
    """A file that is stored: its id and the name its sender gave it."""

    upload_id: str
    name: str


@blueprint.route("/intake/new", methods=["GET", "POST"])
def new_upload() -> ResponseReturnValue:
    """Choose source, file and mapping; the file is looked into before it is taken."""
    form = UploadForm()
    form.offer(importing_sources())
    if not form.is_submitted():
        return _page(form, None)
    received = _receive(form)
    choice, problems = _read(form, received)
    if received is None or problems or form.errors:
        return _refuse(form, received, *problems)
    try:
        _check(form, received, choice)
        return _take(form, received, choice)
    except DomainError as error:
        return _refuse(form, received, error)


def _read(form: UploadForm, received: Received | None) -> tuple[str, list[DomainError]]:
    """Return the chosen mapping, and what is wrong besides what the form's fields say."""
    problems: list[DomainError] = []
    choice = ""
    form.validate()
    try:
        choice = form.chosen_mapping()
        services.read_choice(choice)
    except DomainError as error:
        problems.append(error)
    if received is None:
        problems.append(Invalid("file_needed"))
    return choice, problems


def importing_sources() -> list[Source]:
    """Return the sources whose files may be imported; residents' own reports have none."""
    with _reading_session() as session:
        statement = select(Source).where(col(Source.active), col(Source.code) != SELF_SOURCE)
        return list(session.exec(statement.order_by(col(Source.code))))


def _reading_session() -> Session:
    # Looking at a file takes its time; the request's own session would keep writers waiting.
    return open_session(reading(engine()))


def _receive(form: UploadForm) -> Received | None:
    """Store the file that came, or find the one that came with the same form before."""
    kept = _kept(form.kept.data)
    sent = form.file.data
    if not sent:
        return kept
    if kept is not None:
        runner().files.delete_data(kept.upload_id)
    name = shown_name(sent.filename or "") or "file"
    upload_id, path = runner().files.new(name)
    sent.save(path)
    return Received(upload_id, name)


def _notes() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="kept upload")


def _staff_id() -> int:
    staff = current_staff()
    assert staff is not None, "access lets only staff in"
    return staff.stored_id


def _kept(note: str | None) -> Received | None:
    """Return the file a note speaks of, if the note is ours, this person's, and the file there."""
    try:
        staff_id, upload_id, name = _notes().loads(note or "", max_age=KEPT_S)
    except BadSignature:
        return None
    if staff_id != _staff_id() or runner().files.data(upload_id) is None or _is_taken(upload_id):
        return None
    return Received(upload_id, name)


def _is_taken(upload_id: str) -> bool:
    """Return whether the file has become an upload, so that a form sent twice takes it once."""
    with _reading_session() as session:
        try:
            services.find_upload(session, upload_id=upload_id)
        except NotFound:
            return False
    return True


def _check(form: UploadForm, received: Received, choice: str) -> None:
    mapping = services.read_choice(choice)
    kind = check_kind(received.name, mapping.format if mapping else "")
    path = runner().files.data_as(received.upload_id, kind)
    if path is None:
        raise NotFound("upload_file_gone")
    with _reading_session() as session:
        services.check_upload(
            session, path=path, kind=kind, source_code=form.source.data, mapping=mapping
        )


def _refuse(form: UploadForm, received: Received | None, *problems: DomainError) -> Response:
    for problem in problems:
        _put_error(form, problem, received)
    return _page(form, received, status=400)


def _put_error(form: UploadForm, error: DomainError, received: Received | None) -> None:
    """Say what is wrong at the field that can mend it."""
    if received is not None and "name" in error.params and error.code != "file_format":
        error.params["name"] = received.name
    field: Field = form.file
    if error.code.startswith("mapping") or error.code == "columns_missing":
        is_own = form.mapping.data == services.OWN
        field = form.toml if is_own else form.mapping
    elif "source" in error.code:
        field = form.source
    field.errors = [*field.errors, explain(error)]


def _take(form: UploadForm, received: Received, mapping: str) -> Response:
    with runner().starting(received.upload_id):
        services.add_upload(
            current_session(),
            upload_id=received.upload_id,
            source_code=form.source.data,
            staff_id=_staff_id(),
            file_name=received.name,
            mapping=mapping,
            acting_user=current_actor(),
            now=utc_now(),
        )
        current_session().commit()
    return go_to(url_for("admin.upload", upload_id=received.upload_id))


def _page(form: UploadForm, received: Received | None, *, status: int = 200) -> Response:
    """Show the form; a file that came stays with it."""
    form.kept.data = (
        _notes().dumps([_staff_id(), received.upload_id, received.name]) if received else ""
    )
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    page = render_template(
        "admin/intake/new.html", form=form, received=received, limit_mib=settings.upload_max_mib
    )
    return make_response(page, status)
