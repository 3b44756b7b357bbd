"""Recreating a table with children (trap 2): the children stay, and what would orphan them fails.

Each test adds a migration of its own behind the newest one and runs it as an operator would.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from flask import Flask
from sqlmodel import Session

from behaviors.invariants import RECORDS
from carbonaccount.database import make_engine, open_session
from carbonaccount.ledger.verify import verify
from carbonaccount.migrate import alembic_config
from tests.behaviors.intake.arranging import admit, bring, item, open_person

PARENTS_AND_CHILDREN = ("account", "source", "source_subject", "activity_record", "transfer")
REVISION = '''
"""A migration of a test."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{name}", "{after}", None, None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''
# Only SQLite recreates tables; PostgreSQL alters them as they stand.
_BATCH = """
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("{table}", recreate=recreate) as batch:
"""
RECREATE = f"""{_BATCH}
        batch.add_column(sa.Column("added", sa.Integer(), nullable=True))
"""
RECREATE_BACK = f"""{_BATCH}
        batch.drop_column("added")
"""


Migrate = Callable[[str, str], Callable[[], None]]


@pytest.fixture
def migrate(database_url: str, tmp_path: Path) -> Migrate:
    """Write a migration; returns what runs it up, down and up again."""

    def written(upgrade: str, downgrade: str) -> Callable[[], None]:
        folder = tmp_path / "versions"
        folder.mkdir()
        config = alembic_config(database_url)
        script = ScriptDirectory.from_config(config)
        after = script.get_current_head()
        text = REVISION.format(name="of_test", after=after, upgrade=upgrade, downgrade=downgrade)
        (folder / "of_test.py").write_text(text)
        config.set_main_option("version_locations", f"{script.versions} {folder}")
        config.set_main_option("path_separator", "space")

        def run() -> None:
            command.upgrade(config, "of_test")
            command.downgrade(config, str(after))
            command.upgrade(config, "of_test")

        return run

    return written


@pytest.fixture
def with_data(app: Flask, session: Session) -> None:
    source = admit(session)
    open_person(session, (source, "alice"))
    bring(session, source, item("one"), item("two", occurred_at="2026-03-03T08:00:00+08:00"))
    session.close()
    app.extensions["carbonaccount.engine"].dispose()


def counts(url: str) -> dict[str, int]:
    engine = make_engine(url)
    with engine.connect() as connection:
        found = {
            table: int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
            for table in PARENTS_AND_CHILDREN
        }
    engine.dispose()
    return found


def keys(url: str) -> set[tuple[str, str, str]]:
    """Return every foreign key: table, table it refers to, and what deleting does."""
    engine = make_engine(url)
    inspector = sa.inspect(engine)
    found = {
        (table, key["referred_table"], str(key["options"].get("ondelete")))
        for table in inspector.get_table_names()
        for key in inspector.get_foreign_keys(table)
    }
    engine.dispose()
    return found


@pytest.mark.usefixtures("with_data")
@pytest.mark.parametrize("table", ["account", "source"])
def test_the_children_of_a_recreated_table_stay(
    database_url: str, migrate: Migrate, table: str
) -> None:
    before, keys_before = counts(database_url), keys(database_url)
    assert min(before.values()) > 0
    assert {referred for _, referred, _ in keys_before} >= {"account", "source"}
    migrate(RECREATE.format(table=table), RECREATE_BACK.format(table=table))()
    assert counts(database_url) == before
    assert keys(database_url) == keys_before
    engine = make_engine(database_url)
    with open_session(engine) as session:
        columns = {column["name"] for column in sa.inspect(session.connection()).get_columns(table)}
        assert "added" in columns
        assert [code for code, _, count in verify(session, extra=RECORDS) if count] == []
        # The keys are watched again.
        with pytest.raises(sa.exc.IntegrityError):
            session.execute(sa.text(f"DELETE FROM {table}"))
    engine.dispose()


@pytest.mark.usefixtures("with_data")
def test_a_migration_that_orphans_children_fails_and_changes_nothing(
    database_url: str, migrate: Migrate
) -> None:
    before = counts(database_url)
    run = migrate('    op.execute("DELETE FROM account")', "    pass")
    with pytest.raises((RuntimeError, sa.exc.IntegrityError)):
        run()
    assert counts(database_url) == before
    engine = make_engine(database_url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    engine.dispose()
    assert found != "of_test"
