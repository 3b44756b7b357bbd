"""What messages and announcements say: each room registers the words for the kinds it sends.

A message is a kind and its numbers; the sentence is made when it is read, in the reader's
language, by the one function registered for its kind.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Shown(NamedTuple):
    """A message as a page shows it; `link` is where to read more, "" for nowhere."""

    text: str
    link: str


Writer = Callable[[Mapping[str, Any]], Shown]

_MESSAGES: dict[str, Writer] = {}
_ANNOUNCEMENTS: dict[str, Writer] = {}


def register_message(kind: str, writer: Writer) -> None:
    """Say how a message of a kind is put into words; a kind is registered once."""
    _register(_MESSAGES, kind, writer)


def register_announcement(kind: str, writer: Writer) -> None:
    """Say how an announcement of a kind is put into words."""
    _register(_ANNOUNCEMENTS, kind, writer)


def _register(writers: dict[str, Writer], kind: str, writer: Writer) -> None:
    if writers.get(kind, writer) is not writer:
        raise ValueError(f"two rooms send {kind}")
    writers[kind] = writer


def message_kinds() -> frozenset[str]:
    """Return the kinds of messages that have words."""
    return frozenset(_MESSAGES)


def message_text(kind: str, params: Mapping[str, Any]) -> Shown:
    """Return a message in the reader's language. Raises KeyError for a kind without words."""
    return _MESSAGES[kind](params)


def announcement_text(kind: str, params: Mapping[str, Any]) -> Shown:
    """Return an announcement in the reader's language."""
    return _ANNOUNCEMENTS[kind](params)
