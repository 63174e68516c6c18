"""boot.binding: whether what is bound at boot is bound, and why not."""

from __future__ import annotations

from typing import Any

from vdesk.at_boot.listed import LIST
from vdesk.at_boot.trial import ARMED, CONFIRMED, FAILED, SKIPPED, STATE, UNKNOWN, Trial
from vdesk.changes.drivers import boot_id
from vdesk.checks.machine import Machine
from vdesk.host import Host
from vdesk.initramfs.binding import listed, outdated, trial
from vdesk.initramfs.bound import ABSENT, BOOTED, BOUND, OTHER, rows
from vdesk.initramfs.builders import builder
from vdesk.model.errors import HostError
from vdesk.model.finding import INFO, OK, WARN, Finding, finding

NAME = "boot.binding"
LEFT_ALONE = {
    ABSENT: "no device is there",
    OTHER: "another device is there",
    BOOTED: "the machine has booted on the card there",
}


def findings(machine: Machine) -> list[Finding]:
    """The one finding; none where nothing is bound at boot."""
    try:
        found, state = rows(machine.host), trial(machine.host)
    except HostError:
        return []
    return [_judged(machine, found, state)] if found else []


def _judged(machine: Machine, found: list[dict[str, Any]], state: Trial) -> Finding:
    """The hardware first, then what the last boots have shown."""
    evidence = f"/{LIST}, /{STATE}: {state['phase']}"
    names = " ".join(row["address"] for row in found)
    moved = [row for row in found if row["state"] in LEFT_ALONE]
    if moved:
        gone = ", ".join(f"{row['address']} ({LEFT_ALONE[row['state']]})" for row in moved)
        title = f"not what was to be bound at boot, and so left alone: {gone}"
        cause = "cards were added, removed or moved, or the firmware numbers them otherwise now"
        each = " ".join(row["address"] for row in moved)
        remedy = f"sudo vdesk unbind {each} --boot; then bind the card at its new address: vdesk groups --gpu"
        return finding(NAME, WARN, title, cause=cause, remedy=remedy, evidence=evidence)
    why = state.get("reason") or UNKNOWN
    again = f"mend that, then try again with: sudo vdesk bind {names} --boot"
    if state["phase"] == FAILED:
        title = "binding at boot is off: the last boot with it was not a good one"
        return finding(NAME, WARN, title, cause=why, remedy=again, evidence=evidence)
    if state["phase"] == SKIPPED:
        title = "this boot left the binding out, since the one before was not a good one; the next one tries again"
        return finding(NAME, WARN, title, cause=why, remedy="reboot to try again, or " + again, evidence=evidence)
    return _other_files(machine.host, names) or _bound(machine, found, state, evidence)


def _other_files(host: Host, names: str) -> Finding | None:
    """Where the next boot may not hold the devices: another program builds the images, or another vdesk is here."""
    try:
        paths = outdated(host, listed(host))
    except HostError:
        return None
    if not paths:
        return None
    tool = builder(host)
    lacking = [path for path, _, _ in tool.files if path in paths and not host.exists(path)] if tool else []
    title = "the next boot may not hold back what is bound at boot: some of its files are missing, or others"
    cause = "they were changed, or written by another version of vdesk"
    if tool and lacking:
        title = f"{tool.name} builds the initramfs now, without the list of what is bound at boot"
        cause = f"another program built it when the devices were bound, or the files for {tool.name} were removed"
    remedy = f"write them and build the images again: sudo vdesk bind {names} --boot"
    evidence = ", ".join(f"/{path}" for path in (lacking or paths))
    return finding(NAME, WARN, title, cause=cause, remedy=remedy, evidence=evidence)


def _bound(machine: Machine, found: list[dict[str, Any]], state: Trial, evidence: str) -> Finding:
    names = ", ".join(row["address"] for row in found)
    free = [row for row in found if row["state"] != BOUND]
    here = state.get("boot") == boot_id(machine.host)
    if state["phase"] == ARMED and not (free and here):
        return finding(NAME, INFO, f"{names}: bound from the next boot on, which is a trial", evidence=evidence)
    if free:
        reasons = [f"{row['address']}: {state.get(row['address']) or 'given away since the boot'}" for row in free]
        title = f"to be bound at boot, and not on vfio-pci: {', '.join(row['address'] for row in free)}"
        off = "vdesk.off was on the kernel command line" if "vdesk.off" in _cmdline(machine) else "; ".join(reasons)
        remedy = f"sudo vdesk bind {' '.join(row['address'] for row in free)}; or reboot"
        return finding(NAME, WARN, title, cause=off, remedy=remedy, evidence=evidence)
    if state["phase"] == CONFIRMED:
        return finding(NAME, OK, f"bound at boot: {names}", evidence=evidence)
    title = f"{names}: bound in this boot on trial, not confirmed yet"
    if state.get("reason"):
        remedy = "connect a monitor to the card that the host keeps; without that, the next boot leaves the binding out"
        return finding(NAME, WARN, title, cause=state["reason"], remedy=remedy, evidence=evidence)
    return finding(NAME, INFO, title, evidence=evidence)


def _cmdline(machine: Machine) -> list[str]:
    return machine.host.text("proc/cmdline").split()
