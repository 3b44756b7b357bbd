"""Cards that rooms put on a resident's first page, whose own room may not import theirs.

A card is a function that returns a part of the page, or nothing when there is nothing to say. It
is told what the page knows already, so that it need not be read twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask
from markupsafe import Markup
from sqlmodel import Session

from carbonaccount.web.database import current_session


@dataclass(frozen=True)
class Reader:
    """Whose page it is, and the credits they can spend, by year of issue."""

    account_id: int
    credits_by_year: Mapping[int, int]


Card = Callable[[Session, Reader], Markup | None]
_CARDS: dict[str, Card] = {}


def register_card(name: str, card: Card) -> None:
    """Add a card under a name; cards stand in the order of their names."""
    if _CARDS.get(name, card) is not card:
        raise ValueError(f"two rooms add the card {name}")
    _CARDS[name] = card


def home_cards(account_id: int, credits_by_year: Mapping[int, int]) -> list[Markup]:
    """Return what the cards of all rooms say to a resident."""
    session, reader = current_session(), Reader(account_id, credits_by_year)
    shown = (_CARDS[name](session, reader) for name in sorted(_CARDS))
    return [card for card in shown if card]


def init_app(app: Flask) -> None:
    """Let templates ask for the cards."""
    app.jinja_env.globals["home_cards"] = home_cards
