"""The ids that vfio-pci was given to take (`ids=`, drivers/vfio/pci/vfio_pci.c): they hold for the life of the module,
and every device without a driver that has one of them is its."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vdesk.host.cmdline import booted, values
from vdesk.host.host import Host
from vdesk.host.kernel_log import printable

FOLDERS = ("etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d")
_OPTION = re.compile(r"\s*options\s+vfio[-_]pci\s(?:.*\s)?ids=(\S+)")


def claimed_by(host: Host, vendor: str, device: str) -> str:
    """What tells vfio-pci to take devices of this id, and where: a word of the kernel command line, or a line in
    modprobe.d; empty where nothing does."""
    for text, place in _told(host):
        ids = [each.split(":")[:2] for each in text.lower().strip('"').split(",")]
        if [vendor, device] in ids:
            return place
    return ""


def _told(host: Host) -> Iterator[tuple[str, str]]:
    for value in values(booted(host) or (), "vfio-pci.ids"):
        yield value, f"vfio-pci.ids={value} on the kernel command line"
    for folder in FOLDERS:
        for name in host.names(folder):
            for line in host.lines(f"{folder}/{name}") if name.endswith(".conf") else ():
                match = _OPTION.match(line)
                if match:
                    yield match.group(1), f"options vfio-pci ids={printable(match.group(1), 200)} in /{folder}/{name}"
