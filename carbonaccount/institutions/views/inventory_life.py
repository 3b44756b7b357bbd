"""Handing a year to a second person, locking it, sending it back, and correcting it later."""

from flask import flash, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.institutions import inventory as life
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.views.common import at_institution
from carbonaccount.institutions.views.inventory import show_year, to_year
from carbonaccount.institutions.views.inventory_common import on_year


@at_institution("/inventory/<int:year>/submit", seats=CLERKS, methods=("POST",))
def inventory_submit(place: Seated, year: int) -> ResponseReturnValue:
    """Hand a year to a second person."""
    error = on_year(place, year, life.submit)
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已提交，等另一位负责人复核锁定。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/return", seats=OWNERS, methods=("POST",))
def inventory_return(place: Seated, year: int) -> ResponseReturnValue:
    """Send a year back with a reason."""
    error = on_year(place, year, life.send_back, reason=request.form.get("reason", ""))
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已退回修改。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/take-back", seats=CLERKS, methods=("POST",))
def inventory_take_back(place: Seated, year: int) -> ResponseReturnValue:
    """Take a submitted year back before it is reviewed."""
    error = on_year(place, year, life.take_back)
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已收回，可以继续修改。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/drop-correction", seats=OWNERS, methods=("POST",))
def inventory_drop_correction(place: Seated, year: int) -> ResponseReturnValue:
    """Give up a correction that was begun."""
    reason = request.form.get("reason", "")
    error = on_year(place, year, life.drop_correction, reason=reason)
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已放弃这次更正，上一个锁定的版本继续有效。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/lock", seats=OWNERS, methods=("POST",))
def inventory_lock(place: Seated, year: int) -> ResponseReturnValue:
    """Lock a year for good."""
    error = on_year(place, year, life.lock)
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已锁定。以后的更正会成为新版本。"), "success")
    return to_year(place, year)


@at_institution("/inventory/<int:year>/correct", seats=OWNERS, methods=("POST",))
def inventory_correct(place: Seated, year: int) -> ResponseReturnValue:
    """Begin a correction of a locked year."""
    error = on_year(place, year, life.correct, reason=request.form.get("reason", ""))
    if error is not None:
        return show_year(place, year, error=error)
    flash(_("已开始新版本，旧版本仍可查看。"), "success")
    return to_year(place, year)
