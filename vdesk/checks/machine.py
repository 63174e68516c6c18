"""What the checks look at together: read once, then judged by every family."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.boot import by_hand
from vdesk.boot.detect import Loader, loader
from vdesk.host import pci
from vdesk.host.distribution import Distribution, distribution
from vdesk.host.host import Host
from vdesk.host.iommu_state import IommuState, state
from vdesk.host.kernel_log import KernelLog, kernel_log
from vdesk.host.pci import Device
from vdesk.model.errors import HostError
from vdesk.model.finding import UNKNOWN, Finding, finding

AS_ROOT = "look again with: sudo vdesk check"
VERBOSE = "see what was read with: vdesk check -v"
BOOT = ", and reboot"
AGAIN = "run it on the machine itself: sudo vdesk check; or capture what is missing too"


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
    def loader(self) -> Loader:
        """The boot loader in use."""
        return loader(self.host)

    @property
    def see_more(self) -> str:
        """What shows more: root on a live machine, another capture otherwise."""
        if self.host.is_live:
            return AS_ROOT if self.host.needs_root else VERBOSE
        return AGAIN

    def has(self, path: str) -> bool:
        """Whether absence below `path` means something: always on a live machine, on a captured one when it has it."""
        return self.host.is_live or self.host.exists(path)

    def not_captured(self, id: str, title: str, path: str) -> Finding:
        """The answer of a captured machine that lacks the whole folder."""
        cause = f"/{path} was not captured"
        return finding(id, UNKNOWN, title, cause=cause, remedy=AGAIN, evidence=f"/{path} is not there")

    def take_out(self, word: str) -> str:
        """How to take an argument out of the kernel's command line, as the boot loader in use has it."""
        return by_hand.remove(self.host, self.loader, word) + BOOT

    def put_in(self, words: list[str], options: str = "") -> str:
        """How to add arguments: `iommu enable` with these options, or by hand where it would refuse the loader."""
        if self.loader.supported and not self.loader.doubt:
            return f"sudo vdesk iommu enable{options}"
        return by_hand.add(self.host, self.loader, words)


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
