"""A card that amdgpu has: bound at boot, before amdgpu gets it, and said wherever it would be taken otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import on
from tests.machines.builder import lay_out, tree_of
from tests.machines.parts import Holder
from tests.unit.scenes import with_card
from vdesk.changes.choices import Choices
from vdesk.host import captured
from vdesk.plans import setup_ask
from vdesk.plans.setup_steps import Scene

CARD = "0000:01:00.0"
ISO = "/var/lib/libvirt/images/win10.iso"
WHY = "amdgpu has a long record of crashes"


def machine(folder: Path, driver: str = "amdgpu", *nodes: str) -> Path:
    """Debian whose second card that driver has; the desktop holds the nodes open."""
    holders = (Holder(1893, "gnome-shell", nodes),) if nodes else ()
    return lay_out(tree_of(replace(with_card("debian", driver=driver)(), holders=holders)), folder / "root")


def step(root: Path, *words: str) -> dict[str, Any]:
    """What setup says of binding."""
    found: list[dict[str, Any]] = on(root, "setup", *words, "--gpu", CARD, "--json").envelope["data"]["steps"]
    return next(each for each in found if each["id"] == "bind")


def test_create_says_it(memory: Path) -> None:
    root = machine(memory)
    warnings = on(root, "create", "hoth", "--iso", ISO, "-n", "--json").envelope["data"]["warnings"]
    assert any(WHY in each and f"sudo vdesk bind {CARD} --boot" in each for each in warnings)
    assert on(root, "bind", CARD, "--boot", "--yes").code == 0
    warnings = on(root, "create", "hoth", "--iso", ISO, "-n", "--json").envelope["data"]["warnings"]
    assert not any(WHY in each for each in warnings)


@pytest.mark.parametrize("nodes", [(), ("/dev/dri/card0", "/dev/dri/card1")], ids=["idle", "open"])
def test_setup_binds_it_at_boot_as_its_help_says(memory: Path, nodes: tuple[str, ...]) -> None:
    """Where nobody is asked too, and without asking amdgpu to let go: it is taken at the next boot, whoever has it open
    now (GNOME opens every card)."""
    root = machine(memory, "amdgpu", *nodes)
    done = on(root, "setup", "-y", "--gpu", CARD)
    assert (root / "etc/vdesk/devices").read_text().count(CARD[:-1]) == 2
    assert (root / f"sys/bus/pci/devices/{CARD}/driver").resolve().name == "amdgpu"
    assert "reboot before the machine's first start" in " ".join((done.out + done.err).split())
    assert "unless given: at every boot where amdgpu has it" in " ".join(on(root, "setup", "--help").out.split())
    assert step(root, "-y")["state"] == "done"


def test_setup_does_as_it_is_told(memory: Path) -> None:
    root = machine(memory)
    assert step(root, "-y", "--no-boot")["state"] == "skipped"
    assert not (root / "etc/vdesk/devices").exists()


def test_other_cards_are_the_hooks(memory: Path) -> None:
    root = machine(memory, "nouveau")
    assert step(root, "-y")["state"] == "skipped" and not (root / "etc/vdesk/devices").exists()


class Person:
    """Somebody who presses Enter at every question."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def text(self, question: str, default: str) -> str:
        return default

    def yes(self, question: str, default: bool = False) -> bool:
        return default

    def meant(self, answer: str) -> bool | None:
        return None


@pytest.mark.parametrize(("driver", "expected"), [("amdgpu", True), ("nouveau", False)])
def test_enter_takes_what_is_recommended(memory: Path, driver: str, expected: bool) -> None:
    scene = Scene(captured(str(machine(memory, driver))), Choices(gpu=CARD), lambda host: [], lambda host: [])
    person = Person()
    setup_ask.ask(scene, "boot", person)
    assert scene.choices.boot is expected
    assert any(WHY in each for each in person.said) is expected
