"""Functions at boot: held back from every driver, given to vfio-pci, or let go. Each write in a child with a limit."""

from __future__ import annotations

import contextlib

from ..libvirt_hook.machine import Machine, Stuck, Trouble, in_child, run
from .listed import BOOT_DISPLAY, DEVICES, Listed

VFIO = "vfio-pci"
HOLD = "vdesk-hold"
"""A driver override that no driver has: the function stays without one, and the firmware's picture on it stays."""
PROBE = "sys/bus/pci/drivers_probe"
LOAD_SECONDS = 20.0


def driver_of(machine: Machine, address: str) -> str:
    """The driver that has the function, empty for none."""
    return machine.link(f"{DEVICES}/{address}/driver")


def identity(machine: Machine, address: str) -> str:
    """`vendor:device subvendor:subdevice` of what is there, empty when nothing is."""
    folder = f"{DEVICES}/{address}"
    names = ("vendor", "device", "subsystem_vendor", "subsystem_device")
    parts = [machine.text(f"{folder}/{name}").removeprefix("0x") for name in names]
    return f"{parts[0]}:{parts[1]} {parts[2]}:{parts[3]}" if parts[0] else ""


def boots_on(machine: Machine, address: str) -> bool:
    """Whether the machine has booted on the card that the function is of (boot_vga, pci-sysfs)."""
    slot = address.rpartition(".")[0]
    return any(machine.text(f"{DEVICES}/{slot}.{number}/boot_vga") == "1" for number in range(8))


def held(machine: Machine) -> list[str]:
    """The functions that were held back in this boot and still are."""
    every = machine.names(DEVICES)
    return [each for each in every if machine.text(f"{DEVICES}/{each}/driver_override") == HOLD]


def let_go(machine: Machine, address: str) -> str:
    """Let a function that is held go to the driver that the kernel has for it; why that failed, else empty.

    Its module may not be loaded: nothing asks for one again after the device's event (modules.alias)."""
    folder = f"{DEVICES}/{address}"

    def work() -> str:
        machine.write(f"{folder}/driver_override", "\n")
        return ""

    def probe() -> str:
        machine.write(PROBE, address)
        return ""

    try:
        in_child(work, machine.patience, f"letting {address} go")
        if not driver_of(machine, address):
            with contextlib.suppress(Trouble):
                run(machine, ["modprobe", "-q", "--", machine.text(f"{folder}/modalias")], LOAD_SECONDS)
        if not driver_of(machine, address):
            in_child(probe, machine.patience, f"probing {address}")
    except Trouble as error:
        return str(error)
    return ""


def _another(machine: Machine, listed: Listed) -> str:
    """What is at the address in the place of the device that was listed, empty when it is that one."""
    address = listed.address
    there = identity(machine, address)
    if there != listed.identity:
        return f"another device is there now: {there}, not {listed.identity}" if there else "no device is there"
    if listed.mark == BOOT_DISPLAY or not boots_on(machine, address):
        return ""
    if machine.text(f"{DEVICES}/{address}/driver_override") == HOLD:
        let_go(machine, address)
    return "the machine has booted on this card, and had not when it was listed: an equal one may have moved here"


def bind(machine: Machine, listed: Listed) -> str:
    """Give a function to vfio-pci; why not, else empty. What cannot be bound is let go; Stuck where the kernel does not
    return.

    Equal cards have equal identities: where a card was put in, and the desktop's has moved to the address of the one
    that was listed, it is the machine's boot display that tells.

    The override comes before the unbind, so that no other driver takes it in between; drivers_probe reports success
    also when nothing was bound, so the link is read (Documentation/ABI/testing/sysfs-bus-pci)."""
    address = listed.address
    folder, was = f"{DEVICES}/{address}", driver_of(machine, address)
    if why := _another(machine, listed):
        return why

    def work() -> str:
        if machine.exists(f"{folder}/d3cold_allowed"):
            with contextlib.suppress(OSError):
                machine.write(f"{folder}/d3cold_allowed", "0")
        machine.write(f"{folder}/driver_override", f"{VFIO}\n")
        if was not in ("", VFIO):
            machine.write(f"{folder}/driver/unbind", address)
        if was != VFIO:
            machine.write(PROBE, address)
        return ""

    try:
        in_child(work, machine.patience, f"taking it from {was or 'no driver'}")
    except Stuck:
        raise  # whatever is written to it next would wait too
    except Trouble as error:
        let_go(machine, address)
        return str(error)
    now = driver_of(machine, address)
    if now == VFIO:
        return ""
    let_go(machine, address)
    return f"{VFIO} did not take it; see why with: journalctl -k -b | grep {address}"
