"""What may be told: checked by an independent question, whether linear algebra finds a figure."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from carbonaccount.disclosure import FEWEST_PEOPLE, Cell, Relation, withheld


def parts(**people: int) -> tuple[dict[str, Cell], Relation[str]]:
    """A total of the parts; nobody is in two of them."""
    cells = {key: Cell(count, count) for key, count in people.items()}
    cells["total"] = Cell(sum(people.values()), sum(people.values()))
    return cells, Relation("total", tuple(people), disjoint=True)


def hidden(**people: int) -> set[str]:
    cells, relation = parts(**people)
    return withheld(cells, [relation])


def test_small_groups_take_others_with_them() -> None:
    assert hidden(a=10, b=11) == set()
    # One alone could be told by subtracting: the next with the fewest records goes with it.
    assert hidden(a=9, b=60, c=55) == {"a", "c"}
    # Two of nine are eighteen together: nothing else has to go.
    assert hidden(a=9, b=9, c=50) == {"a", "b"}
    # Two of four are eight, which the difference would tell.
    assert hidden(a=4, b=4, c=50, d=60) == {"a", "b", "c"}
    # Nothing that was never recorded is a secret.
    assert hidden(a=0, b=50) == set()
    # The total of too few people goes with all its parts.
    assert hidden(a=3, b=4) == {"a", "b", "total"}
    # The only part is the total.
    assert hidden(a=30) == set()


def test_people_in_several_parts_are_not_added() -> None:
    cells, relation = parts(a=9, b=9, c=50)
    # The nine may be the same nine.
    assert withheld(cells, [Relation("total", relation.parts)]) == {"a", "b", "c"}


def test_two_breakdowns_of_one_figure_do_not_tell_what_each_hides() -> None:
    # Years by district: the sum of 2025 and the sum of district p both hold the cell (2025, p).
    people = {
        ("2025", "p"): 3, ("2025", "q"): 20, ("2025", "r"): 40,
        ("2026", "p"): 30, ("2026", "q"): 50, ("2026", "r"): 60,
    }  # fmt: skip
    cells, relations = table(people)
    assert withheld(cells, relations) == {
        ("2025", "p"), ("2025", "q"), ("2026", "p"), ("2026", "q"),
    }  # fmt: skip


Place = tuple[str, str]


def table(people: dict[Place, int]) -> tuple[dict[Place, Cell], list[Relation[Place]]]:
    """A table with sums of its rows and columns and of everything."""
    cells = {key: Cell(count, count) for key, count in people.items()}
    rows, columns = sorted({row for row, _ in people}), sorted({column for _, column in people})
    relations = [
        *(Relation((row, ""), tuple((row, c) for c in columns), disjoint=True) for row in rows),
        *(Relation(("", c), tuple((row, c) for row in rows)) for c in columns),
        Relation(("", ""), tuple((row, "") for row in rows)),
        Relation(("", ""), tuple(("", c) for c in columns), disjoint=True),
    ]
    for item in relations[:-2]:
        count = sum(cells[key].people for key in item.parts)
        cells[item.total] = Cell(count, count)
    total = sum(people.values())
    cells["", ""] = Cell(total, total)
    return cells, relations


def check(cells: dict[Place, Cell], relations: list[Relation[Place]]) -> None:
    """Ask linear algebra whether a small group follows from all that is told."""
    secret = sorted(withheld(cells, relations))
    small = [key for key, cell in cells.items() if 0 < cell.people < FEWEST_PEOPLE]
    assert set(small) <= set(secret)
    unknown = [key for key in secret if cells[key].records]
    system = np.array(
        [
            [float(key in item.parts) - float(key == item.total) for key in unknown]
            for item in relations
        ]
    )
    rank = np.linalg.matrix_rank(system) if unknown else 0
    for key in small:
        one = np.array([[float(other == key) for other in unknown]])
        found = int(np.linalg.matrix_rank(np.vstack([system, one]))) == rank
        assert not found, f"{key} can be worked out"
    for item in relations:
        gone = [key for key in item.parts if key in secret and cells[key].records]
        if gone and item.total not in secret:
            assert sum(cells[key].people for key in gone) >= FEWEST_PEOPLE


@given(st.lists(st.integers(0, 40), min_size=12, max_size=12))
def test_no_small_group_can_be_worked_out(counts: list[int]) -> None:
    people = {(f"{y}", d): counts[4 * y + i] for y in range(3) for i, d in enumerate("pqrs")}
    check(*table(people))


def test_sums_that_hide_enough_each_may_tell_together() -> None:
    # Two blocks of eights that one cell of three ties together: every row and column withholds
    # two figures of ten people or more, but two rows less two columns leave the three.
    people = {(row, column): 50 for row in "1234" for column in "pqrs"}
    for row, column in ("1p", "1q", "2p", "2q", "3r", "3s", "4r", "4s"):
        people[row, column] = 8
    people["2", "r"] = 3
    cells, relations = table(people)
    relations = [Relation(item.total, item.parts, disjoint=True) for item in relations]
    check(cells, relations)
    assert len(withheld(cells, relations)) > 9
