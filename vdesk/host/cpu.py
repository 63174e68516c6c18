"""The processor, from /proc/cpuinfo (arch/x86/kernel/cpu/proc.c)."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.model.errors import HostError

PATH = "proc/cpuinfo"
VENDORS = {"GenuineIntel": "intel", "AuthenticAMD": "amd", "HygonGenuine": "amd"}


class Cpu(NamedTuple):
    """`virtualization` is vmx, svm or empty, None where the flags could not be read and `reason` says why."""

    vendor: str
    model: str
    virtualization: str | None
    hypervisor: bool
    reason: str = ""


def cpu(host: Host) -> Cpu:
    """What the first processor says of itself; a file without flags says nothing."""
    try:
        text = host.read(PATH)
    except HostError as error:
        return Cpu("other", "", None, False, error.problems[0].what)
    fields: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    if "flags" not in fields:
        return Cpu("other", printable(fields.get("model name", ""), 80), None, False, f"/{PATH} has no line `flags`")
    flags = frozenset(fields["flags"].split())
    found = next((flag for flag in ("vmx", "svm") if flag in flags), "")
    vendor = VENDORS.get(fields.get("vendor_id", ""), "other")
    return Cpu(vendor, printable(fields.get("model name", ""), 80), found, "hypervisor" in flags)
