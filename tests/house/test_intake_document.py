"""docs/intake.md says what the import does: its examples run, its tables are those of the code."""

import ast
import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from sqlmodel import Session

from behaviors.habits import OUTCOME
from behaviors.intake.candidates import CANDIDATE_SCHEMA
from behaviors.intake.door import STATUSES
from behaviors.intake.mapping import (
    FieldMapping,
    FileMapping,
    RecordMapping,
    TimeMapping,
    canonical_mapping,
    check_mapping,
    find_mapping,
    parse_mapping,
    ready_mappings,
)
from behaviors.rulebook import RuleBook
from carbonaccount.web import messages
from carbonaccount.web.reasons import REASONS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "intake.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table after a heading or a line of text."""
    lines = TEXT[TEXT.index(f"\n{heading}\n") :].splitlines()[2:]
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def names(cell: str) -> list[str]:
    """Return the names in code quotes of a cell."""
    return re.findall(r"`([^`]*)`", cell)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_a_mapping_for_our_rules(example: str, session: Session) -> None:
    mapping = parse_mapping(example)
    check_mapping(mapping, RuleBook.load(session))
    assert mapping.record.behavior or mapping.record.behavior_column
    assert mapping.record.evidence or mapping.record.evidence_column


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize(
    ("heading", "model", "parts"),
    [
        ("### The file as a whole", FileMapping, {"record", "time", "fields"}),
        ("### `[record]`", RecordMapping, set()),
        ("### `[time]`", TimeMapping, set()),
        ("### `[fields.<name>]`", FieldMapping, set()),
    ],
)
def test_every_key_is_explained_with_its_default(
    heading: str, model: type[BaseModel], parts: set[str]
) -> None:
    rows = table(heading)
    assert {name for row in rows for name in names(row[0])} == set(model.model_fields) - parts
    for row in rows:
        for name in names(row[0]):
            field = model.model_fields[name]
            assert (row[1] == "needed") == field.is_required(), name
            if names(row[1]):
                assert [str(field.default)] == names(row[1]), name


def test_the_columns_that_need_no_mapping() -> None:
    documented = {
        name for row in table("## Columns that need no mapping") for name in names(row[0])
    }
    assert documented == set(CANDIDATE_SCHEMA) - {"idx", "code", "detail"}
    example = re.search(r"```csv\n(.*?)\n", TEXT)
    assert example
    columns = example[1].split(",")
    assert find_mapping(columns) == ("canonical", canonical_mapping(columns))


def test_the_ready_mappings_are_named() -> None:
    for name in ready_mappings():
        assert f"`{name}`" in TEXT


def test_the_last_line_and_its_statuses() -> None:
    line = re.search(r"```text\n(accepted=.*)\n", TEXT)
    assert line
    assert tuple(part.split("=")[0] for part in line[1].split()) == STATUSES
    statuses = [names(row[0])[0] for row in table("## What comes out")]
    assert tuple(statuses) == STATUSES


def test_every_reason_is_in_the_table_and_has_a_sentence_in_both_languages() -> None:
    rows = table("### Lines with a reason")
    assert [names(row[0])[0] for row in rows] == list(REASONS)
    assert {row[1] for row in rows} <= set(STATUSES)
    for code, (chinese, english) in REASONS.items():
        assert chinese.endswith("。"), code
        assert english.endswith("."), code
        for language in messages.LANGUAGES:
            assert messages.sentence(code, {}, language) != code


# --- the codes in the code ----------------------------------------------------------------------

_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
_LITERAL_PLACES = {"code", "outcome", "held_because"}
_NO_REASON = {"ok"}


def texts(node: ast.AST) -> set[str]:
    """Return the texts in an expression that could be codes; names of columns are none."""
    columns = {
        id(argument)
        for part in ast.walk(node)
        if isinstance(part, ast.Call) and getattr(part.func, "attr", "") == "col"
        for argument in part.args
    }
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant)
        and isinstance(part.value, str)
        and id(part) not in columns
        and _CODE.fullmatch(part.value)
    }


def looped(node: ast.For) -> set[str]:
    """Return the codes of a loop `for ..., code, ... in ((...), ...)`."""
    if not (isinstance(node.target, ast.Tuple) and isinstance(node.iter, ast.Tuple)):
        return set()
    targets = [getattr(target, "id", "") for target in node.target.elts]
    if "code" not in targets:
        return set()
    place = targets.index("code")
    return {
        code
        for entry in node.iter.elts
        if isinstance(entry, ast.Tuple)
        for code in texts(entry.elts[place])
    }


def assigned(node: ast.Assign) -> set[str]:
    """Return the codes of an assignment to `code`, alone or among others."""
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = zip(target.elts, node.value.elts, strict=False)
        return {
            code
            for name, value in pairs
            if getattr(name, "id", "") == "code"
            for code in texts(value)
        }
    return texts(node.value) if getattr(target, "id", "") == "code" else set()


def called(node: ast.Call) -> set[str]:
    """Return the codes given to `mark(frame, code, ...)` and to parameters named for codes."""
    function = getattr(node.func, "id", getattr(node.func, "attr", ""))
    found = texts(node.args[1]) if function == "mark" and len(node.args) > 1 else set()
    for keyword in node.keywords:
        if keyword.arg in _LITERAL_PLACES:
            literals = [
                part
                for part in ast.walk(keyword.value)
                if isinstance(part, ast.Call) and getattr(part.func, "attr", "") == "lit"
            ]
            constant = isinstance(keyword.value, ast.Constant)
            for part in [keyword.value] if constant else literals:
                found |= texts(part)
    return found


def codes_in(source: str) -> set[str]:
    """Return the codes that a module gives to items, wherever its form shows that it is one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.For):
            found |= looped(node)
        elif isinstance(node, ast.Assign):
            found |= assigned(node)
        elif isinstance(node, ast.Call):
            found |= called(node)
    return found


def test_codes_are_found_in_each_form() -> None:
    assert codes_in(
        "mark(frame, 'a_code', x)\n"
        "for code, condition in (('b_code', x), ('c_code', y)): pass\n"
        "for name, code in (('not_this', 'd_code'),): pass\n"
        "code, detail = code or 'e_code', 'nor_this'\n"
        "check_choice(frame, column='nor_that', code='f_code')\n"
        "frame.with_columns(outcome=pl.when(x).then(pl.lit('g_code')))\n"
    ) == {f"{letter}_code" for letter in "abcdefg"}


def test_every_code_an_item_can_get_has_a_reason_and_every_reason_a_code() -> None:
    modules = [file.read_text("utf-8") for file in (ROOT / "behaviors" / "intake").glob("*.py")]
    given = {code for source in modules for code in codes_in(source)} | {OUTCOME}
    assert given - _NO_REASON - REASONS.keys() == set()
    # What splits lines gives its codes in other forms; there the word itself must stand.
    everything = "\n".join(modules)
    assert {code for code in REASONS if f'"{code}"' not in everything} - {OUTCOME} == set()
