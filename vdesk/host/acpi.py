"""Which IOMMU the firmware describes: the ACPI tables DMAR (Intel VT-d) and IVRS (AMD I/O virtualization)."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.host.pci import DEVICES
from vdesk.model.errors import Denied, HostError

TABLES = "sys/firmware/acpi/tables"
VENDORS = {"DMAR": "intel", "IVRS": "amd"}


class IommuTable(NamedTuple):
    """`name` is DMAR, IVRS or empty (the firmware has none), None where that could not be told; `irq_remapping` is what
    the DMAR's flag says, None where only root may read it (VT-d specification 8.1: byte 37, bit 0)."""

    name: str | None
    irq_remapping: bool | None = None
    reason: str = ""


def iommu_table(host: Host) -> IommuTable:
    """The table that describes the IOMMU. Its existence is visible to everybody, its content only to root."""
    for name in VENDORS:
        try:
            host.stat(f"{TABLES}/{name}")
        except Denied as error:
            if not _listed(host, name):
                return IommuTable(None, None, error.problems[0].what)
        except HostError:
            continue
        return IommuTable(name, _remapping(host) if name == "DMAR" else None)
    try:
        if host.list(TABLES) or host.exists(TABLES) or host.list(DEVICES):
            return IommuTable("")
    except HostError as error:
        return IommuTable(None, None, error.problems[0].what)
    return IommuTable(None, None, f"/{TABLES} is not there")


def _listed(host: Host, name: str) -> bool:
    try:
        return name in host.list(TABLES)
    except HostError:
        return False


def _remapping(host: Host) -> bool | None:
    table = _dmar(host)
    return bool(table[37] & 1) if table else None


def address_bits(host: Host) -> int | None:
    """How many bits of an address Intel's IOMMU translates (VT-d specification 8.1, host address width: byte 36, less
    one); None where only root may read it, or where the IOMMU is another."""
    table = _dmar(host)
    return table[36] + 1 if table and 32 <= table[36] + 1 <= 64 else None


def _dmar(host: Host) -> bytes:
    try:
        table = host.read_bytes(f"{TABLES}/DMAR", 1 << 20)
    except HostError:
        return b""
    return table if len(table) >= 48 and table.startswith(b"DMAR") else b""
