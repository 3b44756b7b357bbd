"""Pytest plugin: work that comes out the same for each test's application is done once a run.

Each test has an application, an engine and a database of its own. What their making costs and
does not depend on the test is kept here; the product itself does none of this.
"""

import gc
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing.rules import Rule

# Objects that may be made before young ones are looked at, and how many such looks make one at
# the older and one at all: a look at all takes a third of a second, and the usual numbers led to
# one every few tests.
GARBAGE_THRESHOLDS = (50_000, 20, 100)
STATEMENTS_KEPT = 5_000


def pytest_configure() -> None:
    """Look for garbage seldom, from before the first import of a test on."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)


@pytest.fixture(scope="session", autouse=True)
def imported_once() -> None:
    """What is imported stays for the whole run; the garbage collector need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def addresses_are_compiled_once() -> Iterator[None]:
    """Keep what an address was compiled to: every test's application has the same hundreds.

    Taking the addresses apart and writing a function that puts each together again takes most of
    the time in which an application is made.
    """
    usual = Rule.compile
    kept: dict[object, Rule] = {}

    def compile_once(rule: Rule) -> None:
        assert rule.map is not None
        key = (
            rule.rule,
            rule.host if rule.map.host_matching else rule.subdomain,
            rule.merge_slashes,
            tuple(rule.map.converters.items()),
        )
        if rule.defaults:
            usual(rule)
        elif key in kept:
            _copy_compiled(kept[key], rule)
        else:
            usual(rule)
            kept[key] = rule

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "compile", compile_once)
        yield


def _copy_compiled(kept: Rule, rule: Rule) -> None:
    rule._parts = kept._parts
    rule._trace = kept._trace
    rule._converters = kept._converters
    rule.arguments |= kept.arguments
    rule._build = _bound_to(rule, kept._build)
    rule._build_unknown = _bound_to(rule, kept._build_unknown)


def _bound_to(rule: Rule, method: Callable[..., tuple[str, str]]) -> Callable[..., tuple[str, str]]:
    function: Callable[..., tuple[str, str]] = method.__func__.__get__(rule, None)  # type: ignore[attr-defined]
    return function


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    """Let all engines of a kind share what statements were compiled to, as requests do in life.

    SQLAlchemy keeps a statement's SQL by engine and by dialect, and each test has its own of both.
    """
    kept: LRUCache[object, object] = LRUCache(STATEMENTS_KEPT)

    def share(_kind: type[Dialect], engine: Engine) -> None:
        engine._compiled_cache = kept  # type: ignore[assignment]

    def is_alike(dialect: Dialect, other: object) -> bool:
        return type(dialect) is type(other)

    def kind_hash(dialect: Dialect) -> int:
        return hash(type(dialect))

    with pytest.MonkeyPatch.context() as patch:
        for kind in (PGDialect_psycopg, SQLiteDialect_pysqlite):
            patch.setattr(kind, "engine_created", classmethod(share))
            patch.setattr(kind, "__eq__", is_alike)
            patch.setattr(kind, "__hash__", kind_hash)
        yield
