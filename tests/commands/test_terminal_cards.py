"""On a terminal `create` asks for the card where it cannot tell: several of them, or none. An address is taken in each
of its spellings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from tests.commands.test_terminal import terminal
from tests.machines import builder
from tests.trees import difference, snapshot
from tests.unit.vm_cases import IMAGES

CREATE = ("create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "--no-color")


def with_iso(root: Path) -> Path:
    (root / IMAGES).mkdir(parents=True, exist_ok=True)
    (root / IMAGES / "Win10.iso").write_bytes(b"")
    return root


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A machine with two free cards, and none that the desktop is on."""
    machine = replace(builder.machine("identical-gpus"), cards=())
    root = with_iso(builder.lay_out(builder.tree_of(machine), tmp_path / "two"))
    for card in ("0000:01:00.0", "0000:02:00.0"):
        (root / f"sys/bus/pci/devices/{card}/boot_vga").write_text("0\n")
    return root


@pytest.fixture
def only(tmp_path: Path) -> Iterator[Path]:
    """A machine with one card, which the desktop is on."""
    root = with_iso(builder.build("single-gpu", tmp_path / "only"))
    before = snapshot(root)
    yield root
    assert not difference(before, snapshot(root))


def answered(root: Path, *lines: str, argv: tuple[str, ...] = ("--print-xml",)) -> tuple[int | None, str]:
    """The exit code, and all that was said, of create with these answers to its question."""
    child = terminal(root, *CREATE, *argv)
    said = ""
    for line in lines:
        child.expect_exact("none): ")
        said += str(child.before)
        child.sendline(line)
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, said + str(child.before)


@pytest.mark.parametrize("answer", ["02:00.0", "0000:02:00.0", "pci_0000_02_00_0", " 02:00.0 "])
def test_each_spelling(answer: str, two: Path) -> None:
    code, said = answered(two, answer)
    assert code == 0 and "Error" not in said and "bus='0x02'" in said.replace('"', "'")


def test_no_card_of_these_is_asked_again(two: Path) -> None:
    code, said = answered(two, "03:00.0", "none")
    assert code == 0 and "Error" in said and "<hostdev" not in said


def test_none_is_free(only: Path) -> None:
    """The reason stands in the question, and so do the ways."""
    code, said = answered(only, "none")
    assert code == 0 and "<hostdev" not in said
    question = " ".join(said.split())
    assert "can be given away (0000:01:00.0" in question and "shows a picture). Which way?" in question
    assert "single-gpu" in said and "stop" in said


def test_the_desktops_card(only: Path) -> None:
    code, said = answered(only, "single-gpu")
    assert code == 0 and "<hostdev" in said and "this machine has no picture" in " ".join(said.split())
    assert 'stop="yes"' in said


@pytest.mark.parametrize("argv", [("--print-xml",), ("--dry-run",), ()])
def test_stop(argv: tuple[str, ...], only: Path) -> None:
    code, said = answered(only, "stop", argv=argv)
    assert code == 3 and "[vm.no-gpu]" in said


@pytest.mark.parametrize("argv", [("--print-xml", "--yes"), ("--print-xml", "--json")])
def test_nobody_is_asked(argv: tuple[str, ...], only: Path) -> None:
    code, said = answered(only, argv=argv)
    assert code == 3 and "vm.no-gpu" in said
