"""Which PCI functions carry the default route: through bridges, bonds, VLANs and macvlans (proc/net/route,
proc/net/ipv6_route; `lower_*` of Documentation/ABI/testing/sysfs-class-net)."""

from __future__ import annotations

from vdesk.host.host import Host
from vdesk.host.storage import functions_of
from vdesk.model.address import Address
from vdesk.model.errors import Absent, HostError
from vdesk.model.record import Record

NET = "sys/class/net"
FUNCTIONS = "sys/bus/pci/devices"
ROUTES, ROUTES6 = "proc/net/route", "proc/net/ipv6_route"
REJECT = 0x200  # RTF_REJECT: an unreachable route goes nowhere


class Route(Record):
    """A default route: its interface, the folders of the interfaces below it, and the PCI functions of these."""

    interface: str
    functions: frozenset[Address]
    evidence: str
    folders: frozenset[str] = frozenset()


class _Default(Record):
    metric: int
    interface: str
    evidence: str


def routes(host: Host) -> list[Route]:
    """The default routes in force: of each family the best, and those after it as long as they end in no device
    (the tunnel of a VPN is carried by the next one)."""
    return _traced(host, [])


def untraced(host: Host) -> str:
    """What could not be read on the way from a default route in force to its device; empty where all could."""
    denied: list[str] = []
    _traced(host, denied)
    return denied[0] if denied else ""


def _traced(host: Host, denied: list[str]) -> list[Route]:
    """The routes in force; `denied` takes in what could not be read of their interfaces."""
    found = []
    for family in (_ipv4(host), _ipv6(host)):
        best: int | None = None
        for route in sorted(family):
            if best is not None and route.metric > best:
                break
            folders = _below(host, route.interface, set(), denied)
            functions = frozenset(address for folder in folders for address in functions_of(folder))
            if functions:
                best = route.metric
                found.append(Route(route.interface, functions, route.evidence, folders))
    return found


def _ipv4(host: Host) -> list[_Default]:
    found = []
    for line in host.lines(ROUTES)[1:]:
        words = line.split()
        if len(words) > 7 and words[1] == words[7] == "00000000" and not _number(words[3], 16) & REJECT:
            found.append(_Default(_number(words[6], 10), words[0], f"/proc/net/route: default on {words[0]}"))
    return found


def _ipv6(host: Host) -> list[_Default]:
    found = []
    for line in host.lines(ROUTES6):
        words = line.split()
        default = len(words) > 9 and words[0] == "0" * 32 and words[1] == "00"
        if default and words[9] != "lo" and not _number(words[8], 16) & REJECT:
            found.append(_Default(_number(words[5], 16), words[9], f"/proc/net/ipv6_route: default on {words[9]}"))
    return found


def _below(host: Host, interface: str, seen: set[str], denied: list[str]) -> frozenset[str]:
    """The folders in sysfs of an interface and of all interfaces that it is made of, where they lie below a device."""
    if interface in seen or "/" in interface:
        return frozenset()
    seen.add(interface)
    folder = f"{NET}/{interface}"
    found: set[str] = set()
    try:
        if host.list(folder) or host.exists(folder):
            place = host.resolve(folder)
            found.add(place if functions_of(place) else host.resolve(f"{folder}/device"))
        elif own := _own(host, interface):
            return own
    except HostError as error:
        if own := _own(host, interface):
            return own
        denied += [] if isinstance(error, Absent) else [folder]
    for lower in _lowers(host, interface):
        found |= _below(host, lower, seen, denied)
    return frozenset(found)


def _own(host: Host, interface: str) -> frozenset[str]:
    """The interface's folder at the function itself, or at its virtio device, where the class does not tell."""
    found = set()
    for name in host.names(FUNCTIONS):
        device = f"{FUNCTIONS}/{name}"
        for folder in (device, *(f"{device}/{each}" for each in host.names(device) if each.startswith("virtio"))):
            try:
                if interface in host.list(f"{folder}/net"):
                    found.add(host.resolve(f"{folder}/net/{interface}"))
            except HostError:
                continue
    return frozenset(found)


def _lowers(host: Host, interface: str) -> list[str]:
    folder = f"{NET}/{interface}"
    found = [name.removeprefix("lower_") for name in host.names(folder) if name.startswith("lower_")]
    found += host.names(f"{folder}/brif")
    found += host.value(f"{folder}/bonding/slaves").split()
    found += [
        line.partition(":")[2].strip()
        for line in host.lines(f"proc/net/vlan/{interface}")
        if line.startswith("Device:")
    ]
    if not found and interface != "ovs-system" and not host.exists(f"{folder}/device"):
        found.append("ovs-system")  # a port of Open vSwitch does not say which interfaces its switch has
    return found


def _number(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        return 0
