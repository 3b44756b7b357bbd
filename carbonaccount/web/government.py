"""The government profile: what a public body's service may not make people do.

国办函〔2026〕12号 keeps check-ins, rankings and commercial promotion out of government services as
compulsory functions. Under the profile, which is the default, nothing of that kind is shown.
"""

from flask import Flask, current_app

from carbonaccount.config import Settings


def init_app(app: Flask) -> None:
    """Let templates ask whether rankings are shown."""
    app.jinja_env.globals["rankings_shown"] = rankings_shown


def rankings_shown() -> bool:
    """Return whether people and teams may be ranked and urged on at all on this site."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return not settings.government_profile
