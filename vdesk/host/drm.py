"""Which graphics card shows a picture: DRM cards, connectors, framebuffers (Documentation/ABI/testing/sysfs-class-drm).

simpledrm, and NVIDIA's driver without modeset, have no connectors: "none enabled" is not "nobody looks at it"."""

from __future__ import annotations

import re
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.model.address import Address, find_address
from vdesk.model.errors import HostError

CLASS = "sys/class/drm"
FRAMEBUFFERS = "sys/class/graphics"


class Connector(NamedTuple):
    """`HDMI-A-1`; `status` is connected, disconnected or unknown; `enabled` says that a mode is set."""

    name: str
    status: str
    enabled: bool


class Card(NamedTuple):
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
    names = host.list(CLASS)
    return tuple(_card(host, name, names) for name in names if re.fullmatch(r"card\d+", name))


def framebuffers(host: Host) -> dict[str, Address | None]:
    """`fb0` -> the PCI function that it is on, None for a firmware framebuffer; HostError as `cards`."""
    names = [name for name in host.list(FRAMEBUFFERS) if re.fullmatch(r"fb\d+", name)]
    return {name: _function(host, f"{FRAMEBUFFERS}/{name}") for name in names}


def _card(host: Host, name: str, names: list[str]) -> Card:
    connectors = []
    for each in names:
        if each.startswith(f"{name}-"):
            folder, short = f"{CLASS}/{each}", each.removeprefix(f"{name}-")
            enabled = host.value(f"{folder}/enabled") == "enabled"
            connectors.append(Connector(short, host.value(f"{folder}/status", "unknown"), enabled))
    boot = host.value(f"{CLASS}/{name}/boot_display")
    return Card(name, _function(host, f"{CLASS}/{name}"), tuple(connectors), boot == "1" if boot else None)


def _function(host: Host, path: str) -> Address | None:
    """The last PCI address in the resolved path; a virtual GPU's DRM device lies below its virtio function."""
    try:
        parts = host.resolve(f"{path}/device").split("/")
    except HostError:
        return None
    found = [address for address in map(find_address, parts) if address is not None]
    return found[-1] if found else None
