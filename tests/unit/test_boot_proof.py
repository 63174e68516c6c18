"""The proof that a boot was a good one: its goal, its picture, and what is written down."""

from __future__ import annotations

import os
from pathlib import Path

from tests.kernel.booted import LIST, OURS, PORT, before_boot, confirm, next_boot, state
from tests.kernel.hooked import CARD, DISK, SOUND, ModelMachine, hangs, machine, put, small
from tests.kernel.pieces import place
from tests.machines.parts import Link, Tree
from vdesk.at_boot import deciding, proving
from vdesk.at_boot.listed import Listed, written
from vdesk.at_boot.proving import desktop, goal_of, picture

STATE = "var/lib/vdesk/boot/state"
CONNECTOR = f"{place(DISK)}/drm/card0/card0-HDMI-A-1/status"

SYSTEMCTL = """#!/bin/sh
case "$*" in
get-default) echo {default} ;;
"is-active {goal}") echo {state}; [ {state} = active ] ;;
*) exit 3 ;;
esac
"""


def tree_with(default: str, goal: str, active: str, more: Tree | None = None) -> Tree:
    tree = before_boot() | {"usr/sbin/systemctl": SYSTEMCTL.format(default=default, goal=goal, state=active)}
    return tree | (more or {})


def connector(status: str) -> Tree:
    return {CONNECTOR: f"{status}\n", "sys/class/drm/card0-HDMI-A-1": Link(f"../../../{os.path.dirname(CONNECTOR)}")}


def desktop_of(memory: Path, default: str, goal: str, active: str, manager: bool) -> str:
    link: Tree = {"etc/systemd/system/display-manager.service": Link("/usr/lib/systemd/system/gdm3.service")}
    return desktop(ModelMachine(put(tree_with(default, goal, active, link if manager else {}), memory)))


def test_the_goal_of_a_boot(memory: Path) -> None:
    cases = {
        ("graphical.target", "display-manager.service", "active", True): "",
        ("graphical.target", "display-manager.service", "failed", True): "display-manager.service is not active",
        ("graphical.target", "multi-user.target", "active", True): "display-manager.service is not active",
        ("graphical.target", "multi-user.target", "active", False): "",
        ("multi-user.target", "multi-user.target", "active", True): "",
        ("multi-user.target", "multi-user.target", "inactive", False): "multi-user.target is not active",
    }
    for number, (case, said) in enumerate(cases.items()):
        assert desktop_of(memory / str(number), *case) == said, case


def test_pictures(memory: Path) -> None:
    """A monitor on a card of the host; without any connector, the firmware's own card."""
    vga: Tree = {f"{place(CARD, PORT)}/boot_vga": "1\n"}
    nvidia: Tree = {f"{place(CARD, PORT)}/driver": small("nvidia")[f"{place(CARD, PORT)}/driver"]}
    vfio: Tree = {f"{place(CARD, PORT)}/driver": small("vfio-pci")[f"{place(CARD, PORT)}/driver"]}
    cases: dict[str, tuple[Tree, str]] = {
        "a monitor": (connector("connected"), ""),
        "none": (connector("disconnected"), "no monitor is connected to what the host has left: card0-HDMI-A-1"),
        "none, and the firmware's card is the host's": (connector("disconnected") | vga, "no monitor"),
        "no driver": (vga, ""),
        "no card": ({}, "no graphics card is left"),
        "the firmware's card is away": (vga | vfio, "no graphics card is left"),
        "nvidia without connectors": (connector("disconnected") | nvidia, ""),
    }
    for number, (name, (tree, said)) in enumerate(cases.items()):
        found = picture(ModelMachine(put(before_boot() | tree, memory / str(number))))
        assert found.startswith(said) if said else not found, name


def prove(at: ModelMachine, **more: float) -> None:
    proving.prove(at, every=0.01, told=0.05, **{"longest": 1.0, **more})


def good(memory: Path, devices: str = LIST) -> ModelMachine:
    return machine(
        memory, tree_with("multi-user.target", "multi-user.target", "active", {"etc/vdesk/devices": devices})
    )


def test_confirmed(memory: Path) -> None:
    at = machine(memory, tree_with("multi-user.target", "multi-user.target", "active") | connector("connected"))
    deciding.decide(at)
    prove(at, longest=20.0)
    assert (state(at)["phase"], state(at)["proven"]) == ("confirmed", "yes") and "reason" not in state(at)


def test_not_confirmed_without_a_picture(memory: Path) -> None:
    at = good(memory)
    deciding.decide(at)
    prove(at)
    assert (state(at)["phase"], state(at)["reason"]) == ("trying", "no graphics card is left to the host")
    assert next_boot(at, 2) == "failed" and state(at)["reason"] == "no graphics card is left to the host"


def test_a_machine_that_never_had_a_picture(memory: Path) -> None:
    at = good(memory, written([Listed(CARD, OURS), Listed(SOUND, OURS)], False))
    deciding.decide(at)
    prove(at, longest=20.0)
    assert state(at)["phase"] == "confirmed"


DESKTOP: Tree = {"etc/systemd/system/display-manager.service": Link("/usr/lib/systemd/system/gdm3.service")}


def test_the_words_of_a_boot(memory: Path) -> None:
    """The last one counts, and the kernel's other words are none."""
    words = {
        "ro quiet": ("display-manager.service", True),
        "ro 3": ("multi-user.target", False),
        "2 quiet": ("multi-user.target", False),
        "ro systemd.unit=multi-user.target": ("multi-user.target", False),
        "ro systemd.unit=other.target": ("multi-user.target", False),
        "3 systemd.unit=graphical.target": ("display-manager.service", True),
        "systemd.unit=multi-user.target 5": ("display-manager.service", True),
        "3= loglevel=3 rd.systemd.unit=x.target systemd.unit=": ("display-manager.service", True),
    }
    for number, (line, goal) in enumerate(words.items()):
        more: Tree = {**DESKTOP, "proc/cmdline": f"{line}\n"}
        at = ModelMachine(put(tree_with("graphical.target", "x", "active", more), memory / str(number)))
        assert goal_of(at) == goal, line
    more = {**DESKTOP, "proc/cmdline": "5\n"}
    at = ModelMachine(put(tree_with("multi-user.target", "x", "active", more), memory / "five"))
    assert goal_of(at) == ("display-manager.service", True)
    at = ModelMachine(put(tree_with("graphical.target", "x", "active", {"proc/cmdline": "3\n"}), memory / "none"))
    assert goal_of(at) == ("multi-user.target", True), "there is no desktop that it could have reached"


def test_a_boot_to_text_is_no_failed_trial(memory: Path) -> None:
    """And no confirmed one: the desktop is still to be seen. A list that is proven stays so."""
    tree = tree_with("graphical.target", "multi-user.target", "active", DESKTOP | connector("connected"))
    at = machine(memory, tree)
    assert next_boot(at, 2, "ro 3") == "trying"
    prove(at, longest=20.0)
    assert state(at)["phase"] == "armed" and "proven" not in state(at) and "reason" not in state(at)
    assert next_boot(at, 3, "ro 3") == "trying"
    confirm(at)
    assert next_boot(at, 4, "systemd.unit=multi-user.target") == "trying"
    prove(at, longest=20.0)
    assert state(at)["phase"] == "confirmed"
    assert next_boot(at, 5) == "trying" and next_boot(at, 6) == "skipped"
    assert next_boot(at, 7, "3") == "trying"
    prove(at, longest=20.0)
    assert state(at)["phase"] == "armed", "the failure before is not forgiven"
    assert next_boot(at, 8) == "trying" and next_boot(at, 9) == "failed"


def test_a_boot_to_text_without_a_picture(memory: Path) -> None:
    """Nobody could read it: that is a failed trial all the same."""
    at = machine(memory, tree_with("graphical.target", "multi-user.target", "active", DESKTOP))
    assert next_boot(at, 2, "ro 3") == "trying"
    prove(at)
    assert next_boot(at, 3) == "failed"


def test_nothing_to_prove(memory: Path) -> None:
    """A boot that bound nothing on trial is not confirmed, whatever it shows."""
    at = machine(memory, tree_with("multi-user.target", "multi-user.target", "active") | connector("connected"))
    assert next_boot(at, 2, "vdesk.off") == ""
    prove(at)
    assert not at.exists(STATE)


def test_a_list_that_asks_for_no_picture(memory: Path) -> None:
    """It keeps no card: multi-user.target proves it, whatever becomes of a display manager."""
    tree = tree_with("graphical.target", "multi-user.target", "active", DESKTOP)
    at = machine(memory, tree | {"etc/vdesk/devices": written([Listed(CARD, OURS), Listed(SOUND, OURS)], False)})
    assert next_boot(at, 2) == "trying"
    prove(at)
    assert state(at)["phase"] == "confirmed"


def test_a_driver_that_hung_is_no_good_boot(memory: Path) -> None:
    """Whatever the desktop shows."""
    tree = tree_with("multi-user.target", "multi-user.target", "active", connector("connected"))
    at = machine(memory, tree, **{f"at_{CARD}__driver_override": hangs(3)})
    at.patience = 0.5
    deciding.decide(at)
    proving.prove(at, 0.01, 0.01, 1.0)
    assert state(at)["phase"] == "trying" and "did not return" in state(at)["reason"]
