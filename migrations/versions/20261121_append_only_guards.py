"""Guards: what is booked or audited can be added, never changed or removed.

A rule version can be edited until it is published; after that only its standing may change
(status, withdrawal, who approved), never what it says.

SQLite needs `recursive_triggers=ON` (set on each connection) for INSERT OR REPLACE to meet the
trigger; PostgreSQL gets a statement trigger against TRUNCATE as well.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY_TABLES = ("transfer", "audit_entry", "rule_note", "stock_movement", "fund_movement",
                      "event_account", "attribution_take")  # fmt: skip
UNPUBLISHED = "('draft', 'in_review')"
RULE_COLUMNS = ("behavior_id", "version", "valid_from", "valid_to", "unit_factor_nano",
                "definition", "grade", "citation")  # fmt: skip


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for table in APPEND_ONLY_TABLES:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    # Without a WHEN of its own a trigger cannot see NULL against NULL as equal; IS does.
    changed = " OR ".join(f"NOT (NEW.{name} IS OLD.{name})" for name in RULE_COLUMNS)
    for verb, condition in (("UPDATE", f"AND ({changed})"), ("DELETE", "")):
        op.execute(
            f"CREATE TRIGGER rule_version_no_{verb.lower()} BEFORE {verb} ON rule_version "
            f"WHEN OLD.status NOT IN {UNPUBLISHED} {condition} "
            "BEGIN SELECT RAISE(ABORT, 'a published rule_version is immutable'); END"
        )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY_TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    changed = " OR ".join(
        f"NEW.{name}::text IS DISTINCT FROM OLD.{name}::text" for name in RULE_COLUMNS
    )
    op.execute(
        "CREATE FUNCTION refuse_rule_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a published rule_version is immutable'; END $$"
    )
    for verb, condition in (("UPDATE", f"AND ({changed})"), ("DELETE", "")):
        op.execute(
            f"CREATE TRIGGER rule_version_no_{verb.lower()} BEFORE {verb} ON rule_version "
            f"FOR EACH ROW WHEN (OLD.status NOT IN {UNPUBLISHED} {condition}) "
            "EXECUTE FUNCTION refuse_rule_change()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER rule_version_no_update")
        op.execute("DROP TRIGGER rule_version_no_delete")
        for table in APPEND_ONLY_TABLES:
            for verb in ("update", "delete"):
                op.execute(f"DROP TRIGGER {table}_no_{verb}")
        return
    for table in APPEND_ONLY_TABLES:
        op.execute(f"DROP TRIGGER {table}_no_change ON {table}")
        op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
    op.execute("DROP TRIGGER rule_version_no_update ON rule_version")
    op.execute("DROP TRIGGER rule_version_no_delete ON rule_version")
    op.execute("DROP FUNCTION refuse_rule_change()")
    op.execute("DROP FUNCTION refuse_change()")
