"""po/LANGUAGE.po, which people write, and vdesk/locale/LANGUAGE/LC_MESSAGES/vdesk.mo, which vdesk reads."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.messages.sources import TOP, messages
from tests.messages.words import CLICK, LABELS, WORDS
from vdesk import __version__
from vdesk.render.translation import ALONE, FIELD, LABEL

PO = TOP / "po"
LOCALE = TOP / "vdesk/locale"
HEADER = "# vdesk in {language}. `./dev messages` brings it up to date with the code: docs/translating.md\n#"
AUTHORS = "The vdesk authors"
WIDTH = 120


def template() -> Catalog:
    """Everything that a catalogue translates: vdesk's sentences, the words of the first column, and click's own."""
    found = Catalog(project="vdesk", charset="utf-8", fuzzy=False)
    for message in messages():
        flags = ["python-brace-format"] if FIELD.search(message.id) else []
        found.add(message.id, locations=[(message.place, 0)], flags=flags)
    for context, words in ((ALONE, WORDS), (LABEL, LABELS)):
        for word in words:
            found.add(word, locations=[("tests/messages/words.py", 0)], context=context.rstrip("\x04"))
    for ids in clicks():
        found.add(ids if len(ids) > 1 else ids[0], locations=[("click", 0)])
    return found


def clicks() -> list[tuple[str, ...]]:
    """What click says of a command line and in a help text: (message) or (singular, plural), of every version."""
    found = dict.fromkeys(CLICK)
    for path in sorted(Path(click.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
                texts = texts if node.func.id == "ngettext" else texts[:1]
                if texts:
                    found[tuple(map(str, texts))] = None
    return list(found)


def path(language: str) -> Path:
    """The catalogue that people write."""
    return PO / f"{language}.po"


def written(language: str) -> Catalog:
    """The catalogue of a language as it is; an empty one where there is none yet."""
    if not path(language).exists():
        return Catalog(
            language,
            header_comment=HEADER.format(language=language),
            project="vdesk",
            version=__version__,
            msgid_bugs_address=AUTHORS,
            last_translator=AUTHORS,
            language_team=AUTHORS,
            fuzzy=False,
        )
    with path(language).open("rb") as file:
        return read_po(file, language)


def update(language: str, current: Catalog) -> Catalog:
    """Bring the catalogue up to date with the code, and compile it. What was reworded comes out marked fuzzy."""
    found = written(language)
    found.update(current, update_creation_date=False)
    found.obsolete.clear()
    PO.mkdir(exist_ok=True)
    with path(language).open("wb") as file:
        write_po(file, found, width=WIDTH, include_lineno=False, include_previous=True)
    target = compiled(language)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(as_mo(found))
    return found


def compiled(language: str) -> Path:
    """The catalogue that vdesk reads."""
    return LOCALE / language / "LC_MESSAGES/vdesk.mo"


def as_mo(catalog: Catalog) -> bytes:
    """The catalogue as vdesk reads it; what is fuzzy is left out."""
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def missing(catalog: Catalog) -> list[str]:
    """What is not translated, or not looked at since it was reworded."""
    found = []
    for message in catalog:
        if message.id:
            texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
            if message.fuzzy or not all(texts):
                found.append(str(message.id))
    return found
