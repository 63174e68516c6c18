"""What the host uses of a USB device in a way that a safety rule refuses: as `claims` does it for PCI functions, and by
the same rules. A device that is given away is taken from its drivers at the start, whatever they are doing."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.host import inputs, network, storage
from vdesk.host.claims import (
    AS_ROOT,
    HOST_NETWORK,
    LAST_INPUT,
    ROOT_DISK,
    UNREADABLE,
    disk_words,
    network_words,
)
from vdesk.host.host import Host
from vdesk.host.untold import untold_usb
from vdesk.host.usb import UsbDevice
from vdesk.model.address import Address
from vdesk.model.record import Record


class UsbClaim(Record):
    """The host's claim on a USB device: the rule that keeps it, why, what helps, and the file it rests on."""

    rule: str
    device: UsbDevice
    reason: str
    remedy: str
    evidence: str


def usb_claims(host: Host, devices: Sequence[UsbDevice], functions: frozenset[Address]) -> list[UsbClaim]:
    """Every claim on the devices, were they taken together, and together with the PCI functions."""
    if not devices:
        return []
    used, routes = storage.uses(host), network.routes(host)
    found: list[UsbClaim] = []
    for device in devices:
        disks = [use for use in used if any(map(device.carries, use.folders))]
        over = [route for route in routes if any(map(device.carries, route.folders))]
        found += [UsbClaim(ROOT_DISK, device, *disk_words(disks))] if disks else []
        found += [UsbClaim(HOST_NETWORK, device, *network_words(over[0]))] if over else []
        for rule, what, path in untold_usb(host, device):
            found.append(UsbClaim(rule, device, UNREADABLE.format(what=what, path=path), AS_ROOT, f"/{path}"))
    for use, given, device in inputs.last_usb(host, devices, functions):
        reason = f"it is {given.name}, and the host has no other {use}"
        remedy = f"plug in another {use} first, share it with --evdev, or reach the machine by network (ssh)"
        found.append(UsbClaim(LAST_INPUT, device, reason, remedy, f"/{inputs.DEVICES}: {given.sysfs}"))
    return found
