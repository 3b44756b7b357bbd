"""What credits buy: the residents' pages of this room; each module holds the pages of a subject."""

from importlib import import_module

from flask import Blueprint, Flask

blueprint = Blueprint("rewards", "rewards", template_folder="templates")

_PAGES: tuple[str, ...] = (
    "certificates",
    "coupons",
    "disputes",
    "draws",
    "fund",
    "giving",
    "guardians",
    "shelf",
    "till",
    "till_shop",
    "trees",
)
# Words for the messages that this room sends; importing a module registers them.
_MESSAGE_TEXTS: tuple[str, ...] = (
    "message_texts_catalogue",
    "message_texts_coupons",
    "message_texts_fund",
    "message_texts_giving",
    "message_texts_merchants",
)
# Recurring work; importing a module registers it.
_JOBS: tuple[str, ...] = (
    "catalogue_jobs",
    "fund_jobs",
    "gift_lots",
    "invariants",
    "jobs",
    "settlement_jobs",
)


def init_app(app: Flask) -> None:
    """Add the pages to the application; importing a module hangs its pages on the blueprint."""
    for name in _PAGES:
        import_module(f"rewards.views.{name}")
    for name in (*_MESSAGE_TEXTS, *_JOBS):
        import_module(f"rewards.{name}")
    app.register_blueprint(blueprint)
