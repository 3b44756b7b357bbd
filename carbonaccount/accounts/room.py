"""What this room brings to the application: pages, commands, jobs and the gateway."""

from flask import Flask

from carbonaccount.accounts import (
    cli,
    jobs,  # noqa: F401 - jobs register themselves
    staff_views,  # noqa: F401 - its view hangs on the room's blueprint
    views,
)
from carbonaccount.accounts.sms import make_gateway
from carbonaccount.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Register the room."""
    app.extensions["carbonaccount.sms"] = make_gateway(settings)
    app.register_blueprint(views.blueprint)
    cli.register(app)
