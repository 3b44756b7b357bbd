"""The public gauge of the reward fund, and what of a resident's credits ends when."""

from flask import render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlmodel import Session

from carbonaccount.policy import queries as policy
from carbonaccount.policy.queries import FEN_PER_YUAN
from carbonaccount.web.database import current_session
from carbonaccount.web.home_cards import Reader, register_card
from carbonaccount.web.identity import current_account_id, resident_required
from rewards import expiry, fund_reports, labels_fund
from rewards.expiry import Ending
from rewards.views import blueprint as blueprint
from rewards.views.common import today

# The home page speaks up this many days before something ends.
_SOON_DAYS = max(expiry.REMINDERS)
_MOST_VINTAGES = 3


@blueprint.get("/fund")
def fund() -> ResponseReturnValue:
    """Show everybody what is left for rewards this year, and the rule by which it is given."""
    found = fund_reports.standings(current_session(), year=today().year, today=today())
    return render_template(
        "rewards/fund.html",
        standings=found,
        whole=fund_reports.whole(found),
        year=today().year,
    )


@blueprint.get("/credits", endpoint="credits")
@resident_required
def my_endings() -> ResponseReturnValue:
    """Show a resident until when the credits of each year can be used, and what has ended."""
    session, account_id = current_session(), current_account_id() or 0
    coming = expiry.endings(session, account_id=account_id, day=today())
    in_force = policy.policy_on(session, today())
    return render_template(
        "rewards/credits.html",
        coming=coming,
        held=sum(item.credits for item in coming),
        soon=_ends_soon,
        ended=expiry.ended(session, account_id=account_id),
        valid_years=in_force.valid_years if in_force else None,
        reminders=expiry.REMINDERS,
    )


def _ends_soon(item: Ending) -> bool:
    return item.last_day is not None and (item.last_day - today()).days <= _SOON_DAYS


def credits_card(session: Session, reader: Reader) -> Markup | None:
    """Say on the first page which credits end when, the first to end first."""
    held = {year: amount for year, amount in reader.credits_by_year.items() if amount}
    coming = expiry.dated(session, held=held, day=today()) if held else []
    dated = [item for item in coming if item.last_day is not None]
    if not dated:
        return None
    page = render_template(
        "rewards/_credits_card.html", coming=dated[:_MOST_VINTAGES], soon=_ends_soon
    )
    return Markup(page)  # noqa: S704 - a template of ours, escaped as every page


register_card("credits", credits_card)


@blueprint.context_processor
def fund_words() -> dict[str, object]:
    """Give templates the words for states and money of the fund."""
    return {"fund_labels": labels_fund, "yuan": yuan_text, "bar_width": bar_width}


def yuan_text(fen: int) -> str:
    """Return fen as yuan with thousands set apart and two decimals."""
    whole, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02}"


def bar_width(part: int, whole: int, room: int) -> int:
    """Return how much of `room` a part of a whole takes, at least one when it is not nothing."""
    if not part or not whole:
        return 0
    return max(1, part * room // whole)
