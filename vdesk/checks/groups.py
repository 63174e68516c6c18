"""`vdesk groups`: what the IOMMU can isolate, and what keeps a group with the host. Quick: loads only readers."""

from __future__ import annotations

from vdesk.host import pci
from vdesk.host.claims import blockers
from vdesk.host.groups import Group, members
from vdesk.host.host import Host
from vdesk.host.pci import GPU_CLASSES, GROUPS, Device
from vdesk.model.address import Address
from vdesk.model.report import Report

COMMAND = "iommu groups"
KINDS = {
    "gpu": GPU_CLASSES,
    "usb": ("0c03",),
    "audio": ("0401", "0403"),
    "net": ("02",),
    "storage": ("01",),
}
"""Filter -> the PCI classes it lets through, by their first digits."""


def groups(host: Host, *, kinds: frozenset[str] = frozenset(), address: Address | None = None) -> Report:
    """The groups in order of their number; with filters those that a member of the kind is in, whole.

    WrongUsage for an address of no device, HostError where sysfs cannot be read. No groups is an answer, no failure."""
    known = pci.devices(host)
    asked = pci.find(known, address) if address is not None else None
    found = isolated(host, known)
    report = Report(COMMAND, data={"groups": [_as_json(each) for each in found if _wanted(each, kinds, asked)]})
    if not report.data["groups"]:
        _say_why(report, host, found, asked)
    return report


def isolated(host: Host, known: list[Device]) -> list[Group]:
    """Every group with its members and what blocks it; groups of vfio's no-IOMMU mode isolate nothing: left out."""
    kept = blockers(host, known)
    found = []
    for number, devices in members(known).items():
        if host.value(f"{GROUPS}/{number}/name") != "vfio-noiommu":
            found.append(Group(number, devices, kept.get(number, ())))
    return found


def _wanted(group: Group, kinds: frozenset[str], asked: Device | None) -> bool:
    if asked is not None and asked not in group.devices:
        return False
    classes = tuple(start for kind in kinds for start in KINDS[kind])
    return not kinds or any(device.pci_class.startswith(classes) for device in group.devices)


def _as_json(group: Group) -> dict[str, object]:
    return {
        "id": group.id,
        "viable": group.viable,
        "blockers": [str(device.address) for device in group.blockers],
        "devices": [device.as_json() for device in group.devices],
    }


def _say_why(report: Report, host: Host, found: list[Group], asked: Device | None) -> None:
    """An empty list with its reason: nothing matched, the device has no group, or the IOMMU is off."""
    if found:
        report.notes.append(
            f"{asked.address} has no group: the kernel leaves it out (igfx_off, or a controller hides it)."
            if asked is not None and asked.group is None
            else "No group has such a device. See all with: vdesk groups"
        )
        return
    from vdesk.checks import iommu
    from vdesk.checks.machine import look

    why = iommu.kernel(look(host))
    report.findings.append(why)
    report.notes.append(
        f"There are no IOMMU groups: {why.cause or why.title}. What helps: {why.remedy or 'vdesk check'}"
    )
