"""What consents are for, in words; a room that asks for consents of its own adds its words."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sqlmodel import Session


@dataclass(frozen=True)
class Purpose:
    """A purpose as people read it: who or what it is about, what for, where it is withdrawn."""

    name: str
    title: str
    address: str


Teller = Callable[[Session, Collection[str]], Mapping[str, Purpose]]
_tellers: list[Teller] = []


def tells_purposes(teller: Teller) -> Teller:
    """Ask `teller(session, purposes)` for the words of those purposes it knows."""
    if teller not in _tellers:
        _tellers.append(teller)
    return teller


def purposes_in_words(session: Session, purposes: Collection[str]) -> dict[str, Purpose]:
    """Return the words of purposes in the page's language; of one nobody knows, its code."""
    told = {purpose: Purpose(purpose, "", "") for purpose in purposes}
    for teller in _tellers:
        told |= teller(session, purposes)
    return told
