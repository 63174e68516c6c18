"""Which device is at an address, and whether it is bound at boot (the list of `vdesk bind --boot`)."""

from __future__ import annotations

import json
import re

from .look import DEVICES, Fact
from .machine import Machine

LIST = "etc/vdesk/devices"
TRIAL = "var/lib/vdesk/boot/state"
OFF = "vdesk.off"  # on the kernel command line: no binding in this boot
IDENTITY = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4} [0-9a-f]{4}:[0-9a-f]{4}", re.ASCII)


def identity(machine: Machine, address: str) -> str:
    """`vendor:device subvendor:subdevice` of what is at the address, empty when nothing is."""
    names = ("vendor", "device", "subsystem_vendor", "subsystem_device")
    parts = [machine.text(f"{DEVICES}/{address}/{name}").removeprefix("0x").lower() for name in names]
    return f"{parts[0]}:{parts[1]} {parts[2]}:{parts[3]}" if parts[0] else ""


def bound_at_boot(machine: Machine, fact: Fact) -> bool:
    """Whether the function is one that vfio-pci has from boot to boot: on the list, the same device still, and neither
    this boot without bindings nor a binding that has failed."""
    rows = [line.split() for line in machine.text(LIST).splitlines()]
    listed = [" ".join(row[1:3]) for row in rows if row[:1] == [fact["address"]]]
    if identity(machine, fact["address"]) not in listed or OFF in machine.text("proc/cmdline").split():
        return False
    try:
        phase = json.loads(machine.text(TRIAL) or "{}").get("phase")
    except (ValueError, AttributeError):
        return False
    return phase not in ("failed", "skipped")
