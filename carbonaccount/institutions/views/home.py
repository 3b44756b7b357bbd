"""An institution's first page, and the list of those at which a person has a seat."""

from flask import render_template
from flask.typing import ResponseReturnValue

from carbonaccount.institutions import applications
from carbonaccount.institutions.seats import Seated, seats_of
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import at_institution
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, resident_required


@blueprint.get("/institutions")
@resident_required
def mine() -> ResponseReturnValue:
    """List the institutions at which a person has a seat."""
    account_id = current_account_id() or 0
    return render_template(
        "institutions/mine.html",
        places=seats_of(current_session(), account_id=account_id),
        applications=applications.applications_of(current_session(), account_id=account_id),
    )


@at_institution("")
def home(place: Seated) -> ResponseReturnValue:
    """Show how an institution stands."""
    return render_template("institutions/home.html", place=place)
