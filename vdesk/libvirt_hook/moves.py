"""Functions to vfio-pci and back: the writes, done in children, verified by the driver link."""

from __future__ import annotations

import errno
import time

from .identity import bound_at_boot
from .look import DEVICES, DISPLAY, VFIO, Fact, holders, named_holders
from .machine import PREPARE_SECONDS, WHOLE_SECONDS, Machine, Stuck, Trouble, in_child, named_process, still_there
from .state import State

PROBE = "sys/bus/pci/drivers_probe"
GRACE = 0.5  # a child that ends at its deadline is still heard
LATE = "late"

Writes = list[tuple[str, str]]


def driver_of(machine: Machine, fact: Fact) -> str:
    """The driver that has the function now, empty for none."""
    return machine.link(f"{DEVICES}/{fact['address']}/driver")


def taking(fact: Fact, now: str) -> Writes:
    """The writes that bring a function from the driver `now` to vfio-pci. The override is written before the unbind, so
    that nothing else can take it in between (Documentation/ABI/testing/sysfs-bus-pci). No D3cold meanwhile: some cards
    do not come back from it."""
    folder = f"{DEVICES}/{fact['address']}"
    found = [(f"{folder}/d3cold_allowed", "0")] if fact["d3cold"] else []
    if now == VFIO:
        return found
    found.append((f"{folder}/driver_override", f"{VFIO}\n"))
    if now:
        found.append((f"{folder}/driver/unbind", fact["address"]))
    return [*found, (PROBE, fact["address"])]


def giving(fact: Fact, now: str) -> Writes:
    """The writes that bring a function from the driver `now` to what it had. Its driver is named in the override for
    the probe: a vfio-pci that was loaded with ids= would take it back otherwise."""
    folder, was = f"{DEVICES}/{fact['address']}", fact["driver"]
    found = []
    if now != was:
        found.append((f"{folder}/driver_override", f"{was or 'none'}\n"))
        found += [(f"{folder}/driver/unbind", fact["address"])] if now else []
        found += [(PROBE, fact["address"])] if was else []
    if was != VFIO:
        found.append((f"{folder}/driver_override", f"{fact['override']}\n"))
    return found + ([(f"{folder}/d3cold_allowed", fact["d3cold"])] if fact["d3cold"] else [])


def _write(machine: Machine, path: str, text: str) -> None:
    try:
        machine.write(path, text)
    except OSError as error:
        gone = path.endswith("/unbind") and error.errno in (errno.ENOENT, errno.ENODEV)
        if not gone and not path.endswith("/d3cold_allowed"):
            raise


def _take_in_time(machine: Machine, fact: Fact, seconds: float) -> str:
    """The writes of `taking`. When one returns only after its time, nobody waits any more: the function goes back."""
    deadline = time.monotonic() + seconds

    def work() -> str:
        for path, text in taking(fact, driver_of(machine, fact)):
            _write(machine, path, text)
            if time.monotonic() > deadline:
                for each, word in giving(fact, driver_of(machine, fact)):
                    _write(machine, each, word)
                return LATE
        return ""

    return in_child(work, seconds + GRACE, f"taking {fact['address']} from {fact['driver'] or 'no driver'}")


def take(machine: Machine, state: State, fact: Fact) -> None:
    """One function to vfio-pci, verified: drivers_probe reports success also when nothing was bound."""
    address, was = fact["address"], fact["driver"]
    seconds = min(machine.patience, machine.left(PREPARE_SECONDS))
    try:
        late = _take_in_time(machine, fact, seconds) == LATE
    except Stuck as stuck:
        state.functions[address]["waits"] = named_process(stuck.child)
        state.save()
        who = named_holders(holders(machine, fact["nodes"].split())) or "which program holds it was not found"
        raise Trouble(
            f"{was or 'the kernel'} did not let go of {address} within {seconds:.0f} s: {who}. Close what uses the "
            f"device; it goes back by itself as soon as the kernel lets go (process {stuck.child} waits for that)"
        ) from None
    now = driver_of(machine, fact)
    if late:
        raise Trouble(f"{was or 'the kernel'} let go of {address} only after {seconds:.0f} s, and has it back")
    if now != VFIO:
        raise Trouble(
            f"{address} has {now or 'no driver'} after the probe, not {VFIO}: {VFIO} refused it, or is not loaded; "
            "see why with: journalctl -k -b | tail"
        )
    if was != VFIO:
        machine.say(f"{address}: {was or 'no driver'} -> {VFIO}")


def waiting(fact: Fact) -> str:
    """The pid of the child that still waits in the kernel for the function, empty when none does."""
    return still_there(fact.get("waits", ""))


def give(machine: Machine, fact: Fact, unloaded: bool) -> str:
    """One function to where it was; why it could not be, else empty. `unloaded`: its driver comes back later."""
    address, was, now = fact["address"], fact["driver"], driver_of(machine, fact)
    pid = waiting(fact)
    if pid:
        return f"{address} goes back to {was} by itself when the kernel lets go; process {pid} waits for that"
    if not machine.exists(f"{DEVICES}/{address}"):
        machine.say(f"{address} is not there any more")
        return ""
    if now not in (VFIO, was, ""):
        machine.say(f"{address}: somebody has given it to {now} meanwhile, so it stays there")
        return ""
    if now == VFIO != was and bound_at_boot(machine, fact):
        machine.say(f"{address}: bound at boot, so it stays on {VFIO}")
        return ""
    used = holders(machine, [f"dev/vfio/{fact['group']}"]) if now == VFIO != was else []
    if used:
        return f"{address} is in a running virtual machine: {named_holders(used)}"
    return _give_in_time(machine, fact, now, unloaded)


def _give_in_time(machine: Machine, fact: Fact, now: str, unloaded: bool) -> str:
    address, was = fact["address"], fact["driver"]

    def work() -> str:
        for path, text in giving(fact, now):
            _write(machine, path, text)
        return ""

    try:
        in_child(work, machine.left(WHOLE_SECONDS), f"giving {address} back to {was or 'no driver'}")
    except Trouble as error:
        return str(error)
    found = driver_of(machine, fact)
    if found != was and not unloaded:
        return f"{address} has {found or 'no driver'} instead of {was or 'none'}; see why with: journalctl -k -b | tail"
    if found != now:
        machine.say(f"{address}: {now or 'no driver'} -> {found or 'no driver'}")
    return ""


def probe(machine: Machine, fact: Fact) -> str:
    """Let the driver that has been loaded again take its function; why it did not, else empty."""
    if driver_of(machine, fact) != fact["driver"]:
        return _give_in_time(machine, fact, "", False)
    return ""


def is_gpu(fact: Fact) -> bool:
    """A display controller (PCI base class 03)."""
    return fact["class"].startswith(DISPLAY)
