"""What the host may use of a device where the files that would tell could not be read: unknown is not unused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from vdesk.host import drm, inputs, network, storage, usb
from vdesk.host.host import Host
from vdesk.host.pci import Device
from vdesk.host.usb import UsbDevice
from vdesk.model.address import Address
from vdesk.model.errors import Absent, HostError
from vdesk.model.record import Record

CONTROLLER = "0c03"  # of USB


class Source(Record):
    """What one rule rests on. `kind` are beginnings of the class of the functions concerned, `usb` the classes of a
    USB device's interface, `folders` list what lies on other functions too (a disk on a USB controller). `denied` says
    which file could not be read, empty where all is told."""

    rule: str
    kind: tuple[str, ...]
    usb: tuple[str, ...]
    what: str
    folders: tuple[str, ...]
    denied: Callable[[Host], str]


class Untold(Record):
    """A rule that cannot be judged for a function: what could not be told, and the file that would."""

    rule: str
    address: Address
    what: str
    path: str


def untold(host: Host, devices: Iterable[Device]) -> list[Untold]:
    """Every rule that cannot be judged, by function."""
    found = []
    endpoints = [device for device in devices if not device.is_bridge]
    for source in SOURCES if endpoints else ():
        path = source.denied(host)
        kinds, behind = (source.kind + _blind(host, source), _behind(host, source)) if path else ((), frozenset())
        for device in endpoints if path else ():
            if device.pci_class.startswith(kinds) or device.address in behind:
                found.append(Untold(source.rule, device.address, source.what, path))
    return found


def untold_usb(host: Host, device: UsbDevice) -> list[tuple[str, str, str]]:
    """(rule, what could not be told, the file that would) of every rule that cannot be judged for a USB device."""
    mine = [each for each in SOURCES if device.classes & {*each.usb}]
    return [(each.rule, each.what, path) for each in mine if (path := each.denied(host))]


def _blind(host: Host, source: Source) -> tuple[str, ...]:
    """The class of USB controllers where it cannot be told what is plugged in either."""
    hidden = source.folders and _denied(host, source.folders) and _denied(host, (usb.DEVICES,))
    return (CONTROLLER,) if hidden else ()


def _behind(host: Host, source: Source) -> frozenset[Address]:
    """The functions that a disk or an interface lies on, and the controllers of USB devices of such a class."""
    if not source.folders:
        return frozenset()
    places = [f"{folder}/{name}" for folder in source.folders for name in host.names(folder)]
    found = {each.path for each in usb.usb_devices(host) if each.classes & {*source.usb}}
    for place in places:
        try:
            found.add(host.resolve(place))
        except HostError:
            continue
    return frozenset(address for place in found for address in storage.functions_of(place))


def _denied(host: Host, paths: Sequence[str]) -> str:
    """The first that could not be read, empty where another tells or none is denied; what is absent tells nothing."""
    denied = ""
    for path in paths:
        try:
            if host.list(path) or (host.stat(path).kind != "folder" and host.read_optional(path)):
                return ""
        except Absent:
            continue
        except HostError:
            denied = denied or path
    return denied


def _display(host: Host) -> str:
    return _denied(host, (drm.CLASS,))


def _disks(host: Host) -> str:
    """Mounts, swap, and the disks that they are on."""
    tables, disks = (*storage.MOUNTS, *storage.PLAIN_MOUNTS), (storage.NUMBERS, storage.BLOCK, storage.DISKS)
    return _denied(host, tables) or _denied(host, (storage.SWAPS,)) or _denied(host, disks)


def _routes(host: Host) -> str:
    """Both tables of routes, and the interfaces that they lead to."""
    return _denied(host, (network.ROUTES,)) or _denied(host, (network.ROUTES6,)) or network.untraced(host)


def _inputs(host: Host) -> str:
    return _denied(host, (inputs.DEVICES, inputs.CLASS))


# USB network adapters mostly have a class of their vendor's.
SOURCES = (
    Source("host-display", ("03",), (), "which card shows the desktop", (), _display),
    Source("root-disk", ("01", "0805"), ("08",), "what is mounted", (storage.BLOCK, storage.DISKS), _disks),
    Source("host-network", ("02",), ("02", "e0", "ff"), "where the default route goes", (network.NET,), _routes),
    Source("last-input", (CONTROLLER,), ("03",), "which keyboards and pointers there are", (), _inputs),
)
