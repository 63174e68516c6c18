"""The devices that are bound at boot, as they are now."""

from __future__ import annotations

from typing import Any

from vdesk.at_boot.listed import BOOT_DISPLAY, Listed
from vdesk.changes.drivers import DEVICES, VFIO, driver_of, identity
from vdesk.host import Host
from vdesk.host.names import Names
from vdesk.initramfs.binding import listed

BOUND, OTHER, ABSENT, FREE = "bound", "other-device", "absent", "not-bound"
BOOTED = "boot-display"


def rows(host: Host) -> list[dict[str, Any]]:
    """The devices of the list: address, identity, name, driver now, and state: `bound`, `not-bound`, `other-device` (at
    that address is another one), `boot-display` (an equal one may be: the machine has booted on it) or `absent`."""
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
                "state": known or (BOUND if driver == VFIO else BOOTED if moved(host, each) else FREE),
            }
        )
    return found


def moved(host: Host, each: Listed) -> bool:
    """Whether the machine has booted on the card at the address, and had not when that was listed: it is left alone."""
    return each.mark != BOOT_DISPLAY and boots_on(host, each.address)


def boots_on(host: Host, address: str) -> bool:
    """Whether the machine has booted on the card that the function is of, as the program at boot asks it."""
    slot = address.rpartition(".")[0]
    return any(host.value(f"{DEVICES}/{slot}.{number}/boot_vga") == "1" for number in range(8))
