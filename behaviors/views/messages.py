"""What residents are told: announcements to everybody, and messages of their own."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from behaviors import message_texts
from behaviors.views import blueprint as blueprint
from behaviors.views.common import today
from carbonaccount.clock import utc_now
from carbonaccount.messages import queries, services
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, resident_required


@blueprint.get("/messages")
@resident_required
def messages() -> ResponseReturnValue:
    """Show what is announced today and one's own messages, the newest first."""
    session = current_session()
    before_id = request.args.get("before", type=int)
    found = queries.messages_of(
        session,
        account_id=current_account_id() or 0,
        before_id=before_id,
        limit=queries.PAGE_SIZE + 1,
    )
    page = found[: queries.PAGE_SIZE]
    told = queries.announcements_on(session, today()) if before_id is None else []
    return render_template(
        "behaviors/messages.html",
        announcements=[(row, message_texts.of_announcement(row)) for row in told],
        messages=[(row, message_texts.of_message(row)) for row in page],
        older=page[-1].id if len(found) > len(page) else None,
    )


@blueprint.post("/messages/read")
@resident_required
def read_messages() -> ResponseReturnValue:
    """Mark all of one's messages as read."""
    services.mark_all_read(current_session(), account_id=current_account_id() or 0, now=utc_now())
    current_session().commit()
    if request.headers.get("HX-Request") == "true":
        return render_template("behaviors/_all_read.html")
    return redirect(url_for("behaviors.messages"), 303)


@blueprint.context_processor
def message_words() -> dict[str, object]:
    """Give the pages the words for reasons and states."""
    return {"message_texts": message_texts}
