"""The government profile: what a public body's service may not make people do.

国办函〔2026〕12号 keeps check-ins, rankings and commercial promotion out of government services as
compulsory functions. Under the profile, which is the default, pages of that kind do not exist.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, current_app

from carbonaccount.config import Settings
from carbonaccount.errors import NotFound

P = ParamSpec("P")
T = TypeVar("T")


def init_app(app: Flask) -> None:
    """Let templates ask whether rankings are shown."""
    app.jinja_env.globals["rankings_shown"] = rankings_shown


def rankings_shown() -> bool:
    """Return whether people and teams may be ranked and urged on at all on this site."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return not settings.government_profile


def outside_government_profile(page: Callable[P, T]) -> Callable[P, T]:
    """Let a page exist only where the government profile is off.

    Raises NotFound (not_in_government_profile) otherwise.
    """

    @wraps(page)
    def view(*args: P.args, **kwargs: P.kwargs) -> T:
        if not rankings_shown():
            raise NotFound("not_in_government_profile")
        return page(*args, **kwargs)

    return view
