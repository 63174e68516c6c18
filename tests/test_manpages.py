"""The manual pages: one for each command, from its own help, and nothing in them that roff stumbles over."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click
import pytest

from tests.manpages import commands, page_name, pages, plain
from vdesk.cli import main
from vdesk.cli.examples import EXAMPLES

PAGES = pages()
NAMES = dict(commands(main))


def test_every_command_has_a_page_and_an_example() -> None:
    assert set(PAGES) == {"vdesk.1", *(f"{page_name(name)}.1" for name in NAMES)}
    assert set(EXAMPLES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_does(name: str) -> None:
    text = PAGES[f"{page_name(name)}.1"]
    for option in NAMES[name].params:
        if isinstance(option, click.Option):
            assert option.help and len(option.help) > 5, option.name
            assert plain(option.opts[-1]) in text
    assert all(plain(line) in text for line, _ in EXAMPLES[name])


def test_roff_understands_them(tmp_path: Path) -> None:
    """No warning of any kind; and the test sees one where there is one."""
    for name, text in {**PAGES, "bad.1": PAGES["vdesk.1"] + ".NONSENSE\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        argv = ["groff", "-man", "-ww", "-z", "-Tutf8", "-Kutf8", str(tmp_path / name)]
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
        assert bool(said) is (name == "bad.1"), f"{name}: {said}"


def test_mandoc_understands_them(tmp_path: Path) -> None:
    """The other reader of manual pages has no warning either; and the test sees one where there is one."""
    for name, text in {**PAGES, "bad.1": PAGES["vdesk.1"] + ".NONSENSE\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        argv = ["mandoc", "-T", "lint", "-W", "warning", str(tmp_path / name)]
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
        assert bool(said) is (name == "bad.1"), f"{name}: {said}"


def test_the_same_build_gives_the_same_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert '"1970-01-02"' in pages()["vdesk.1"].splitlines()[0]


def test_lines_that_look_like_requests() -> None:
    assert plain(".SH x\n'a -b \\c") == "\\&.SH x\n\\&'a \\-b \\ec"


@pytest.mark.parametrize("name", [*NAMES, ""])
def test_help_fits_a_terminal(name: str) -> None:
    """80 columns, and the example below the options."""
    command = NAMES[name] if name else main
    context = click.Context(command, info_name=" ".join(["vdesk", *name.split()]), terminal_width=80)
    lines = command.get_help(context).splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert not name or "Examples:" in lines
