"""What the checks look at together: read once, then judged by every family."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.host import pci
from vdesk.host.distribution import Distribution, distribution
from vdesk.host.host import Host
from vdesk.host.iommu_state import IommuState, state
from vdesk.host.kernel_log import KernelLog, kernel_log
from vdesk.host.pci import Device
from vdesk.model.errors import HostError

AS_ROOT = "look again with: sudo vdesk check"
AGAIN = "capture the machine again, as root: sudo vdesk capture DIR"


class Machine(NamedTuple):
    """`devices` are all PCI functions; `unseen` says why there are none to see, empty where they could be read."""

    host: Host
    iommu: IommuState
    log: KernelLog
    devices: list[Device]
    unseen: str
    distribution: Distribution

    @property
    def gpus(self) -> list[Device]:
        """The graphics cards."""
        return [device for device in self.devices if device.is_gpu]

    @property
    def see_more(self) -> str:
        """What shows more: root on a live machine, another capture otherwise."""
        return AS_ROOT if self.host.is_live else AGAIN


def look(host: Host) -> Machine:
    """Read the machine; what cannot be read is said in the findings, never raised."""
    unseen = ""
    devices: list[Device] = []
    try:
        devices = pci.devices(host)
        unseen = "" if devices else f"/{pci.DEVICES} lists no device"
    except HostError as error:
        unseen = error.problems[0].what
    return Machine(host, state(host), kernel_log(host), devices, unseen, distribution(host))
