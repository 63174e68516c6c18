"""The PCI functions as the bus has them: below each bridge what it leads to."""

from __future__ import annotations

from typing import Any

from vdesk.host.host import Host
from vdesk.host.pci import Device, devices
from vdesk.model.address import Address, find_address
from vdesk.model.errors import HostError

Node = dict[str, Any]
MOST_DEEP = 32
"""Of real machines none has more bridges in a row; a captured tree may say anything."""


def tree(host: Host) -> list[Node]:
    """The functions at the root complex, in order: each with the keys of `groups`, and those `below` it.

    A function's parent is the folder above its own in sysfs (Documentation/PCI/sysfs-pci.rst); one whose link is not
    there stands at the top. HostError where sysfs cannot be read."""
    known = devices(host)
    nodes: dict[Address, Node] = {device.address: {**device.as_json(), "below": []} for device in known}
    top: list[Node] = []
    for device in known:
        above = _parent(host, device)
        (nodes[above]["below"] if above is not None and above in nodes else top).append(nodes[device.address])
    return top


def _parent(host: Host, device: Device) -> Address | None:
    try:
        parts = host.resolve(device.path).split("/")
    except HostError:
        return None
    places = [place for place in map(find_address, parts) if place is not None]
    if not 1 < len(places) <= MOST_DEEP or places[-1] != device.address:
        return None
    return places[-2] if places[-2] == find_address(parts[-2]) and places[-2] != device.address else None
