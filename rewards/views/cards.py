"""Cards of the shelf: drawn once for all readers who find a reward alike."""

from datetime import date
from functools import lru_cache
from typing import NamedTuple

from flask import render_template
from markupsafe import Markup

from carbonaccount.web.identity import current_account_id
from carbonaccount.web.templating import icons_address, language
from rewards.shelf import FEW, Item
from rewards.views.common import today

# A card is about 2 kB.
CARDS_KEPT = 2048


class Card(NamedTuple):
    """All that a card shows and depends on, nothing of a person; `missing` is of credits."""

    public_id: str
    title: str
    picture: str
    reward_class: str
    allotment: str
    price_credits: int
    obstacle: str
    missing: int
    left_today: int
    stock_left: int
    until: date
    is_favourite: bool
    signed_in: bool
    language: str
    # The year of the page, since days of other years are shown with theirs.
    year: int
    # Where the site is mounted, and the version of its pictures.
    icons: str


def drawn(item: Item, credits_held: int) -> Markup:
    """Return the card of a reward for the reader of this request."""
    signed_in = current_account_id() is not None
    return _drawn(
        Card(
            public_id=item.public_id,
            title=item.text("title", language()),
            picture=item.picture,
            reward_class=item.reward_class,
            allotment=item.allotment,
            price_credits=item.price_credits,
            obstacle=item.obstacle,
            missing=item.missing(credits_held) if signed_in else 0,
            left_today=item.left_today,
            stock_left=item.stock_left,
            until=item.offered_until,
            is_favourite=item.is_favourite,
            signed_in=signed_in,
            language=language(),
            year=today().year,
            icons=icons_address(),
        )
    )


@lru_cache(maxsize=CARDS_KEPT)
def _drawn(card: Card) -> Markup:
    # What is drawn comes from our own template, which escapes what it is given.
    return Markup(render_template("rewards/_card.html", card=card, few=FEW))  # noqa: S704
