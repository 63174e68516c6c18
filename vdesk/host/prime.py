"""Which program chooses between the graphics cards of this machine, and what it is set to (not what is so now)."""

from __future__ import annotations

import re
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.model.errors import Absent, HostError

PROGRAM = "prime-select"
MODES = ("intel", "nvidia", "on-demand")
CHOICE = "etc/prime-discrete"
SUSE = "etc/prime"
# What nvidia-prime writes besides; undo gives these files back as they were.
WRITTEN = (
    CHOICE,
    "lib/modprobe.d/blacklist-nvidia.conf",
    "lib/modprobe.d/nvidia-runtimepm.conf",
    "lib/modprobe.d/nvidia-kms.conf",
    "etc/modprobe.d/blacklist-nvidia.conf",
)
SUSE_MODES = {"on-demand": "offload"}
HYBRID = "hybrid"
"""What the others call a mode that leaves the card on the bus. Their `integrated` takes it off, or its power: what a
virtual machine is to have is no more there then, so it is never named as a way to keep the desktop off the card."""


class Manager(NamedTuple):
    """A program that chooses: its name, how it is set where that can be told, and the command that sets a mode.

    `keeps_off`: whether its `intel` keeps the desktop off the card by itself; else a binding at boot has to."""

    name: str
    mode: str | None
    commands: dict[str, str]
    keeps_off: bool = False


def is_suse(host: Host) -> bool:
    """Whether the program of that name is SUSE's, which knows other words (suse-prime)."""
    return host.exists(SUSE) and not host.exists(CHOICE)


def is_there(host: Host) -> bool:
    """Whether nvidia-prime's program is installed."""
    return host.which(PROGRAM) is not None and not is_suse(host)


def mode(host: Host) -> str | None:
    """The mode for the next boot; None when none was ever chosen. The file is asked where the program has no answer:
    `on` is nvidia, `on-demand` is itself, anything else intel."""
    try:
        found = host.run([PROGRAM, "query"], timeout=20.0)
        word = found.stdout.strip()
        if found.exit_code == 0 and word in MODES:
            return word
    except HostError:
        pass
    try:
        text = host.read(CHOICE, 4096).strip()
    except Absent:
        return None
    return {"on": "nvidia", "on-demand": "on-demand"}.get(text, "intel")


def others(host: Host) -> list[Manager]:
    """The other programs of that kind that are installed, with the words that they know."""
    return [each for look in (_suse, _envycontrol, _supergfx, _system76) for each in look(host)]


def _suse(host: Host) -> list[Manager]:
    if not is_suse(host):
        return []
    commands = {each: f"sudo {PROGRAM} {SUSE_MODES.get(each, each)}" for each in MODES}
    return [Manager("prime-select of SUSE", _word(host.text(f"{SUSE}/current_type")), commands, True)]


def _envycontrol(host: Host) -> list[Manager]:
    words = {"intel": HYBRID, "nvidia": "nvidia", "on-demand": HYBRID}
    commands = {each: f"sudo envycontrol -s {word}" for each, word in words.items()}
    if host.which("envycontrol") is None:
        return []
    removed = host.exists("etc/udev/rules.d/50-remove-nvidia.rules")
    return [Manager("envycontrol", "integrated" if removed else None, commands)]


def _supergfx(host: Host) -> list[Manager]:
    text = host.text("etc/supergfxd.conf")
    if not text and host.which("supergfxctl") is None:
        return []
    found = re.search(r'"mode"\s*:\s*"(\w{1,20})"', text)
    words = {"intel": "Hybrid", "on-demand": "Hybrid", "nvidia": "AsusMuxDgpu"}
    commands = {each: f"supergfxctl -m {word}" for each, word in words.items()}
    return [Manager("supergfxctl", found.group(1) if found else None, commands)]


def _system76(host: Host) -> list[Manager]:
    if host.which("system76-power") is None and not host.exists("etc/modprobe.d/system76-power.conf"):
        return []
    words = {"intel": HYBRID, "nvidia": "nvidia", "on-demand": HYBRID}
    return [Manager("system76-power", None, {each: f"sudo system76-power graphics {words[each]}" for each in MODES})]


def _word(text: str) -> str | None:
    word = text.strip()[:40]
    return word if re.fullmatch(r"[\w-]+", word) else None
