"""IOMMU groups: what the kernel can isolate, as it says (Documentation/ABI/testing/sysfs-kernel-iommu_groups)."""

from __future__ import annotations

from vdesk.host.host import Host
from vdesk.host.pci import GROUPS, Device, groups_unknown
from vdesk.model.errors import Denied
from vdesk.model.number import is_number
from vdesk.model.record import Record


class Group(Record):
    """One group and its members. `blockers` are members that a rule keeps with the host: the group is then not
    viable."""

    id: int
    devices: tuple[Device, ...]
    blockers: tuple[Device, ...] = ()

    @property
    def viable(self) -> bool:
        """Whether the whole group can be handed over."""
        return not self.blockers


def group_ids(host: Host) -> list[int]:
    """The numbers of the groups; groups of vfio's no-IOMMU mode do not count, they isolate nothing."""
    found = []
    try:
        names = host.list(GROUPS)
    except Denied as error:
        raise groups_unknown(error) from error
    for name in names:
        if is_number(name) and host.value(f"{GROUPS}/{name}/name") != "vfio-noiommu":
            found.append(int(name))
    return sorted(found)


def members(known: list[Device]) -> dict[int, tuple[Device, ...]]:
    """Group number -> its devices, in order of their addresses."""
    found: dict[int, list[Device]] = {}
    for device in known:
        if device.group is not None:
            found.setdefault(device.group, []).append(device)
    return {number: tuple(found[number]) for number in sorted(found)}
