"""Reading a card's ROM through sysfs (Documentation/ABI/testing/sysfs-bus-pci; drivers/pci/pci-sysfs.c): written 1 to
be switched on, read, written 0. A card that sleeps answers with ones, so it is woken before and may sleep again
after."""

from __future__ import annotations

import time

from vdesk.host.host import Host
from vdesk.host.option_rom import LIMIT
from vdesk.host.pci import Device

WAKE_SECONDS = 5.0
SHADOW = 0xC0000
ROM_RESOURCE = 6


def read(host: Host, device: Device) -> bytes:
    """The ROM's bytes as the kernel gives them. Raises Absent, Denied and HostError; nothing stays switched on."""
    path = f"{device.path}/rom"
    host.stat(path)  # Absent where the card has none
    if not host.is_live:
        return host.read_bytes(path, LIMIT)
    before = _wake(host, device)
    try:
        host.sysfs_write(path, "1")
        try:
            return host.read_bytes(path, LIMIT)
        finally:
            host.sysfs_write(path, "0")
    finally:
        if before:
            host.sysfs_write(f"{device.path}/power/control", before)


def _wake(host: Host, device: Device) -> str:
    """Runtime power management held off (Documentation/power/runtime_pm.rst); the setting before, empty for none."""
    control, status = f"{device.path}/power/control", f"{device.path}/power/runtime_status"
    before = host.value(control)
    if before != "auto":
        return ""
    host.sysfs_write(control, "on")
    end = time.monotonic() + WAKE_SECONDS
    while host.value(status) not in ("active", "unsupported", "") and time.monotonic() < end:
        time.sleep(0.05)
    return before


def is_shadow(host: Host, device: Device) -> bool:
    """Whether the kernel gives the copy that the BIOS left in memory (at 0xc0000), which it may have changed."""
    rows = host.lines(f"{device.path}/resource")
    words = rows[ROM_RESOURCE].split() if len(rows) > ROM_RESOURCE else []
    try:
        return bool(words) and int(words[0], 16) == SHADOW
    except ValueError:
        return False
