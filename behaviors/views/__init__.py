"""The residents' pages and the public ones; each module below holds the pages of one subject."""

from importlib import import_module

from flask import Blueprint, Flask

blueprint = Blueprint("behaviors", "behaviors", template_folder="templates")

_PAGES = (
    "account",
    "appeals",
    "city",
    "city_evaluation",
    "city_open_data",
    "log",
    "messages",
    "public",
    "records",
    "sources",
)


def init_app(app: Flask) -> None:
    """Add the pages to the application; importing a module hangs its pages on the blueprint."""
    for name in _PAGES:
        import_module(f"behaviors.views.{name}")
    app.register_blueprint(blueprint)
