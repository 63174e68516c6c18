"""What the boot left on a graphics card: the text console, and the firmware's framebuffer with its platform device.

Documentation/driver-api/console.rst (vtconsole), drivers/firmware/sysfb.c. In-kernel graphics drivers take their own
framebuffer away when they let go; NVIDIA's does not, and a firmware framebuffer belongs to no graphics driver."""

from __future__ import annotations

import re
from collections.abc import Collection

from vdesk.host.drm import framebuffers
from vdesk.host.host import Host
from vdesk.host.pci import DEVICES
from vdesk.host.storage import functions_of
from vdesk.model.address import Address, find_address
from vdesk.model.errors import HostError
from vdesk.model.record import Record

CONSOLES = "sys/class/vtconsole"
PLATFORM = "sys/bus/platform"
ON_FRAMEBUFFER = "frame buffer device"
DEVICE = r"(efi|simple|vesa)-framebuffer\.[0-9]+"
RESOURCES = ("BOOTFB", "efifb", "simplefb", "simpledrm", "vesafb")  # their names in /proc/iomem


class Console(Record):
    """The console driver on framebuffers (`vtcon1`): the card that it writes to, and whether another framebuffer is
    there to carry it when that card goes."""

    name: str
    address: Address
    elsewhere: bool


class BootFramebuffer(Record):
    """A platform device of the firmware's framebuffer, the driver that has it, and the card that it is on."""

    name: str
    driver: str
    address: Address


def consoles(host: Host, taken: Collection[Address]) -> list[Console]:
    """The bound text consoles that are on a card of `taken`: fbcon writes to the first framebuffer there is."""
    found = _framebuffers(host)
    first = found[0] if found else None
    if first is None or first not in taken:
        return []
    elsewhere = any(each is not None and each not in taken for each in found)
    names = [name for name in host.names(CONSOLES) if on_framebuffer(host, name)]
    return [Console(name, first, elsewhere) for name in names if state(host, name).strip() == "1"]


def state(host: Host, name: str) -> str:
    """What `bind` of a console driver says, empty where it cannot be told. The kernel tells it under the console's
    lock, which a graphics driver that hangs may hold: so it is asked with a time limit."""
    try:
        return (host.sysfs_read(f"{CONSOLES}/{name}/bind") if name else None) or ""
    except HostError:
        return ""


def on_framebuffer(host: Host, name: str) -> bool:
    """Whether this console driver writes to framebuffers: `(M) frame buffer device`."""
    return ON_FRAMEBUFFER in host.value(f"{CONSOLES}/{name}/name")


def present(host: Host, name: str) -> str:
    """The console driver on framebuffers that was `name`: the kernel may have taken it away and brought it back under
    another number. Empty while there is none."""
    found = [each for each in host.names(CONSOLES) if on_framebuffer(host, each)]
    return name if name in found else next(iter(found), "")


def boot_framebuffers(host: Host, taken: Collection[Address] | None = None) -> list[BootFramebuffer]:
    """The firmware's framebuffers that a driver has, on cards of `taken` (None: on any)."""
    found = []
    for name in host.names(f"{PLATFORM}/devices"):
        path = f"{PLATFORM}/devices/{name}"
        driver = host.link_name(f"{path}/driver") if re.fullmatch(DEVICE, name) else None
        address = _card(host, path) if driver else None
        if driver and address and (taken is None or address in taken):
            found.append(BootFramebuffer(name, driver, address))
    return found


def _framebuffers(host: Host) -> list[Address | None]:
    """The card of each framebuffer, in their order; a firmware's one is on the card that the machine booted on."""
    try:
        found = framebuffers(host)
    except HostError:
        return []
    boot = next((each.address for each in boot_framebuffers(host)), None) if None in found.values() else None
    return [found[name] or boot for name in sorted(found, key=lambda name: int(name.removeprefix("fb")))]


def _card(host: Host, path: str) -> Address | None:
    """The card below a platform device: its place (kernels from 6.9 on put it below the card), the memory that the
    framebuffer has of it, else the card that the machine booted on."""
    try:
        above = functions_of(host.resolve(path))
    except HostError:
        above = frozenset()
    return max(above, default=None) or _by_memory(host) or _booted_on(host)


def _by_memory(host: Host) -> Address | None:
    """The function whose BAR holds the framebuffer's memory. Names and nesting are told to any user (/proc/iomem)."""
    nested: list[str] = []
    for line in host.lines("proc/iomem"):
        depth = (len(line) - len(line.lstrip(" "))) // 2
        name = line.partition(" : ")[2].strip()
        nested = [*nested[:depth], name]
        if name in RESOURCES:
            for each in reversed(nested):
                if (found := find_address(each)) is not None:
                    return found
    return None


def _booted_on(host: Host) -> Address | None:
    for name in host.names(DEVICES):
        if host.value(f"{DEVICES}/{name}/boot_vga") == "1":
            return find_address(name)
    return None
