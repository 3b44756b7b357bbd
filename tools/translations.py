"""Keep the English catalogue: Chinese texts in the code are the source, English is translated.

`update` extracts every text of the rooms and merges it into the catalogue; `check` fails when a
text has no translation, a translation lost a placeholder, or the catalogue keeps a text that no
page uses any more.
"""

import sys
import tomllib
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("carbonaccount", "behaviors", "rewards", "admin")
CATALOGUE = ROOT / "carbonaccount" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
COMMENT_TAGS = ("Translators:",)
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "lazy_gettext": None,
    "_l": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}


def mappings(root: Path) -> list[tuple[str, str]]:
    """Return pairs of file pattern and extraction method from pyproject.toml."""
    configuration = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    return [
        (entry["pattern"], entry["method"]) for entry in configuration["tool"]["babel"]["mappings"]
    ]


def extract(root: Path = ROOT) -> Catalog:
    """Return every text the code and the templates mark for translation."""
    # Without a creation date, an extraction that finds nothing new changes nothing.
    template = Catalog(project="carbonaccount", header_comment="", charset="utf-8")
    for room in ROOMS:
        found = extract_from_dir(
            root / room, mappings(root), keywords=KEYWORDS, comment_tags=COMMENT_TAGS
        )
        for filename, _line, message, comments, context in found:
            # Line numbers would change the catalogue with every edit; the file is enough.
            place = [(f"{room}/{Path(filename).as_posix()}", 0)]
            template.add(message, None, place, auto_comments=comments, context=context)
    return template


def read(path: Path = CATALOGUE) -> Catalog:
    """Return the English catalogue, an empty one when there is none yet."""
    if not path.exists():
        return Catalog(locale="en", project="carbonaccount", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale="en")


def update(path: Path = CATALOGUE, root: Path = ROOT) -> Catalog:
    """Merge the extracted texts into the catalogue and write it; what no page uses goes."""
    catalogue = read(path)
    # A guess at similar texts could put a wrong sentence on a page; an empty one is reported.
    catalogue.update(extract(root), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, sort_output=True, include_lineno=False, width=100)
    return catalogue


def problems(catalogue: Catalog, template: Catalog) -> list[str]:
    """List texts that are missing, untranslated, unsure, unused or broken, one line each."""
    wanted = {(message.context, _key(message.id)) for message in template if message.id}
    held = {(message.context, _key(message.id)): message for message in catalogue if message.id}
    found = [
        f"not in the catalogue: {text}" for _context, text in sorted(wanted - held.keys(), key=str)
    ]
    found += [f"no page uses: {text}" for _context, text in sorted(held.keys() - wanted, key=str)]
    for (_context, text), message in held.items():
        strings = message.string if isinstance(message.string, (list, tuple)) else [message.string]
        if not all(strings):
            found.append(f"not translated: {text}")
        elif message.fuzzy:
            found.append(f"marked as unsure: {text}")
    found += [
        f"wrong placeholders: {_key(message.id)}: {error}"
        for message, errors in catalogue.check()
        for error in errors
    ]
    return found


def _key(message_id: str | list[str] | tuple[str, ...]) -> str:
    """Return the singular of a message, which identifies it."""
    return message_id if isinstance(message_id, str) else message_id[0]


def main(arguments: list[str]) -> int:
    """Run `update` or `check`; return the exit status."""
    if arguments == ["update"]:
        catalogue = update()
        print(f"{len(catalogue)} texts in {CATALOGUE.relative_to(ROOT)}")
        return 0
    if arguments != ["check"]:
        print("usage: python -m tools.translations update|check", file=sys.stderr)
        return 2
    found = problems(read(), extract())
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print(f"{len(found)} problems; `make translations`, then translate", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
