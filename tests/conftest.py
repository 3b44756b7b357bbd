"""Fixtures: both databases, each test with a database of its own that may commit and fork.

The schema is migrated and the methods are loaded once into a template; a test gets a copy
(a file on SQLite, CREATE DATABASE ... TEMPLATE on PostgreSQL), so views, threads and child
processes may commit as they do in life.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache, FileSystemBytecodeCache
from sqlmodel import Session

from carbonaccount.accounts import staff
from carbonaccount.app import create_app
from carbonaccount.config import Profile, Settings
from carbonaccount.database import open_session
from carbonaccount.migrate import upgrade
from tests.copies import database_on, execute, gather_sqlite, make_copy
from tests.fast_files import fast_folder
from tests.postgres import running_postgres

pytest_plugins = ["tests.distribution", "tests.kept_work", "tests.no_silent_skips"]

# pytest asks the environment for the folder that holds each test's own.
if folder := fast_folder():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", folder)

# How long an example takes says something of the machine, not of the code: benchmarks measure.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a maintenance database on a PostgreSQL server that this run started."""
    with running_postgres(folder_in=fast_folder()) as url:
        yield url


def load_template(url: str, instance: Path) -> None:
    """Migrate a database and load districts and methods, as every installation has them."""
    upgrade(url=url)
    app = create_app(make_settings(url, instance))
    with app.app_context():
        from carbonaccount.app import load_reference_data
        from carbonaccount.web.database import current_session

        load_reference_data(current_session())
        current_session().commit()
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated and seeded SQLite file, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    file = folder / "template.sqlite3"
    load_template(f"sqlite:///{file}", folder)
    gather_sqlite(file)
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a migrated and seeded PostgreSQL database, to be copied."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    execute(postgres_server, f'CREATE DATABASE "{name}"')
    load_template(database_on(postgres_server, name), tmp_path_factory.mktemp("pg"))
    return name


class Databases:
    """Copies of the template on PostgreSQL: the next is made while a test runs on the last."""

    def __init__(self, server_url: str, template: str) -> None:
        self._server_url = server_url
        self._template = template
        self._worker = ThreadPoolExecutor(1)
        self._next = self._worker.submit(self._make)

    def _make(self) -> str:
        name = f"test_{uuid.uuid4().hex[:16]}"
        make_copy(self._server_url, name, template=self._template)
        return name

    def take(self) -> str:
        """Return the name of a fresh database."""
        name = self._next.result()
        self._next = self._worker.submit(self._make)
        return name

    def give_back(self, name: str) -> None:
        """Let a database go, whoever is still connected."""
        self._worker.submit(execute, self._server_url, f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        """Wait for what is under way; the server goes next."""
        self._worker.shutdown()


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str, postgres_template: str) -> Iterator[Databases]:
    """Fresh databases, one a test."""
    databases = Databases(postgres_server, postgres_template)
    yield databases
    databases.close()


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each test that needs a database runs once on each."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """URL of this test's own seeded database."""
    with fresh_database(database_kind, request, tmp_path) as url:
        yield url


@contextmanager
def fresh_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Make a seeded database and yield its URL; at the end it is gone."""
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        file = folder / "test.sqlite3"
        shutil.copyfile(template, file)
        yield f"sqlite:///{file}"
        return
    server: str = request.getfixturevalue("postgres_server")
    databases: Databases = request.getfixturevalue("postgres_databases")
    name = databases.take()
    yield database_on(server, name)
    databases.give_back(name)


def make_settings(url: str, instance: Path, **overrides: object) -> Settings:
    """Settings of the demo profile for a database, independent of the environment."""
    values: dict[str, object] = {
        "profile": Profile.DEMO,
        "database_url": url,
        "instance_path": instance,
        **overrides,
    }
    return Settings(**values)  # type: ignore[arg-type]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for this test's database."""
    return make_settings(database_url, tmp_path / "instance")


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """Where the applications of this run find templates that one of them compiled."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(settings: Settings, compiled_templates: BytecodeCache) -> Iterator[Flask]:
    """The application on this test's database."""
    app = create_app(settings)
    app.config["TESTING"] = True
    # Each test has an application of its own; the templates are compiled once for all of them.
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    app.extensions["carbonaccount.engine"].dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript."""
    return app.test_client()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A writing session for arranging and checking; the test commits what pages should see."""
    with open_session(app.extensions["carbonaccount.engine"]) as session:
        yield session


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[PasswordHasher]:
    """Passwords are hashed as argon2id does, but with little work: hundreds of tests sign in.

    Yields the hasher of the product, which one test holds against what it promises.
    """
    real = staff._HASHER
    staff._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    yield real
    staff._HASHER = real


@pytest.fixture(scope="session", autouse=True)
def environment_is_not_read() -> None:
    """Settings come from fixtures only, whatever the developer's shell holds."""
    for name in ("DATABASE_URL", "PROFILE", "SECRET_KEY", "DATA_KEY", "INSTANCE_PATH"):
        os.environ.pop(name, None)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name bytes by their argument: compressed ones hold the time, and names must not change."""
    return argname if isinstance(val, bytes) else None
