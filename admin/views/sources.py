"""Where records come from, as a list to look things up in."""

from flask import render_template
from flask.typing import ResponseReturnValue

from admin import queries
from admin.views import blueprint
from behaviors.rulebook import RuleBook
from carbonaccount.web.database import current_session
from carbonaccount.web.templating import language


@blueprint.get("/sources")
def sources() -> ResponseReturnValue:
    """List the sources with what they may report and when they last did."""
    book = RuleBook.load(current_session())
    names = {code: book.name(code, language()) for code in book.behaviors}
    return render_template(
        "admin/sources.html", rows=queries.sources(current_session()), behavior_names=names
    )
