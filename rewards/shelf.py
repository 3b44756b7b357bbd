"""How rewards are chosen and put in order for one reader: pure, no database.

What one can take now comes first, the cheapest of them first; then what one could pay but that
is given by a draw, a queue or after a question; what is still too dear follows, with how much is
missing; what is out, or not for this reader, comes last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from rewards.models import Allotment

PAGE_ITEMS = 24
LONGEST_SEARCH = 60
# How many are few, so that the page says so.
FEW = 10

# The heads under which the shelf shows rewards to one reader, in their order.
NOW, ASKING, TOO_DEAR, NOT = range(4)

Texts = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Item:
    """A reward on the shelf as one reader finds it on a day.

    taken_today: of all residents.  taken_by_me: in the reward's period.  why_not: a code of
    `eligibility.why_not`, "" for none and for strangers.  fund: the code with which the
    fund refuses one more, see `fund.refusal_of`, "" for none.
    """

    reward_id: int
    public_id: str
    reward_class: str
    texts: Texts
    picture: str
    price_credits: int
    stock_left: int
    stock_per_day: int | None
    taken_today: int
    limit_per_person: int | None
    limit_period: str
    taken_by_me: int
    offered_until: date
    districts: Sequence[str]
    minimum_age: int
    allotment: str
    is_favourite: bool
    fund: str
    why_not: str

    @property
    def left_today(self) -> int:
        """How many can be taken today by everybody together."""
        if self.stock_per_day is None:
            return self.stock_left
        return max(0, min(self.stock_left, self.stock_per_day - self.taken_today))

    @property
    def obstacle(self) -> str:
        """The code of what keeps this reader from it whatever they hold, "" for nothing.

        The codes are those that redeeming answers with. Who stands in a queue waits for stock.
        """
        if self.why_not:
            return self.why_not
        waits = self.allotment == Allotment.QUEUE
        if self.stock_left <= 0 and not waits:
            return "stock_empty"
        if self.left_today <= 0 and not waits:
            return "day_stock_empty"
        if self.limit_per_person is not None and self.taken_by_me >= self.limit_per_person:
            return "person_limit_reached"
        return self.fund

    @property
    def obstacle_params(self) -> dict[str, int]:
        """What the sentence of the obstacle names."""
        params = {"minimum_age": self.minimum_age}
        limits = {
            "person_limit_reached": self.limit_per_person,
            "day_stock_empty": self.stock_per_day,
        }
        limit = limits.get(self.obstacle)
        return params if limit is None else {**params, "limit": limit}

    @property
    def is_direct(self) -> bool:
        """Whether pressing a button gets it: no draw, no queue and no question comes before."""
        return self.allotment == Allotment.FIRST_COME and not self.obstacle

    def missing(self, credits: int) -> int:
        """Return how many credits are missing for it."""
        return max(0, self.price_credits - credits)

    def text(self, part: str, language: str) -> str:
        """Return a part of its texts, Chinese where the language has none."""
        return self.texts.get(language, {}).get(part) or self.texts["zh"].get(part, "")


class Wanted(NamedTuple):
    """What a reader looks for; "" and False let everything through."""

    words: str = ""
    reward_class: str = ""
    district: str = ""
    favourites: bool = False
    affordable: bool = False


class Shelf(NamedTuple):
    """A page of the shelf: its items, how many there are on all pages, and which page it is."""

    items: list[Item]
    total: int
    affordable: int
    page: int
    pages: int


def chosen(items: Iterable[Item], wanted: Wanted, *, credits: int) -> list[Item]:
    """Return the items a reader looks for, in the order of the shelf."""
    return in_order([item for item in items if fits(item, wanted, credits)], credits=credits)


def fits(item: Item, wanted: Wanted, credits: int) -> bool:
    """Return whether an item is what a reader looks for."""
    return (
        (not wanted.reward_class or item.reward_class == wanted.reward_class)
        and (not wanted.district or not item.districts or wanted.district in item.districts)
        and (not wanted.favourites or item.is_favourite)
        and (not wanted.affordable or rank(item, credits) == NOW)
        and _holds(item.texts, wanted.words)
    )


def _holds(texts: Texts, words: str) -> bool:
    """Every word has to occur somewhere, in whatever language."""
    held = " ".join(part for parts in texts.values() for part in parts.values()).casefold()
    return all(word in held for word in words.casefold().split())


def in_order(items: Iterable[Item], *, credits: int) -> list[Item]:
    """Sort items by `rank`, the cheap ones of each first."""
    return sorted(items, key=lambda item: (rank(item, credits), item.price_credits, item.reward_id))


def rank(item: Item, credits: int) -> int:
    """Return NOW, ASKING (a draw, a queue or a question comes first), TOO_DEAR or NOT.

    What only a question of age keeps away can be taken once it is answered.
    """
    if item.obstacle not in ("", "reward_age_unknown"):
        return NOT
    if item.missing(credits):
        return TOO_DEAR
    return NOW if item.is_direct else ASKING


def page_of(items: Sequence[Item], *, page: int, credits: int) -> Shelf:
    """Return a page of what was chosen; a page that does not exist is the nearest that does."""
    pages = max(1, -(-len(items) // PAGE_ITEMS))
    page = min(max(1, page), pages)
    shown = list(items[(page - 1) * PAGE_ITEMS : page * PAGE_ITEMS])
    affordable = sum(rank(item, credits) == NOW for item in items)
    return Shelf(shown, len(items), affordable, page, pages)
