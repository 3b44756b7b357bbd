"""The English catalogue: complete for the code as it is, and the check can fail."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from tools.translations import extract, problems, read, update


@pytest.fixture
def small_house(tmp_path: Path) -> Path:
    """A project with one text in Python, one counted text and one in a template."""
    (tmp_path / "pyproject.toml").write_text(
        '[[tool.babel.mappings]]\nmethod = "python"\npattern = "**.py"\n'
        '[[tool.babel.mappings]]\nmethod = "jinja2"\npattern = "**/templates/**.html"\n'
    )
    for room in ("carbonaccount", "behaviors", "rewards", "admin"):
        (tmp_path / room / "templates" / room).mkdir(parents=True)
    (tmp_path / "behaviors" / "views.py").write_text(
        "title = lazy_gettext('记录')\ncount = ngettext('%(num)s 条', '%(num)s 条', n)\n"
    )
    (tmp_path / "behaviors" / "templates" / "behaviors" / "home.html").write_text(
        "{% trans name=n %}你好，{{ name }}{% endtrans %}"
    )
    return tmp_path


def _translated(**texts: str) -> Catalog:
    catalogue = Catalog(locale="en")
    catalogue.add("记录", texts.get("records", "Records"))
    catalogue.add(("%(num)s 条", "%(num)s 条"), ("%(num)s record", "%(num)s records"))
    catalogue.add("你好，%(name)s", texts.get("hello", "Hello, %(name)s"))
    return catalogue


def test_texts_are_found_in_code_and_templates(small_house: Path) -> None:
    found = {message.id for message in extract(small_house) if message.id}
    assert found == {"记录", ("%(num)s 条", "%(num)s 条"), "你好，%(name)s"}


def test_a_whole_catalogue_has_no_problems(small_house: Path) -> None:
    assert problems(_translated(), extract(small_house)) == []


def test_a_missing_and_an_unused_text_are_named(small_house: Path) -> None:
    catalogue = _translated()
    catalogue.delete("记录")
    catalogue.add("旧", "Old")
    assert problems(catalogue, extract(small_house)) == [
        "not in the catalogue: 记录",
        "no page uses: 旧",
    ]


def test_an_empty_translation_is_named(small_house: Path) -> None:
    assert problems(_translated(records=""), extract(small_house)) == ["not translated: 记录"]


def test_a_lost_placeholder_is_named(small_house: Path) -> None:
    (problem,) = problems(_translated(hello="Hello, %(who)s"), extract(small_house))
    assert problem.startswith("wrong placeholders: 你好，%(name)s")


def test_an_update_keeps_translations_and_drops_what_no_page_uses(
    small_house: Path, tmp_path: Path
) -> None:
    path = tmp_path / "en" / "messages.po"
    update(path, small_house)
    text = path.read_text("utf-8")
    path.write_text(
        text.replace('msgid "记录"\nmsgstr ""', 'msgid "记录"\nmsgstr "Records"'), "utf-8"
    )
    template = small_house / "behaviors" / "templates" / "behaviors" / "home.html"
    template.write_text("{{ _('再见') }}")
    update(path, small_house)
    catalogue = read(path)
    assert {message.id: message.string for message in catalogue if message.id} == {
        "记录": "Records",
        ("%(num)s 条", "%(num)s 条"): ("", ""),
        "再见": "",
    }


def test_an_update_without_new_texts_changes_nothing(small_house: Path, tmp_path: Path) -> None:
    path = tmp_path / "en" / "messages.po"
    update(path, small_house)
    first = path.read_bytes()
    update(path, small_house)
    assert path.read_bytes() == first


def test_every_text_of_the_product_is_in_english() -> None:
    assert problems(read(), extract()) == []
