"""The pages of institutions; each module holds the pages of a subject."""

from importlib import import_module

from flask import Blueprint, Flask

blueprint = Blueprint("institutions", "carbonaccount.institutions", template_folder="templates")

_PAGES: tuple[str, ...] = (
    "apply",
    "campaigns",
    "event_check",
    "event_people",
    "event_plan",
    "event_scan",
    "event_totals",
    "events",
    "home",
    "inventory",
    "inventory_files",
    "inventory_life",
    "inventory_lines",
    "join",
    "members",
    "neutrality",
    "offsets",
    "people",
    "pools",
    "plantations",
    "recognition",
    "shares",
    "statement_gaps",
    "statement_uncertainty",
    "statements",
)
# Words for the messages that this room sends; importing a module registers them.
_MESSAGE_TEXTS: tuple[str, ...] = (
    "message_texts_core",
    "message_texts_events",
    "message_texts_pools",
    "message_texts_statements",
)
# Recurring work and promises to the books; importing a module registers them.
_REGISTERED: tuple[str, ...] = (
    "attribution",
    "core_invariants",
    "event_invariants",
    "attribution_jobs",
    "event_jobs",
    "invariants",
    "pool_invariants",
    "pool_joining",
    "statement_jobs",
)


def init_app(app: Flask) -> None:
    """Add the pages to the application; importing a module hangs its pages on the blueprint."""
    for name in _PAGES:
        import_module(f"carbonaccount.institutions.views.{name}")
    for name in (*_MESSAGE_TEXTS, *_REGISTERED):
        import_module(f"carbonaccount.institutions.{name}")
    app.register_blueprint(blueprint)
