"""Early in a boot: whether this one binds the listed devices, and binding them."""

from __future__ import annotations

import sys

from ..libvirt_hook.machine import Machine, Stuck, Trouble, run
from .listed import LIST, Listed, digest, parse
from .moving import LOAD_SECONDS, VFIO, bind, held, let_go
from .trial import TRYING, Trial, after, load, save
from .using import in_use

WITHOUT = (
    "vdesk.off",
    *("single", "s", "S", "1", "rescue", "emergency", "-b", "recovery"),
    *("systemd.unit=rescue.target", "systemd.unit=emergency.target"),
)
"""Words of the kernel command line with which nothing is held or bound, for that boot."""


def say(text: str) -> None:
    """One line to the journal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def boot_of(machine: Machine) -> str:
    """The kernel's id of this boot."""
    return machine.text("proc/sys/kernel/random/boot_id")


def decide(machine: Machine) -> None:
    """Bind what is listed, if this boot is to; let go of everything else that was held back."""
    text = machine.text(LIST)
    found = parse(text)
    known = {each.address for each in found}
    _let_go(machine, [each for each in held(machine) if each not in known])
    word = next((each for each in machine.text("proc/cmdline").split() if each in WITHOUT), "")
    if not found or word:
        say(f"nothing is bound in this boot: {word} on the kernel command line" if word else "the list is empty")
        _let_go(machine, held(machine))
        return
    boot = boot_of(machine)
    before = load(machine, digest(text))
    if before.get("boot") == boot and boot:
        return  # decided already: the unit was started again
    now = after(before, boot)
    if now["phase"] != TRYING:
        say(f"nothing is bound in this boot: {now.get('reason', now['phase'])}")
        _noted(machine, now)
    elif _bind(machine, found, before, now):
        return
    _let_go(machine, held(machine))


def _bind(machine: Machine, found: list[Listed], before: Trial, now: Trial) -> bool:
    """Bind, after the attempt is on the disk; False when nothing could be. A driver that hangs makes the boot a bad
    one: the next is without, and nothing is asked of its function any more (its override is told under its lock)."""
    try:
        save(machine, now)
    except OSError as error:
        say(f"nothing is bound in this boot: the attempt could not be written down: {error}")
        return False
    try:
        run(machine, ["modprobe", VFIO], LOAD_SECONDS)
    except Trouble as error:
        say(f"{VFIO} could not be loaded: {error}")
    for each in found:
        try:
            why = _taken(machine, each)
        except Stuck as error:
            why = str(error)
            now["stuck"], now["reason"] = "yes", f"{each.address}: {why}"
        now[each.address] = why or "bound"
        say(f"{each.address}: {why or 'bound to vfio-pci'}")
    bound = "stuck" in now or any(now[each.address] == "bound" for each in found)
    if not bound:  # no fault of the boot: what is wrong is with the devices, so the next one may try again
        now = {**now, "phase": before["phase"]}
    _noted(machine, now)
    return bound


def _taken(machine: Machine, each: Listed) -> str:
    """Bind a function, if this machine can do without it; why not, else empty."""
    try:
        used = in_use(machine, each.address)
    except Stuck:
        raise
    except Trouble as error:
        used = str(error)
    return used or bind(machine, each)


def _noted(machine: Machine, now: Trial) -> None:
    try:
        save(machine, now)
    except OSError as error:
        say(f"it could not be written down: {error}")


def _let_go(machine: Machine, addresses: list[str]) -> None:
    for address in addresses:
        why = let_go(machine, address)
        say(f"{address}: {why or 'goes to the driver that the kernel has for it'}")
