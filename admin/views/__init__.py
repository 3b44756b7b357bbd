"""The panel: each module below holds the pages of one subject; who may open them is in access."""

from importlib import import_module

from flask import Blueprint, Flask

from admin import access, navigation
from behaviors.intake.background import UploadRunner
from behaviors.intake.upload_files import UploadFiles
from behaviors.preview.runner import PreviewRunner
from carbonaccount.config import Settings
from carbonaccount.tasks import TaskRunner

blueprint = Blueprint("admin", "admin", url_prefix="/admin", template_folder="templates")
blueprint.before_request(access.enforce)

_PAGES: tuple[str, ...] = (
    "appeals",
    "audit",
    "behaviors",
    "errors",
    "factors",
    "indicators",
    "institution_statements",
    "institutions",
    "institutions_listing",
    "institutions_lots",
    "institutions_recognition",
    "intake",
    "intake_form",
    "control_totals",
    "institutions_pools",
    "jobs",
    "overview",
    "people",
    "policy",
    "previews",
    "rescorings",
    "reviews",
    "rewards_catalogue",
    "rewards_certificates",
    "rewards_draws",
    "rewards_fund",
    "rewards_disputes",
    "rewards_giving",
    "rewards_merchants",
    "rewards_settlements",
    "rewards_trees",
    "rules",
    "sources",
    "staff",
)
# An import can be stopped, and shows that it goes on, after each of its batches.
_UPLOAD_BATCH_ROWS = 20_000


def init_app(app: Flask) -> None:
    """Add the pages to the application; importing a module hangs its pages on the blueprint."""
    app.extensions["carbonaccount.uploads"] = make_upload_runner(app)
    app.extensions["carbonaccount.previews"] = make_preview_runner(app)
    for kind in ("rescorings", "job_runs"):
        app.extensions[f"carbonaccount.{kind}"] = make_task_runner(app, kind)
    for name in _PAGES:
        import_module(f"admin.views.{name}")
    app.register_blueprint(blueprint)


def make_upload_runner(app: Flask) -> UploadRunner:
    """Return what imports the uploads that this process takes."""
    settings: Settings = app.extensions["carbonaccount.settings"]
    return UploadRunner(
        app.extensions["carbonaccount.engine"],
        files=UploadFiles(settings.instance_path / "uploads"),
        lock_folder=settings.instance_path / "locks",
        batch_rows=min(settings.intake_batch_rows, _UPLOAD_BATCH_ROWS),
    )


def make_preview_runner(app: Flask) -> PreviewRunner:
    """Return what runs the previews that this process takes."""
    settings: Settings = app.extensions["carbonaccount.settings"]
    return PreviewRunner(
        app.extensions["carbonaccount.engine"], lock_folder=settings.instance_path / "locks"
    )


def make_task_runner(app: Flask, kind: str) -> TaskRunner:
    """Return what does other work that staff ask this process for."""
    settings: Settings = app.extensions["carbonaccount.settings"]
    return TaskRunner(
        app.extensions["carbonaccount.engine"],
        kind=kind,
        lock_folder=settings.instance_path / "locks",
        context=app.app_context,
    )


@blueprint.context_processor
def menu() -> dict[str, object]:
    """Give the panel's templates the menu and the question whether a page may be opened."""
    return {"admin_menu": navigation.menu, "may_open": navigation.may_open}
