"""Cards that rooms put on a resident's first page, whose own room may not import theirs.

A card is a function that returns a part of the page, or nothing when there is nothing to say.
"""

from collections.abc import Callable

from flask import Flask
from markupsafe import Markup
from sqlmodel import Session

from carbonaccount.web.database import current_session

Card = Callable[[Session, int], Markup | None]
_CARDS: dict[str, Card] = {}


def register_card(name: str, card: Card) -> None:
    """Add a card under a name; cards stand in the order of their names."""
    if _CARDS.get(name, card) is not card:
        raise ValueError(f"two rooms add the card {name}")
    _CARDS[name] = card


def home_cards(account_id: int) -> list[Markup]:
    """Return what the cards of all rooms say to a resident."""
    session = current_session()
    shown = (_CARDS[name](session, account_id) for name in sorted(_CARDS))
    return [card for card in shown if card]


def init_app(app: Flask) -> None:
    """Let templates ask for the cards."""
    app.jinja_env.globals["home_cards"] = home_cards
