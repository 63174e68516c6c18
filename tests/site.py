"""Build the documentation as a site: `./dev docs [FOLDER]`. Warnings are errors, and nothing comes from the network.

The pages of docs/ are copied; where one says `<!-- demo WORDS -->`, what vdesk prints is recorded on the demo machine.
The reference is made from the code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click

from tests.manpages import CODES, commands
from tests.pictures import run
from vdesk.cli import main
from vdesk.cli.examples import EXAMPLES
from vdesk.cli.options import GLOBAL_OPTIONS, Settings

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
RECORDED = re.compile(r"^<!-- demo (.+) -->$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
COLUMNS = 80
"""Of what is recorded: as many as a page shows beside its menus without being moved."""


@cache
def recorded(words: str, language: str) -> str:
    """What a command prints on the demo machine's terminal, in the language of the page, as a block."""
    typed = words.replace("--before ", "")
    printed = COLOUR.sub("", run(["demo", *words.split()], language, COLUMNS)).rstrip()
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    return f"```text\n$ vdesk {typed}\n{lines}\n```"


# --- the reference


def command_page() -> str:
    """Every command: its help, options, examples; then what all have in common."""
    found = ["# Commands", "", "Made from the commands' own help.", ""]
    for name, command in commands(main):
        found += _command(name, command)
    found += ["## Options of every command", "", "Before the command or after it.", ""]
    found += _options(list(GLOBAL_OPTIONS), click.Context(main, obj=Settings([])))
    found += ["", "## Exit codes", "", "| code | |", "|---|---|", *(f"| {code} | {about} |" for code, about in CODES)]
    return "\n".join(found) + "\n"


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"vdesk {name}", obj=Settings([]))
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from (f"## vdesk {name}", "", "```text", usage, "```", "")
    for block in re.split(r"\n\s*\n", (command.help or "").strip()):
        yield from (_escaped(" ".join(block.split())), "")
    own = [each for each in command.params if isinstance(each, click.Option) and each not in GLOBAL_OPTIONS]
    if own:
        yield from (*_options(own, context), "")
    rows = EXAMPLES.get(name, ())
    if rows:
        column = max(len(line) for line, _ in rows)
        yield from ("```text", *(f"{line:<{column}}  # {about}" for line, about in rows), "```", "")


def _options(options: list[click.Option], context: click.Context) -> Iterator[str]:
    yield from ("| option | |", "|---|---|")
    for option in options:
        record = option.get_help_record(context)
        assert record
        yield f"| `{record[0].replace('|', '¦')}` | {_escaped(record[1])} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def json_page() -> str:
    """The JSON schema, as tables."""
    schema = json.loads((DOCS / "json.schema.json").read_text(encoding="utf-8"))
    found = ["# JSON", "", "Every command prints one such document with `--json`.", ""]
    held = "The [schema](../json.schema.json) itself is what the tests hold every command to."
    found += [str(schema.get("description", "")), "", held, ""]
    for name, part in {"the document": schema, **schema.get("$defs", {})}.items():
        rows = list(_properties(part))
        if rows:
            about = _escaped(str(part.get("description", "")))
            found += [f"## {name}", "", about, "", "| key | type | |", "|---|---|---|", *rows, ""]
    return "\n".join(found) + "\n"


def _properties(part: dict[str, Any]) -> Iterator[str]:
    for key, value in part.get("properties", {}).items():
        yield f"| `{key}` | {_type(value)} | {_escaped(str(value.get('description', '')))} |"


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "enum" in value or "const" in value:
        return ", ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    kind = value.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


# --- the build


def _recorded_in(text: str, language: str) -> str:
    return RECORDED.sub(lambda found: recorded(found[1], language), text)


def lay_out(folder: Path) -> Path:
    """Copy and make the pages below the folder; the configuration's path."""
    source = folder / "source"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("mkdocs.yml", "README.md"))
    for page in source.rglob("*.md"):
        language = "es" if page.is_relative_to(source / "es") else "en"
        text = _recorded_in(page.read_text(encoding="utf-8"), language)
        page.write_text(text, encoding="utf-8")
    (source / "reference").mkdir(exist_ok=True)
    (source / "reference/commands.md").write_text(command_page(), encoding="utf-8")
    (source / "reference/json.md").write_text(json_page(), encoding="utf-8")
    shutil.copy(DOCS / "mkdocs.yml", folder / "mkdocs.yml")
    return folder / "mkdocs.yml"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site into `site` below the folder."""
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(lay_out(folder))]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    for page in (folder / "site/es").rglob("*.html"):  # the theme knows one language for all pages
        page.write_text(re.sub(r'(<html lang="?)en\b', r"\1es", page.read_text(encoding="utf-8")), encoding="utf-8")
    return done


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build/docs"
    done = build(place)
    sys.stderr.write(done.stdout + done.stderr)
    print(place / "site/index.html")
    sys.exit(done.returncode)
