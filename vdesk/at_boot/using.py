"""What this machine uses of a function that was not held back, so that its driver has it by now."""

from __future__ import annotations

import os

from ..libvirt_hook.machine import Machine, in_child
from .listed import DEVICES
from .moving import VFIO, driver_of


def in_use(machine: Machine, address: str) -> str:
    """Why a function stays with this machine, empty where it may go: a disk on it is in use, such as one on a USB
    controller, which no initramfs holds back. Raises Stuck and Trouble."""
    if driver_of(machine, address) in ("", VFIO):
        return ""
    return in_child(lambda: _used(machine, address), machine.patience, f"looking for disks on {address}")


def _used(machine: Machine, address: str) -> str:
    for place, _, _ in os.walk(os.path.realpath(machine.place(f"{DEVICES}/{address}"))):
        told = machine.text(f"{os.path.relpath(place, machine.root or '/')}/uevent").splitlines()
        name = next((line.removeprefix("DEVNAME=") for line in told if line.startswith("DEVNAME=")), "")
        why = machine.disk_in_use(f"dev/{name}") if name and "DEVTYPE=disk" in told else ""
        if why:
            return f"the disk /dev/{name} on it {why}"
    return ""
