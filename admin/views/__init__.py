"""The panel: each module below holds the pages of one subject; who may open them is in access."""

from importlib import import_module

from flask import Blueprint, Flask

from admin import access

blueprint = Blueprint("admin", "admin", url_prefix="/admin", template_folder="templates")
blueprint.before_request(access.enforce)

_PAGES: tuple[str, ...] = ()


def init_app(app: Flask) -> None:
    """Add the pages to the application; importing a module hangs its pages on the blueprint."""
    for name in _PAGES:
        import_module(f"admin.views.{name}")
    app.register_blueprint(blueprint)
