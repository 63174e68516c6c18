"""What vdesk tells a person to run is there: every `vdesk ...` in its messages and documents parses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from vdesk.cli import COMMANDS, main
from vdesk.cli.examples import EXAMPLES

TOP = Path(__file__).resolve().parents[2]
# The commands of the contract: prose (`vdesk changes nothing`) is told from an order, and a missing one is found.
NAMES = (
    "check", "groups", "iommu", "bind", "unbind", "gpu", "create", "list", "start", "stop", "show", "attach", "detach",
    "delete", "doctor", "hook", "setup", "install", "history", "undo", "capture", "demo", "report", "answer-file",
)  # fmt: skip
SAID = re.compile(
    rf"\bvdesk ((?:-\w |--[\w-]+ )*(?:{'|'.join(NAMES)})\b(?: (?:--[a-z-]+|-[nyv]\b|[a-z]+\b|[A-Z0-9:.{{}}\[\]]+))*)"
)
SUBCOMMANDS = {
    "iommu": {"status", "enable", "disable", "groups"},
    "gpu": {"list", "query", "select", "rom"},
    "hook": {"install", "remove", "status", "check"},
}


def quoted(text: str) -> Iterator[str]:
    """What a document sets in the type of commands: the lines of its blocks, what it records, and words in a line."""
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (line.partition("#")[0].strip() for line in block.splitlines())
    yield from (
        f"vdesk {words.replace('--before ', '')}" for words in re.findall(r"^<!-- demo (.+) -->$", text, re.MULTILINE)
    )
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def texts(path: Path) -> Iterator[str]:
    """The literal texts of a module, placeholders as a capital letter; a document as a whole."""
    if path.suffix == ".md":
        yield from quoted(path.read_text(encoding="utf-8"))
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def mistakes(text: str) -> Iterator[str]:
    """The orders in a text that vdesk would not understand."""
    for said in SAID.findall(text):
        words = said.split()
        name = next(word for word in words if not word.startswith("-"))
        after = words[words.index(name) + 1 :]
        if name not in COMMANDS:
            yield f"vdesk {said}: there is no such command"
            continue
        context = click.Context(main)
        command = main.get_command(context, name)
        if name in SUBCOMMANDS and after and not after[0].startswith("-"):
            assert isinstance(command, click.Group)
            if after[0] not in SUBCOMMANDS[name]:
                continue  # prose: `vdesk iommu and ...`
            command = command.get_command(context, after[0])
        assert command is not None
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        yield from (f"vdesk {said}: no option {word}" for word in after if word.startswith("-") and word not in known)


def unknown(line: str) -> Iterator[str]:
    """The words of a typed line that its command does not know: names of commands, and options wherever they stand."""
    found = re.match(r"(?:sudo )?vdesk ([^|&;>]+)", line)
    command: click.Command = main
    known = _options(main)
    words = found[1].split() if found else []
    for before, word in zip(["", *words], words, strict=False):
        if word.startswith("-"):
            if word.partition("=")[0] not in known and not re.fullmatch(r"-[nyv]+", word):
                yield f"{line}: no option {word}"
        elif isinstance(command, click.Group):
            child = command.get_command(click.Context(command), word)
            if child is None and before not in ("--root", "--connect") and re.fullmatch("[a-z-]+", word):
                yield f"{line}: no command {word}"
            command = child or command
            known |= _options(command)
            if command.name == "demo":  # what follows is a line of its own
                yield from unknown(f"vdesk {line.partition('demo ')[2].replace('--before ', '')}")
                return


def _options(command: click.Command) -> set[str]:
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"-h", "--help"}


SOURCES = sorted([*(TOP / "vdesk").rglob("*.py"), *(TOP / "docs").rglob("*.md"), *TOP.glob("README*.md")])


PAGES = [path for path in SOURCES if path.suffix == ".md"]


@pytest.mark.parametrize("path", PAGES, ids=[path.relative_to(TOP).as_posix() for path in PAGES])
def test_lines_to_type_are_known_to_their_end(path: Path) -> None:
    """Also behind a file's name or an address, where `mistakes`, made for sentences, stops reading."""
    assert not [mistake for text in quoted(path.read_text(encoding="utf-8")) for mistake in unknown(text)]


@pytest.mark.parametrize("path", SOURCES, ids=[path.relative_to(TOP).as_posix() for path in SOURCES])
def test_orders_can_be_obeyed(path: Path) -> None:
    found = [mistake for text in texts(path) for mistake in mistakes(text)]
    assert not found


def test_the_test_sees_documents() -> None:
    """A block, a recorded command and a word in a line; a comment behind a command is none."""
    page = "```\nsudo vdesk bind 01:00.0 --boott  # --nott\n```\n"
    page += "<!-- demo --before iommu enable --dry -->\nor `vdesk list --al`\n"
    assert [mistake.rpartition(" ")[2] for text in quoted(page) for mistake in mistakes(text)] == [
        "--boott",
        "--dry",
        "--al",
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_known_to_their_end(name: str) -> None:
    assert not [mistake for line, _ in EXAMPLES[name] for mistake in unknown(line)]


def test_the_test_sees_to_the_end() -> None:
    assert list(unknown("sudo vdesk create hoth --iso win11.iso --single-gpus"))
    assert list(unknown("vdesk --root machine.tar.zst iommu enable --ptt"))
    assert list(unknown("vdesk demo --before bind 01:00.0 --boott"))
    assert list(unknown("vdesk iommu on")) and list(unknown("vdesk remote hoth"))
    assert not list(unknown("vdesk demo --before bind 01:00.0 --boot"))
    assert not list(unknown("vdesk --root=x groups --gpu | grep --colour x"))


def test_the_test_sees() -> None:
    """What it is to find, it finds."""
    assert list(mistakes("read it with: sudo vdesk gpu rom 01:00.0 --to FILE"))
    assert list(mistakes("take it at boot: sudo vdesk bind 01:00.0 --boott"))
    assert not list(mistakes("sudo vdesk iommu enable, then vdesk bind 01:00.0 --only; vdesk shows its plan"))
