"""What a batch looks up is found by index, whatever the planner knows of the tables."""

import pytest

from carbonaccount.bulk import _by_index


def test_the_first_join_becomes_a_lookup_a_key() -> None:
    asked = (
        "SELECT r.id FROM {keys} JOIN activity_record r ON r.event_id = k.event_id "
        "AND r.source_id = :source_id WHERE r.status = 'c'"
    )
    assert _by_index(asked) == (
        "SELECT r.id FROM {keys} CROSS JOIN LATERAL (SELECT * FROM activity_record r "
        "WHERE r.event_id = k.event_id AND r.source_id = :source_id OFFSET 0) r "
        "WHERE r.status = 'c'"
    )


def test_further_joins_stay_as_they_are() -> None:
    asked = "SELECT 1 FROM {keys} JOIN a x ON x.id = k.id LEFT JOIN b y ON y.id = x.other"
    assert _by_index(asked) == (
        "SELECT 1 FROM {keys} CROSS JOIN LATERAL (SELECT * FROM a x WHERE x.id = k.id OFFSET 0) x "
        "LEFT JOIN b y ON y.id = x.other"
    )


def test_a_statement_on_several_lines_is_looked_up_as_well() -> None:
    asked = """SELECT x.id FROM {keys} JOIN a x ON x.id = k.id
        WHERE x.kind = 1"""
    assert _by_index(asked) == (
        "SELECT x.id FROM {keys} CROSS JOIN LATERAL (SELECT * FROM a x WHERE x.id = k.id "
        "OFFSET 0) x WHERE x.kind = 1"
    )


def test_what_cannot_be_looked_up_is_refused_not_run_slowly() -> None:
    with pytest.raises(ValueError, match="joined first"):
        _by_index("SELECT 1 FROM a x JOIN {keys} ON x.id = k.id")


def test_rows_that_are_locked_are_asked_for_plainly() -> None:
    asked = "SELECT a.id FROM {keys} JOIN ledger_account a ON a.id = k.id FOR UPDATE OF a"
    assert _by_index(asked) == asked
