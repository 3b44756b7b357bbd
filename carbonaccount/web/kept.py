"""What was drawn once and still holds: parts of pages, and whole pages, kept by what they show.

Whoever keeps something names its facts: everything that can change what is drawn. They are read at
every request, and as long as they are the same, so is what was drawn. Nothing is kept longer than
the process lives, and no page of one person is ever given to another: their name is in its place.
"""

import secrets
from collections.abc import Callable, Hashable

from flask import Flask, current_app, g, render_template, request, session
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from carbonaccount.web.templating import language

_KEPT = "carbonaccount.kept"
# Stands in a kept page for the reader's token against forged requests; nobody can write it into a
# name that a page shows.
_TOKEN = secrets.token_urlsafe(32)
# Beyond this everything is thrown away: a few thousand pages are a few dozen megabytes.
MOST_KEPT = 4000
_Place = tuple[Hashable, ...]


def init_app(app: Flask) -> None:
    """Let templates put parts of the shell in."""
    app.extensions[_KEPT] = {}
    app.jinja_env.globals["shell"] = shell


def shell(name: str, **facts: str | bool) -> Markup:
    """Return `layouts/_<name>.html` drawn with the facts, which are few and never personal."""
    template = f"layouts/_{name}.html"
    if current_app.debug:
        # Who works on the templates wants to see the change at once.
        return Markup(render_template(template, **facts))  # noqa: S704 - our own template
    place = (template, *facts.items())
    return Markup(part(place, None, lambda: render_template(template, **facts)))  # noqa: S704


def part(place: _Place, facts: object, draw: Callable[[], str]) -> str:
    """Return what `draw` returns, drawn once a language until the facts of its place change."""
    kept: dict[_Place, tuple[object, str]] = current_app.extensions[_KEPT]
    place = (*place, language(), request.script_root)
    known = kept.get(place)
    if known is None or known[0] != facts:
        known = (facts, draw())
        if len(kept) >= MOST_KEPT:
            kept.clear()
        # A nonce is good for one request only.
        if "csp_nonce" not in g:
            kept[place] = known
    return known[1]


def page(place: _Place, facts: object, draw: Callable[[], str]) -> str:
    """Return a whole page kept as `part` does, with the reader's own token in its forms.

    The place of a page for one person names the person. With messages to show once, or asked for
    with parameters, a page is drawn for this request alone.
    """
    if "_flashes" in session or request.query_string:
        return draw()
    token = generate_csrf()
    found = part(place, facts, lambda: draw().replace(token, _TOKEN))
    return found.replace(_TOKEN, token)
