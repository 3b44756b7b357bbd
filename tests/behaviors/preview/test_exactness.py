"""Trying a rule on history says what the city would have booked, had the rule held: to the gram."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from behaviors.models import RuleStatus
from behaviors.scoring import Rule
from tests.behaviors.preview import worlds
from tests.behaviors.preview.histories import TRIED, changed_rules, histories
from tests.behaviors.preview.worlds import Batch, NewDatabase

# EXACTNESS_FACTOR=10 looks longer; each example is two cities that live through it.
_FACTOR = int(os.environ.get("EXACTNESS_FACTOR", "1"))
_EXAMPLES = {"sqlite": 32 * _FACTOR, "postgresql": 6 * _FACTOR}


@pytest.fixture(scope="module")
def new_sqlite(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewDatabase]:
    """Makes seeded SQLite databases."""
    with worlds.sqlite_databases(sqlite_template, tmp_path_factory.mktemp("cities")) as new:
        yield new


@pytest.fixture(scope="module")
def new_postgresql(postgres_server: str, postgres_template: str) -> Iterator[NewDatabase]:
    """Makes seeded PostgreSQL databases."""
    with worlds.postgresql_databases(postgres_server, postgres_template) as new:
        yield new


def compare(new: NewDatabase, data: st.DataObject, *, behavior: str, groups: bool) -> None:
    """Try a random rule on a random history, and live through the same with the rule in force."""
    batches: list[Batch] = data.draw(histories(behavior), label="history")
    with worlds.city(new()) as trying, worlds.city(new()) as living:
        shipped = worlds.shipped_rule(trying, behavior)
        rule: Rule = data.draw(changed_rules(shipped, groups=groups), label="rule")
        behavior_id, version_id = worlds.add_version(trying, rule, RuleStatus.DRAFT)
        worlds.live_through(trying, batches)
        worlds.add_version(living, rule, RuleStatus.ACTIVE)
        worlds.live_through(living, batches)
        previewed = worlds.as_previewed(trying, behavior_id, version_id)
        booked = worlds.as_booked(living, behavior_id)
    note(f"previewed {previewed}\nbooked {booked}")
    assert previewed == booked


@pytest.mark.slow
@settings(max_examples=_EXAMPLES["sqlite"], deadline=None)
@given(data=st.data(), behavior=st.sampled_from(TRIED), groups=st.booleans())
def test_a_preview_is_what_publishing_gives_on_sqlite(
    new_sqlite: NewDatabase, behavior: str, groups: bool, data: st.DataObject
) -> None:
    compare(new_sqlite, data, behavior=behavior, groups=groups)


@pytest.mark.slow
@pytest.mark.postgres
@settings(max_examples=_EXAMPLES["postgresql"], deadline=None)
@given(data=st.data(), behavior=st.sampled_from(TRIED), groups=st.booleans())
def test_a_preview_is_what_publishing_gives_on_postgresql(
    new_postgresql: NewDatabase, behavior: str, groups: bool, data: st.DataObject
) -> None:
    compare(new_postgresql, data, behavior=behavior, groups=groups)
