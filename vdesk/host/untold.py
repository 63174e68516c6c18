"""What the host may use of a device where the files that would tell could not be read: unknown is not unused."""

from __future__ import annotations

from collections.abc import Iterable

from vdesk.host import drm, inputs, storage
from vdesk.host.host import Host
from vdesk.host.pci import Device
from vdesk.host.usb import UsbDevice
from vdesk.model.address import Address
from vdesk.model.errors import Denied, HostError
from vdesk.model.record import Record

# rule, the beginning of the class of the functions concerned, the class of a USB device's interface, what the files
# tell, the files: any one of them is enough. USB network adapters mostly have a class of their vendor's.
SOURCES = (
    ("host-display", "03", (), "which card shows the desktop", (drm.CLASS,)),
    ("root-disk", "01", ("08",), "what is mounted", (*storage.MOUNTS, *storage.PLAIN_MOUNTS)),
    ("host-network", "02", ("02", "e0", "ff"), "where the default route goes", ("proc/net/route",)),
    ("last-input", "0c03", ("03",), "which keyboards and pointers there are", (inputs.DEVICES, inputs.CLASS)),
)


class Untold(Record):
    """A rule that cannot be judged for a function: what could not be told, and the file that would."""

    rule: str
    address: Address
    what: str
    path: str


def untold(host: Host, devices: Iterable[Device]) -> list[Untold]:
    """Every rule that cannot be judged, by function; a file that is absent counts as one that tells nothing."""
    found = []
    endpoints = [device for device in devices if not device.is_bridge]
    for rule, kind, _, what, paths in SOURCES:
        concerned = [device.address for device in endpoints if device.pci_class.startswith(kind)]
        path = _denied(host, paths) if concerned else ""
        found += [Untold(rule, address, what, path) for address in concerned if path]
    return found


def untold_usb(host: Host, device: UsbDevice) -> list[tuple[str, str, str]]:
    """(rule, what could not be told, the file that would) of every rule that cannot be judged for a USB device."""
    mine = [each for each in SOURCES if device.classes & {*each[2]}]
    return [(rule, what, path) for rule, _, _, what, paths in mine if (path := _denied(host, paths))]


def _denied(host: Host, paths: tuple[str, ...]) -> str:
    """The first that may not be read, empty where another tells or none is denied."""
    denied = ""
    for path in paths:
        try:
            if host.list(path) or host.read_optional(path):
                return ""
        except Denied:
            denied = denied or path
        except HostError:
            continue
    return denied
