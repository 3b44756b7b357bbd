"""The rules in force, read from the database: which version scores an act of which day."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import Behavior, RuleStatus, RuleVersion
from behaviors.scoring import Rule

# A draft scores nothing; a withdrawn version scores the days before it was withdrawn.
PUBLISHED = (
    RuleStatus.SCHEDULED,
    RuleStatus.ACTIVE,
    RuleStatus.SUPERSEDED,
    RuleStatus.WITHDRAWN,
)


@dataclass(frozen=True)
class BehaviorInfo:
    """A behaviour as pages and intake need it; `texts` by language, then by part."""

    id: int
    code: str
    family: str
    category: str
    enabled: bool
    stopped: bool
    self_report: bool
    sort: int
    habit_ends_on: date | None
    texts: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class PublishedRule:
    """A rule with what the database knows about the version."""

    id: int
    behavior_id: int
    status: str
    valid_from: date
    valid_to: date | None
    withdrawn_from: date | None
    grade: str
    citation: str
    rule: Rule

    @property
    def last_day(self) -> date | None:
        """The last day this version scores, None when it has no end yet."""
        if self.withdrawn_from is None:
            return self.valid_to
        withdrawn = self.withdrawn_from - timedelta(days=1)
        return withdrawn if self.valid_to is None else min(withdrawn, self.valid_to)

    def holds_on(self, day: date) -> bool:
        """Return whether this version's period includes the day."""
        return self.valid_from <= day and (self.last_day is None or day <= self.last_day)


_BEHAVIOR_COLUMNS = [item.name for item in fields(BehaviorInfo)]
_RULE_COLUMNS = [item.name for item in fields(PublishedRule)]


@lru_cache(maxsize=1024)
def _rule(definition: str) -> Rule:
    # Keyed by its whole text: a published version never changes, and another database's rule
    # with the same id is another text.
    return Rule.from_definition(json.loads(definition))


@lru_cache(maxsize=512)
def _texts(texts: str) -> Mapping[str, Mapping[str, str]]:
    return cast("Mapping[str, Mapping[str, str]]", json.loads(texts))


def _behavior(row: Any) -> BehaviorInfo:
    columns: dict[str, Any] = dict(zip(_BEHAVIOR_COLUMNS, row, strict=True))
    return BehaviorInfo(**{**columns, "texts": _texts(columns["texts"])})


def _published(row: Any) -> PublishedRule:
    columns: dict[str, Any] = dict(zip(_RULE_COLUMNS, row, strict=True))
    return PublishedRule(**{**columns, "rule": _rule(columns["rule"])})


class RuleBook:
    """Every behaviour and its published rule versions, as of the moment it was loaded."""

    def __init__(self, behaviors: list[BehaviorInfo], published: list[PublishedRule]) -> None:
        self.behaviors = {info.code: info for info in behaviors}
        self.published = published

    @classmethod
    def load(cls, session: Session) -> "RuleBook":
        """Read the book: two statements, whatever its size; texts that were read before are kept
        read.
        """
        behaviors: Any = session.execute(
            select(
                col(Behavior.id),
                col(Behavior.code),
                col(Behavior.family),
                col(Behavior.category),
                col(Behavior.enabled),
                col(Behavior.stopped_at).is_not(None),
                col(Behavior.self_report),
                col(Behavior.sort),
                col(Behavior.habit_ends_on),
                sa.cast(col(Behavior.texts), sa.Text),
            ).order_by(col(Behavior.sort))  # type: ignore[call-overload]
        ).all()
        rules: Any = session.execute(
            sa.select(
                col(RuleVersion.id),
                col(RuleVersion.behavior_id),
                col(RuleVersion.status),
                col(RuleVersion.valid_from),
                col(RuleVersion.valid_to),
                col(RuleVersion.withdrawn_from),
                col(RuleVersion.grade),
                col(RuleVersion.citation),
                sa.cast(col(RuleVersion.definition), sa.Text),
            )
            .where(col(RuleVersion.status).in_(PUBLISHED))
            .order_by(col(RuleVersion.valid_from), col(RuleVersion.version))
        ).all()
        return cls(
            [_behavior(row) for row in behaviors],
            [_published(row) for row in rules],
        )

    @cached_property
    def _by_behavior(self) -> dict[str, list[PublishedRule]]:
        found: dict[str, list[PublishedRule]] = {code: [] for code in self.behaviors}
        codes = {info.id: code for code, info in self.behaviors.items()}
        for entry in self.published:
            found[codes[entry.behavior_id]].append(entry)
        return found

    def entries(self, code: str) -> list[PublishedRule]:
        """Return a behaviour's published versions; a later one overrides an earlier one."""
        return self._by_behavior.get(code, [])

    def versions(self, code: str) -> list[Rule]:
        """Return the rules of a behaviour's published versions, earliest first."""
        return [entry.rule for entry in self.entries(code)]

    def entry_on(self, code: str, day: date) -> PublishedRule | None:
        """Return the version that scores an act of that business day, or None."""
        for entry in reversed(self.entries(code)):
            if entry.holds_on(day):
                return entry
        return None

    def rule_on(self, code: str, day: date) -> Rule | None:
        """Return the rule that scores an act of that business day, or None."""
        entry = self.entry_on(code, day)
        return entry.rule if entry else None

    def entry_by_id(self, rule_version_id: int) -> PublishedRule:
        """Return a published version by its id; KeyError when there is none."""
        return self._by_id[rule_version_id]

    def rule_by_id(self, rule_version_id: int) -> Rule:
        """Return a published rule by its version's id; KeyError when there is none."""
        return self._by_id[rule_version_id].rule

    def id_of(self, rule: Rule) -> int:
        """Return the id of the version that holds this rule; KeyError when there is none."""
        for entry in self.entries(rule.behavior):
            if entry.rule == rule:
                return entry.id
        raise KeyError(rule.behavior)

    @cached_property
    def _by_id(self) -> dict[int, PublishedRule]:
        return {entry.id: entry for entry in self.published}

    @cached_property
    def behavior_by_id(self) -> dict[int, BehaviorInfo]:
        """Behaviours by their id."""
        return {info.id: info for info in self.behaviors.values()}

    def name(self, code: str, language: str) -> str:
        """Return a behaviour's name in a language ("zh" or "en")."""
        texts: Any = self.behaviors[code].texts
        return str(texts[language]["name"])
