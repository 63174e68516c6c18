"""What vdesk tells a person to run is there: every `vdesk ...` in its messages and documents parses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from vdesk.cli import COMMANDS, main

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


def texts(path: Path) -> Iterator[str]:
    """The literal texts of a module, placeholders as a capital letter; a document as a whole."""
    if path.suffix == ".md":
        yield from re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8"))
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


SOURCES = sorted([*(TOP / "vdesk").rglob("*.py"), *(TOP / "docs").glob("*.md"), TOP / "README.md"])


@pytest.mark.parametrize("path", SOURCES, ids=[path.relative_to(TOP).as_posix() for path in SOURCES])
def test_orders_can_be_obeyed(path: Path) -> None:
    found = [mistake for text in texts(path) for mistake in mistakes(text)]
    assert not found


def test_the_test_sees() -> None:
    """What it is to find, it finds."""
    assert list(mistakes("read it with: sudo vdesk gpu rom 01:00.0 --to FILE"))
    assert list(mistakes("take it at boot: sudo vdesk bind 01:00.0 --boott"))
    assert not list(mistakes("sudo vdesk iommu enable, then vdesk bind 01:00.0 --only; vdesk shows its plan"))
