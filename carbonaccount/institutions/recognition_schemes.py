"""The recognitions of the plans as data: checklists with their sources, read once."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from carbonaccount.errors import NotFound

_FILE = Path(__file__).parent / "data" / "recognitions.toml"


@dataclass(frozen=True)
class Criterion:
    """What an institution has to show; texts by language (zh, en)."""

    code: str
    texts: dict[str, str]
    evidence: dict[str, str]


@dataclass(frozen=True)
class Source:
    """Where a checklist comes from; grade A its text was read, B reports of it, C its aim only."""

    title: str
    issuer: dict[str, str]
    number: str
    grade: str


@dataclass(frozen=True)
class Scheme:
    """A recognition: its name by language, who may apply, its source and its criteria."""

    code: str
    version: int
    names: dict[str, str]
    kinds: tuple[str, ...]
    source: Source
    criteria: tuple[Criterion, ...]

    def criterion(self, code: str) -> Criterion:
        """Return a criterion. Raises NotFound (unknown_criterion)."""
        found = [criterion for criterion in self.criteria if criterion.code == code]
        if not found:
            raise NotFound("unknown_criterion")
        return found[0]


@cache
def all_schemes() -> tuple[Scheme, ...]:
    """Return every version of every recognition, in the order of the plans."""
    with _FILE.open("rb") as file:
        return tuple(_scheme(entry) for entry in tomllib.load(file)["scheme"])


def current_schemes(kind: str | None = None) -> list[Scheme]:
    """Return the newest version of each recognition, those of a kind of institution if given."""
    newest: dict[str, Scheme] = {}
    for scheme in all_schemes():
        if scheme.code not in newest or scheme.version > newest[scheme.code].version:
            newest[scheme.code] = scheme
    return [s for s in newest.values() if kind is None or kind in s.kinds]


def find_scheme(code: str, version: int | None = None) -> Scheme:
    """Return a version of a recognition, the newest unless told. Raises NotFound."""
    for scheme in current_schemes() if version is None else all_schemes():
        if scheme.code == code and version in (None, scheme.version):
            return scheme
    raise NotFound("unknown_scheme")


def _scheme(entry: dict[str, Any]) -> Scheme:
    source = entry["source"]
    return Scheme(
        code=entry["code"],
        version=entry["version"],
        names={"zh": entry["zh"], "en": entry["en"]},
        kinds=tuple(entry["kinds"]),
        source=Source(
            title=source["title"],
            issuer={"zh": source["issuer_zh"], "en": source["issuer_en"]},
            number=source["number"],
            grade=source["grade"],
        ),
        criteria=tuple(
            Criterion(
                code=row["code"],
                texts={"zh": row["zh"], "en": row["en"]},
                evidence={"zh": row["evidence_zh"], "en": row["evidence_en"]},
            )
            for row in entry["criterion"]
        ),
    )
