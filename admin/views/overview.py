"""The panel's first page: what came in lately, what waits, what was uploaded."""

from datetime import timedelta

from flask import render_template
from flask.typing import ResponseReturnValue

from admin import queries
from admin.access import allowed
from admin.queries import UploadFilter
from admin.views import blueprint
from admin.views.intake import as_item
from carbonaccount.clock import utc_now
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import person

RECENT_DAYS = 7
_LAST_UPLOADS = 5


@blueprint.get("/")
def overview() -> ResponseReturnValue:
    """Show the last days by source, held records by behaviour, and the last uploads."""
    session = current_session()
    found = person()
    sees_uploads = found is not None and allowed("admin.uploads", found.roles)
    recent = (
        queries.uploads(session, chosen=UploadFilter(), limit=_LAST_UPLOADS) if sees_uploads else []
    )
    return render_template(
        "admin/overview.html",
        days=RECENT_DAYS,
        totals=queries.batch_totals(session, since=utc_now() - timedelta(days=RECENT_DAYS)),
        held=queries.held_by_behavior(session),
        sees_uploads=sees_uploads,
        uploads=[as_item(row) for row in recent],
    )
