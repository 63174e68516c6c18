"""The USB devices of a machine: a definition names them by their ids, so libvirt has to find exactly one of each at the
start. None is no hindrance (startupPolicy), two are: `Multiple USB devices for 46d:c31c, use <address> to specify one`
(src/hypervisor/virhostdev.c, virHostdevFindUSBDevice)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vdesk.host import Host
from vdesk.host.usb import UsbDevice, usb_devices
from vdesk.model.errors import Problem, WrongUsage, problem
from vdesk.vm.spec import Usb

UNPLUGGED = (
    "The USB device {ids} is not plugged in: the machine starts without it, and gets it at the next start that finds it"
    " plugged in."
)
WITH_CONTROLLER = "give a whole USB controller with what is plugged into it: --device ADDR (vdesk groups --usb)"
WITH_ADDRESS = "write an <address> into its <source>, beside its ids: virsh edit {name}"


class Plugged(NamedTuple):
    """The host's devices that are meant, and what is not plugged in; both empty where the host has no such list."""

    devices: tuple[UsbDevice, ...]
    missing: tuple[Usb, ...]


def plugged(host: Host, asked: Sequence[Usb]) -> Plugged:
    """Which of the host's devices the ids mean; WrongUsage for ids that more than one has."""
    there = usb_devices(host) if asked else []
    if not there:
        return Plugged((), ())
    found: list[UsbDevice] = []
    missing: list[Usb] = []
    several: list[Problem] = []
    for usb in asked:
        same = having(there, f"{usb.vendor}:{usb.product}")
        found += same
        if not same:
            missing.append(usb)
        elif len(same) > 1:
            several.append(twins(same, WITH_CONTROLLER))
    if several:
        raise WrongUsage(*several)
    return Plugged(tuple(found), tuple(missing))


def having(there: Iterable[UsbDevice], ids: str) -> list[UsbDevice]:
    """The devices with these ids, by port."""
    return [each for each in there if each.ids == ids]


def twins(same: Sequence[UsbDevice], instead: str) -> Problem:
    """Several devices with the same ids: which is meant would be libvirt's guess, and it does not guess."""
    first = same[0]
    places = ", ".join(each.port for each in same)
    return problem(
        "vm.which-usb",
        f"{len(same)} USB devices are {first.ids} {first.name}: on the ports {places}",
        "the ids have to mean one device when the virtual machine starts, or libvirt refuses to start it",
        f"unplug the others; or {instead}",
    )
