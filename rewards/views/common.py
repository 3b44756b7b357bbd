"""What the pages of this room share: the day, what is known of the reader, words for codes."""

from datetime import date

from babel.dates import format_date
from flask import current_app, g, url_for

from carbonaccount.accounts.guardians import Standing, needs_guardian, standing_of
from carbonaccount.clock import business_day, utc_now
from carbonaccount.web import messages
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id
from carbonaccount.web.templating import language
from rewards import labels
from rewards.queries import credits_of
from rewards.shelf import Item
from rewards.views import blueprint

_DAYS = {"zh": "M月d日", "en": "d MMM"}
_DAYS_OF_YEARS = {"zh": "y年M月d日", "en": "d MMM y"}


def today() -> date:
    """Return the city's date."""
    return business_day(utc_now())


def localized(zh: str, en: str) -> str:
    """Return one of two texts by the page's language, Chinese where there is no English one."""
    return en if en and language() == "en" else zh


def named(row: object) -> str:
    """Return the name of a merchant, sponsor, programme or district in the page's language."""
    return localized(getattr(row, "name_zh", ""), getattr(row, "name_en", ""))


def my_standing() -> Standing | None:
    """Return what is known of the reader, None for strangers; read once a request."""
    account_id = current_account_id()
    if account_id is not None and "standing" not in g:
        g.standing = standing_of(current_session(), account_id=account_id)
    standing: Standing | None = g.get("standing")
    return standing


def my_credits() -> int:
    """Return what the reader can spend, 0 for strangers."""
    account_id = current_account_id()
    return 0 if account_id is None else credits_of(current_session(), account_id=account_id)


def guardian_missing() -> bool:
    """Return whether the reader told to be under 14 and nobody answers for them."""
    found = my_standing()
    if found is None or found.has_guardian:
        return False
    return needs_guardian(found.born_month, today())


def obstacle_text(item: Item) -> str:
    """Return what keeps the reader from a reward as a sentence."""
    return messages.sentence(item.obstacle, item.obstacle_params, language())


def short_day(day: date) -> str:
    """Return a day as short as a card is wide, with its year unless it is this one."""
    formats = _DAYS if day.year == today().year else _DAYS_OF_YEARS
    return str(format_date(day, formats[language()], locale=language()))


def has_page(endpoint: str) -> bool:
    """Return whether this installation has a page."""
    return endpoint in current_app.view_functions


def picture_address(name: str) -> str:
    """Return where a reward's picture is."""
    return url_for("rewards.picture", name=name)


@blueprint.context_processor
def words() -> dict[str, object]:
    """Give this room's templates the words for its codes."""
    return {
        "has_page": has_page,
        "localized": localized,
        "named": named,
        "obstacle_text": obstacle_text,
        "picture_address": picture_address,
        "reward_labels": labels,
        "short_day": short_day,
    }
