"""The text console and the boot's framebuffer: off the cards that are taken, and back onto them.

Documentation/driver-api/console.rst, drivers/firmware/sysfb.c. fbcon writes to the first framebuffer there is."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Sequence

from .domain import ADDRESS
from .look import DEVICES, DISPLAY, VFIO, Fact
from .machine import PREPARE_SECONDS, WHOLE_SECONDS, Machine, Trouble, in_child
from .state import CONSOLE, FRAMEBUFFER, State

CONSOLES = "sys/class/vtconsole"
GRAPHICS = "sys/class/graphics"
PLATFORM = "sys/bus/platform"
ON_FRAMEBUFFER = "frame buffer device"
RESOURCES = ("BOOTFB", "efifb", "simplefb", "simpledrm", "vesafb")  # their names in /proc/iomem
SWITCH_SECONDS = 5.0


def note_pictures(machine: Machine, facts: list[Fact]) -> list[Fact]:
    """The facts, each card's with what it carries: `console` (`vtcon0`), `elsewhere` (not empty: another card has a
    framebuffer for the console), `framebuffers`. A console's state is told under its lock: call it in a child."""
    cards = {fact["address"]: fact for fact in facts if fact["class"].startswith(DISPLAY) and fact["driver"] != VFIO}
    boot = _boot_framebuffers(machine) if cards else {}
    for name, address in boot.items():
        if address in cards:
            mine = f"{name} {machine.link(f'{PLATFORM}/devices/{name}/driver')}"
            cards[address]["framebuffers"] = f"{cards[address].get('framebuffers', '')} {mine}".strip()
    names = [name for name in machine.names(GRAPHICS) if re.fullmatch(r"fb\d+", name)] if cards else []
    first_boot = next(iter(boot.values()), "")
    shown = [_on_card(machine, f"{GRAPHICS}/{name}") or first_boot for name in sorted(names, key=lambda n: int(n[2:]))]
    if shown and shown[0] in cards:
        bound = [name for name in console_names(machine) if machine.text(f"{CONSOLES}/{name}/bind") == "1"]
        cards[shown[0]]["console"] = next(iter(bound), "")
        cards[shown[0]]["elsewhere"] = next((each for each in shown if each and each not in cards), "")
    return facts


def console_names(machine: Machine) -> list[str]:
    """The console drivers that write to framebuffers."""
    names = [name for name in machine.names(CONSOLES) if CONSOLE.fullmatch(name)]
    return [name for name in names if ON_FRAMEBUFFER in machine.text(f"{CONSOLES}/{name}/name")]


def _boot_framebuffers(machine: Machine) -> dict[str, str]:
    """The platform devices of the firmware's framebuffers that a driver has, and the cards they are on."""
    found = {}
    for name in machine.names(f"{PLATFORM}/devices"):
        path = f"{PLATFORM}/devices/{name}"
        if FRAMEBUFFER.fullmatch(f"{name} {machine.link(f'{path}/driver')}"):
            found[name] = _on_card(machine, path) or _by_memory(machine) or _booted_on(machine)
    return found


def _on_card(machine: Machine, path: str) -> str:
    """The last PCI function on the way to something in sysfs; kernels from 6.9 on put a framebuffer below its card."""
    parts = os.path.realpath(machine.place(path)).split("/")
    return next((part for part in reversed(parts) if ADDRESS.fullmatch(part)), "")


def _by_memory(machine: Machine) -> str:
    """The function whose BAR holds the framebuffer's memory (/proc/iomem, nested by two blanks)."""
    nested: list[str] = []
    for line in machine.text("proc/iomem").splitlines():
        nested = [*nested[: (len(line) - len(line.lstrip(" "))) // 2], line.partition(" : ")[2].strip()]
        if nested[-1] in RESOURCES:
            return next((each for each in reversed(nested) if ADDRESS.fullmatch(each)), "")
    return ""


def _booted_on(machine: Machine) -> str:
    return next((name for name in machine.names(DEVICES) if machine.text(f"{DEVICES}/{name}/boot_vga") == "1"), "")


def plan_pictures(state: State, moving: Sequence[Fact]) -> None:
    """Note in the state what leaves the cards, with what an earlier prepare has let go and nobody gave back."""
    for fact in moving:
        words = fact.get("framebuffers", "").split()
        for each in [" ".join(words[number : number + 2]) for number in range(0, len(words) - 1, 2)]:
            state.framebuffers += [each] if each not in state.framebuffers else []
        name = fact.get("console", "")
        state.consoles += [name] if name and name not in state.consoles else []


def release_pictures(machine: Machine, state: State) -> None:
    """Consoles and framebuffers off; Trouble when one does not go."""
    for name in state.consoles:
        if machine.exists(f"{CONSOLES}/{name}"):
            path = f"{CONSOLES}/{name}/bind"
            _switch(machine, path, "0", PREPARE_SECONDS, (path, "1"))
            machine.say(f"{name}: the text console has let go of its framebuffer")
    for each in state.framebuffers:
        device, _, driver = each.partition(" ")
        if machine.link(f"{PLATFORM}/devices/{device}/driver") == driver:
            path = f"{PLATFORM}/drivers/{driver}"
            _switch(machine, f"{path}/unbind", device, PREPARE_SECONDS, (f"{path}/bind", device))
            machine.say(f"{device}: {driver} -> no driver")


def go_on(machine: Machine, moving: Sequence[Fact]) -> None:
    """Let the console go on where another card has a framebuffer for it."""
    for fact in moving:
        if fact.get("console") and fact.get("elsewhere"):
            machine.say("; ".join(_console_back(machine, fact["console"], PREPARE_SECONDS)) or "the console goes on")


def return_pictures(machine: Machine, state: State) -> list[str]:
    """Framebuffers and consoles back; what did not work, in sentences, stays in the state. A framebuffer whose device
    the kernel has removed is there again after a boot, and a console comes by itself with its card's driver."""
    wrong = []
    for each in list(state.framebuffers):
        device, _, driver = each.partition(" ")
        path = f"{PLATFORM}/devices/{device}"
        if not machine.exists(path):
            machine.say(f"{device}: the kernel has taken the boot framebuffer away until the next boot")
        elif not machine.link(f"{path}/driver"):
            try:
                _switch(machine, f"{PLATFORM}/drivers/{driver}/bind", device, WHOLE_SECONDS)
            except Trouble as error:
                wrong.append(str(error))
                continue
        state.framebuffers.remove(each)
    for name in list(state.consoles):
        problems = _console_back(machine, name, WHOLE_SECONDS)
        wrong += problems
        if not problems:
            state.consoles.remove(name)
    return wrong


def _console_back(machine: Machine, name: str, until: float) -> list[str]:
    """The kernel may have brought the driver back under another number."""
    found = console_names(machine)
    there = name if name in found else next(iter(found), "")
    try:
        if there:
            _switch(machine, f"{CONSOLES}/{there}/bind", "1", until)
    except Trouble as error:
        return [str(error)]
    return []


def _switch(machine: Machine, path: str, text: str, until: float, late: tuple[str, str] = ("", "")) -> None:
    """One write in a child; `late` follows when it returns after its time, everything else being back by then. ENODEV
    and EBUSY on the way back: a graphics driver shows its own picture there."""
    seconds = min(SWITCH_SECONDS, machine.patience, machine.left(until))
    deadline = time.monotonic() + seconds

    def work() -> str:
        try:
            machine.write(path, text)
            if late[0] and time.monotonic() > deadline:
                machine.write(*late)
        except OSError as error:
            if error.errno not in (errno.ENODEV, errno.ENOENT, errno.EBUSY):
                raise
        return ""

    in_child(work, seconds, f"writing {text} to /{path}")
