"""The devices that are bound at boot, as they are now."""

from __future__ import annotations

from typing import Any

from vdesk.changes.drivers import DEVICES, VFIO, driver_of, identity
from vdesk.host import Host
from vdesk.host.names import Names
from vdesk.initramfs.binding import listed

BOUND, OTHER, ABSENT, FREE = "bound", "other-device", "absent", "not-bound"


def rows(host: Host) -> list[dict[str, Any]]:
    """The devices of the list: address, identity, name, driver now, and state: `bound`, `not-bound`, `other-device` (at
    that address is another one) or `absent`."""
    book, found = Names(host), []
    for each in listed(host):
        vendor, _, device = each.identity.partition(" ")[0].partition(":")
        there, driver = identity(host, each.address), driver_of(host, each.address)
        known = ABSENT if not host.exists(f"{DEVICES}/{each.address}") else OTHER if there != each.identity else ""
        found.append(
            {
                "address": each.address,
                "vendor": vendor,
                "device": device,
                "subsystem": each.identity.partition(" ")[2],
                "name": book.device(vendor, device),
                "driver": driver,
                "was": driver,
                "state": known or (BOUND if driver == VFIO else FREE),
            }
        )
    return found
