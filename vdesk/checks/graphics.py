"""graphics.mode: tools that switch between graphics cards, own one of them, or take it off the bus (prime-select)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vdesk.checks.machine import Machine
from vdesk.host import display
from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.model.errors import Absent, HostError
from vdesk.model.finding import FAIL, INFO, OK, UNKNOWN, WARN, Finding, finding

NAME = "graphics.mode"
ORDER = (FAIL, WARN, UNKNOWN, INFO, OK)
RULES = ("etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
PRIME, SUSE_PRIME = "etc/prime-discrete", "etc/prime/current_type"
MODES = {"on": "nvidia", "on-demand": "on-demand"}
LEGACY = ("optimus-manager", "optirun", "bumblebeed")
NVIDIA = "10de"


class Seen(NamedTuple):
    """One tool or rule: how it stands, what it does, what helps, the file that says so."""

    level: str
    title: str
    cause: str
    remedy: str
    evidence: str


def findings(machine: Machine) -> list[Finding]:
    """The one finding: the worst of the tools, the others in its cause."""
    looks: tuple[Callable[[Machine], Iterator[Seen]], ...] = (
        _removed,
        _prime,
        _suse,
        _envycontrol,
        _supergfx,
        _system76,
        _legacy,
    )
    seen = sorted((each for look in looks for each in look(machine)), key=lambda each: ORDER.index(each.level))
    if not seen and not machine.has("etc"):
        return [
            machine.not_captured(NAME, "it could not be told whether a tool switches between graphics cards", "etc")
        ]
    if not seen:
        title = "no tool switches between the graphics cards"
        places = f"/{PRIME}, /etc/supergfxd.conf and the udev rules: none"
        return [finding(NAME, OK, title, evidence=places)]
    worst = seen[0]
    cause = "; ".join(dict.fromkeys(each.cause for each in seen if each.cause))
    evidence = "; ".join(each.evidence for each in seen)
    return [finding(NAME, worst.level, worst.title, cause=cause, remedy=worst.remedy, evidence=evidence)]


def _text(host: Host, path: str) -> str | None:
    """A small file's text, None when it is not there; HostError when it may not be read."""
    try:
        return host.read(path, 1 << 20)
    except Absent:
        return None


def _unreadable(machine: Machine, path: str, error: HostError) -> Seen:
    return Seen(UNKNOWN, f"/{path} could not be read", error.cause, machine.see_more, f"/{path}")


def _free_nvidia(machine: Machine) -> bool:
    return any(card.vendor == NVIDIA and not card.is_vfio for card in machine.gpus)


# --- rules that take a function off the bus: envycontrol, and NVIDIA's old advice on power


def _removed(machine: Machine) -> Iterator[Seen]:
    names: set[str] = set()
    for folder in RULES:
        try:
            found = machine.host.list(folder)
        except HostError as error:
            yield _unreadable(machine, folder, error)
            continue
        for name in found:
            if name.endswith(".rules") and name not in names:
                names.add(name)
                yield from _rules(machine, f"{folder}/{name}")


def _rules(machine: Machine, path: str) -> Iterator[Seen]:
    try:
        text = _text(machine.host, path) or ""
    except HostError as error:
        yield _unreadable(machine, path, error)
        return
    for number, line in enumerate(text.replace("\\\n", "  ").splitlines(), 1):
        if line.lstrip().startswith("#") or not re.search(r'ATTR\{remove\}\s*=\s*"1"', line):
            continue
        if vendor := re.search(r"0x(10de|1002|8086)\b", line):
            yield _removal(machine, vendor.group(1), line, f"/{path}:{number}")


def _removal(machine: Machine, vendor: str, line: str, place: str) -> Seen:
    whole = bool(re.search(r'ATTR\{class\}\s*==\s*"0x03', line)) or "ATTR{class}" not in line
    evidence = f"{place}: {printable(line.strip(), 160)}"
    back = "sudo envycontrol -s hybrid, then reboot; or take the rule's file away"
    if not whole:
        cause = "the card's audio or USB function is taken off the bus: a virtual machine cannot get it"
        return Seen(WARN, "a udev rule removes functions of a graphics card", cause, back, evidence)
    there = any(card.vendor == vendor for card in machine.gpus)
    cause = f"graphics cards of the vendor {vendor} are taken off the bus when they appear"
    return Seen(WARN if there else FAIL, "a udev rule removes a graphics card", cause, back, evidence)


# --- tools


def _prime(machine: Machine) -> Iterator[Seen]:
    """nvidia-prime of Ubuntu and Mint; the file tells the setting for the next boot."""
    if machine.host.which("prime-select") is None or machine.host.exists(SUSE_PRIME):
        return
    try:
        text = _text(machine.host, PRIME)
    except HostError as error:
        yield _unreadable(machine, PRIME, error)
        return
    if text is None:
        if _free_nvidia(machine):
            yield Seen(INFO, "prime-select is installed and no mode is set", "", "", f"/{PRIME} is not there")
        return
    mode = MODES.get(text.strip(), "intel")
    evidence = f"/{PRIME}: {printable(text.strip(), 40)}"
    if mode == "intel" or not _free_nvidia(machine):
        yield Seen(OK, f"prime-select: {mode}", "", "", evidence)
        return
    does = "the desktop is drawn on the NVIDIA card" if mode == "nvidia" else "the desktop keeps the NVIDIA card open"
    cause = f"in the mode {mode} {does}: it is not free for a virtual machine"
    yield Seen(WARN, f"prime-select: {mode}", cause, "sudo prime-select intel, then reboot", evidence)


def _suse(machine: Machine) -> Iterator[Seen]:
    try:
        text = _text(machine.host, SUSE_PRIME)
    except HostError as error:
        yield _unreadable(machine, SUSE_PRIME, error)
        return
    if text is None:
        return
    mode = printable(text.strip(), 40)
    evidence = f"/{SUSE_PRIME}: {mode}"
    if mode in ("nvidia", "offload") and _free_nvidia(machine):
        cause = f"in the mode {mode} the desktop uses the NVIDIA card"
        yield Seen(WARN, f"prime-select (SUSE): {mode}", cause, "sudo prime-select intel, then reboot", evidence)
    else:
        yield Seen(OK, f"prime-select (SUSE): {mode}", "", "", evidence)


def _envycontrol(machine: Machine) -> Iterator[Seen]:
    """What it has taken off the bus is told by its rules; here only that it is there."""
    if path := machine.host.which("envycontrol"):
        cause = "envycontrol -s integrated takes the card off the bus; its other modes leave it there"
        yield Seen(INFO, "envycontrol is installed", cause, "", f"{path} is there")


def _supergfx(machine: Machine) -> Iterator[Seen]:
    path = "etc/supergfxd.conf"
    try:
        text = _text(machine.host, path)
    except HostError as error:
        yield _unreadable(machine, path, error)
        return
    if text is None:
        return
    mode = re.search(r'"mode"\s*:\s*"(\w{1,20})"', text)
    shown = mode.group(1) if mode else "not told"
    cause = "supergfxd gives the card to a driver by itself, also to vfio-pci: two owners undo each other's work"
    remedy = (
        "let one do it: supergfxctl -m Hybrid, log out and in, sudo systemctl disable --now supergfxd, then "
        f"sudo vdesk bind {display.spare(machine.host, machine.devices)} --boot"
    )
    level = FAIL if shown == "Integrated" and not _has_dedicated(machine) else WARN
    yield Seen(level, f"supergfxd: {shown}", cause, remedy, f"/{path}: mode {shown}")


def _has_dedicated(machine: Machine) -> bool:
    return len(machine.gpus) > 1


def _system76(machine: Machine) -> Iterator[Seen]:
    path = "etc/modprobe.d/system76-power.conf"
    if machine.host.exists(path):
        cause = "system76-power chooses the drivers of the graphics cards at every boot"
        remedy = (
            "sudo system76-power graphics hybrid, reboot, then "
            f"sudo vdesk bind {display.spare(machine.host, machine.devices)} --boot (its mode "
            "integrated would take the card from virtual machines too)"
        )
        yield Seen(WARN, "system76-power sets the graphics mode", cause, remedy, f"/{path} is there")


def _legacy(machine: Machine) -> Iterator[Seen]:
    for name in LEGACY:
        if path := machine.host.which(name):
            cause = f"{name} switches cards and drivers by itself"
            yield Seen(WARN, f"{name} is installed", cause, f"remove {name}", f"{path} is there")
