"""Every template compiles, every page has a title, and nothing on a page calls another host."""

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes

from carbonaccount.app import create_app
from tests.conftest import make_settings

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(
    file
    for room in ("carbonaccount", "behaviors", "rewards", "admin")
    for file in (ROOT / room).rglob("templates/**/*.html")
)
# What pages of a part share; they leave the title to the pages.
FRAMES = ("layout", "_layout")
LOADED_FROM_ELSEWHERE = re.compile(
    r"""<(?:script|link|img|iframe|source|form)\b[^>]*\b(?:src|href|action)=["'](?:https?:)?//""",
    re.I,
)
INLINE_HANDLER = re.compile(
    r"""<[^>]+\son[a-z]+=["']|<script(?![^>]*\bsrc=)[^>]*>|\sstyle=["']""", re.I
)


def _name(file: Path) -> str:
    """Return the name a template is rendered by: what follows the templates folder."""
    parts = file.parts
    return "/".join(parts[len(parts) - parts[::-1].index("templates") :])


@pytest.mark.parametrize("file", TEMPLATES, ids=_name)
def test_a_template(file: Path, templates_app: Flask) -> None:
    text = file.read_text("utf-8")
    tree = templates_app.jinja_env.parse(text)
    templates_app.jinja_env.compile(text, name=_name(file))
    is_frame = file.parent.name == "layouts" or file.stem in FRAMES
    if next(tree.find_all(nodes.Extends), None) is not None and not is_frame:
        filled = {block.name for block in tree.find_all(nodes.Block)}
        assert "title" in filled, "a page says its title"
    assert not LOADED_FROM_ELSEWHERE.search(text)
    assert not INLINE_HANDLER.search(text), "the content security policy refuses it"


def test_no_two_rooms_share_a_template_name() -> None:
    names = [_name(file) for file in TEMPLATES]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def templates_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application, for its filters and functions; no page is asked for."""
    folder = tmp_path_factory.mktemp("templates")
    return create_app(make_settings(f"sqlite:///{folder / 'none.sqlite3'}", folder))
