"""The privacy notice in its versions: a text per language, and the hash of what a person saw."""

import hashlib
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

# A new version is a new pair of files and a new value here; residents are then asked again.
PRIVACY_VERSION = "2026-11-21"
PRIVACY_PURPOSE = "privacy"
FOLDER = Path(__file__).parent / "data"
LANGUAGES = ("zh", "en")
_UNNAMED = {
    "zh": ("（演示或开发站点，未指定运营单位）", "（演示或开发站点，未指定联系方式）"),
    "en": (
        "(a demonstration or development site without a named operator)",
        "(a demonstration or development site without a contact)",
    ),
}


@dataclass(frozen=True)
class Block:
    """A piece of the notice: `kind` is heading, item or paragraph."""

    kind: str
    text: str


@dataclass(frozen=True)
class Notice:
    """The notice as one person sees it, with operator and contact put in."""

    version: str
    language: str
    text: str

    @property
    def sha256(self) -> str:
        """Return the hash that a consent keeps as proof of what was read."""
        return text_sha256(self.text)

    def blocks(self) -> list[Block]:
        """Return the text cut into headings, list items and paragraphs, in order."""
        return [_block(line.strip()) for line in self.text.splitlines() if line.strip()]

    def grouped(self) -> list[tuple[str, list[Block]]]:
        """Return the blocks with neighbours of one kind together, as a page needs its lists."""
        return [(kind, list(group)) for kind, group in groupby(self.blocks(), lambda b: b.kind)]


def _block(line: str) -> Block:
    if line.startswith("# "):
        return Block("heading", line[2:])
    if line.startswith("- "):
        return Block("item", line[2:])
    return Block("paragraph", line)


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def privacy_notice(*, language: str, city: str, operator: str, contact: str) -> Notice:
    """Return the notice in force in one of the two languages."""
    unnamed_operator, unnamed_contact = _UNNAMED[language]
    template = _template(FOLDER / f"privacy-{PRIVACY_VERSION}.{language}.txt")
    text = template.format(
        city=city,
        operator=operator or unnamed_operator,
        contact=contact or unnamed_contact,
        version=PRIVACY_VERSION,
    )
    return Notice(PRIVACY_VERSION, language, text)


@cache
def _template(file: Path) -> str:
    return file.read_text("utf-8")
