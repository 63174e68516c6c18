"""Which graphics card shows a picture: DRM cards, connectors, framebuffers (Documentation/ABI/testing/sysfs-class-drm).

simpledrm, and NVIDIA's driver without modeset, have no connectors: "none enabled" is not "nobody looks at it"."""

from __future__ import annotations

import re

from vdesk.host.host import Host
from vdesk.model.address import Address, find_address
from vdesk.model.errors import HostError
from vdesk.model.record import Record

CLASS = "sys/class/drm"
FUNCTIONS = "sys/bus/pci/devices"
FRAMEBUFFERS = "sys/class/graphics"


class Connector(Record):
    """`HDMI-A-1`; `status` is connected, disconnected or unknown; `enabled` says that a mode is set."""

    name: str
    status: str
    enabled: bool


class Card(Record):
    """A DRM card: its node's name (not stable over boots), the PCI function below it (None: not PCI), its connectors;
    `boot_display` as newer kernels tell it (2026), None where they do not."""

    name: str
    address: Address | None
    connectors: tuple[Connector, ...]
    boot_display: bool | None

    @property
    def shows(self) -> tuple[str, ...]:
        """The connectors that have a picture now."""
        return tuple(each.name for each in self.connectors if each.enabled)

    @property
    def connected(self) -> tuple[str, ...]:
        """The connectors with a monitor on them."""
        return tuple(each.name for each in self.connectors if each.status == "connected")


def cards(host: Host) -> tuple[Card, ...]:
    """Every DRM card; none where the kernel has no DRM; HostError where sysfs could not be read."""
    places = {name: f"{CLASS}/{name}" for name in host.list(CLASS)} or _by_function(host)
    return tuple(_card(host, name, places) for name in places if re.fullmatch(r"card\d+", name))


def framebuffers(host: Host) -> dict[str, Address | None]:
    """`fb0` -> the PCI function that it is on, None for a firmware framebuffer; HostError as `cards`."""
    names = [name for name in host.list(FRAMEBUFFERS) if re.fullmatch(r"fb\d+", name)]
    return {name: _function(host, f"{FRAMEBUFFERS}/{name}") for name in names}


def _by_function(host: Host) -> dict[str, str]:
    """What the class has, found below the PCI functions: a small capture has no links in the class."""
    places = {}
    for address in host.names(FUNCTIONS):
        for name in host.names(f"{FUNCTIONS}/{address}/drm"):
            card = places[name] = f"{FUNCTIONS}/{address}/drm/{name}"
            places.update({each: f"{card}/{each}" for each in host.names(card) if each.startswith(f"{name}-")})
    return places


def _card(host: Host, name: str, places: dict[str, str]) -> Card:
    connectors = []
    for each, folder in places.items():
        if each.startswith(f"{name}-"):
            short = each.removeprefix(f"{name}-")
            told, status = host.value(f"{folder}/enabled"), host.value(f"{folder}/status", "unknown")
            # Every kernel tells it; where a capture lost it, a monitor that is plugged in is taken to be looked at.
            enabled = told == "enabled" or (not told and status == "connected")
            connectors.append(Connector(short, status, enabled))
    boot = host.value(f"{places[name]}/boot_display")
    return Card(name, _function(host, places[name]), tuple(connectors), boot == "1" if boot else None)


def _function(host: Host, path: str) -> Address | None:
    """The last PCI address in the resolved path; a virtual GPU's DRM device lies below its virtio function."""
    for each in (f"{path}/device", path):
        try:
            parts = host.resolve(each).split("/")
        except HostError:
            continue
        found = [address for address in map(find_address, parts) if address is not None]
        if found:
            return found[-1]
    return None
