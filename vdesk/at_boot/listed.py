"""The list of devices that are bound at boot: `/etc/vdesk/devices`, read by the program, by vdesk and by a shell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

LIST = "etc/vdesk/devices"
DEVICES = "sys/bus/pci/devices"
BOOT_DISPLAY = "boot-display"
"""After a device: the machine had booted on its card when it was listed (boot_vga), so it may go all the same."""
ROW = re.compile(
    r"([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]) ([0-9a-f]{4}:[0-9a-f]{4} [0-9a-f]{4}:[0-9a-f]{4})"
    rf"( {BOOT_DISPLAY})?"
)
NO_DISPLAY = "display none"
HEAD = """\
# Devices that go to vfio-pci at every boot: address, vendor:device, subsystem. Written by vdesk; change it with
# vdesk bind ADDR --boot and vdesk unbind ADDR --boot. For one boot without them: vdesk.off on the kernel command line.
"""


class Listed(NamedTuple):
    """One function: its address, `vendor:device subvendor:subdevice` of what has to be there, and BOOT_DISPLAY where
    the machine had booted on its card."""

    address: str
    identity: str
    mark: str = ""


def parse(text: str) -> list[Listed]:
    """The devices of a list; lines that are none are left out, as the shell does it."""
    rows = (ROW.fullmatch(line.strip()) for line in text.splitlines())
    return [Listed(row[1], row[2], (row[3] or "").strip()) for row in rows if row]


def needs_display(text: str) -> bool:
    """Whether a boot has to show a picture to be a good one: not on a machine that had none when it was set up."""
    return NO_DISPLAY not in (line.strip() for line in text.splitlines())


def written(devices: Iterable[Listed], display: bool) -> str:
    """The list as a text, sorted."""
    rows = "".join(f"{' '.join(filter(None, each))}\n" for each in sorted(devices))
    return HEAD + ("" if display else f"{NO_DISPLAY}\n") + rows


def digest(text: str) -> str:
    """What tells one list from another: SHA-256 of its devices, in hex."""
    import hashlib

    return hashlib.sha256(written(parse(text), needs_display(text)).encode()).hexdigest()
