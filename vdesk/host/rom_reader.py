"""Reading a card's ROM through sysfs (Documentation/ABI/testing/sysfs-bus-pci; drivers/pci/pci-sysfs.c): written 1 to
be switched on, read, written 0. A card that sleeps, or whose memory is off, answers with ones: so it is woken and
switched on before, and is as it was after."""

from __future__ import annotations

import time
from contextlib import ExitStack

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
    with ExitStack() as back:  # each is put back, whatever fails after it or on the way back
        _wake(host, device, back)
        _decode(host, device, back)
        back.callback(host.sysfs_write, path, "0")
        host.sysfs_write(path, "1")
        return host.read_bytes(path, LIMIT)


def _wake(host: Host, device: Device, back: ExitStack) -> None:
    """Runtime power management held off (Documentation/power/runtime_pm.rst)."""
    control, status = f"{device.path}/power/control", f"{device.path}/power/runtime_status"
    before = host.value(control)
    if before != "auto":
        return
    back.callback(host.sysfs_write, control, before)
    host.sysfs_write(control, "on")
    end = time.monotonic() + WAKE_SECONDS
    while host.value(status) not in ("active", "unsupported", "") and time.monotonic() < end:
        time.sleep(0.05)


def _decode(host: Host, device: Device, back: ExitStack) -> None:
    """The card's memory switched on where no driver has done it: it answers with ones otherwise. With a driver the
    kernel refuses that (pci-sysfs.c, enable_store), and the driver has done it itself."""
    enable = f"{device.path}/enable"
    if host.link_name(f"{device.path}/driver") or host.value(enable) != "0":
        return
    host.sysfs_write(enable, "1")
    back.callback(host.sysfs_write, enable, "0")


def is_shadow(host: Host, device: Device) -> bool:
    """Whether the kernel gives the copy that the BIOS left in memory (at 0xc0000), which it may have changed."""
    rows = host.lines(f"{device.path}/resource")
    words = rows[ROM_RESOURCE].split() if len(rows) > ROM_RESOURCE else []
    try:
        return bool(words) and int(words[0], 16) == SHADOW
    except ValueError:
        return False
