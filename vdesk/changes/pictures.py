"""SwitchConsole, SwitchFramebuffer: the text console and the firmware's framebuffer, off a card and back onto it."""

from __future__ import annotations

from vdesk.changes.change import DONE, Change, Progress, Record
from vdesk.changes.drivers import UNBIND_SECONDS, boot_id
from vdesk.host import Host
from vdesk.host.consoles import CONSOLES, PLATFORM, present, state
from vdesk.model.errors import Absent, HostError, TimedOut, VdeskError, problem

GONE = "the kernel has taken the boot framebuffer {} away for good; it is there again after the next boot"


class SwitchConsole(Change):
    """Let the console driver on framebuffers go (`bound` False), or let it have the consoles again.

    `address` is the card that it wrote to. The kernel takes the driver away with the last framebuffer, and brings it
    back, bound, with the next one: then there is nothing to do."""

    kind = "console"

    def __init__(self, name: str, bound: bool, address: str) -> None:
        self.name, self.bound, self.address = name, bound, address
        self.target = f"/{_bind(name)}"
        self.summary = f"{name}: the text console {'takes' if bound else 'lets go of'} its framebuffer"

    def preview(self, host: Host) -> str:
        """The write."""
        return f"{self.target} <- {int(self.bound)}\n"

    def record(self, host: Host) -> Record:
        """How it was, and the boot that this belongs to; `was` is None where the kernel has taken the driver away."""
        name = present(host, self.name)
        was = state(host, name) or None
        return {"name": self.name, "bound": self.bound, "address": self.address, "was": was, "boot": boot_id(host)}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Write, where it is not so already."""
        _switch(host, self.name, self.bound)
        return DONE

    def verify(self, host: Host) -> None:
        """A console that stays on the card would be in use when its driver is taken."""
        if not self.bound and state(host, self.name).strip() == "1":
            raise VdeskError(
                problem(
                    "console.not-released",
                    f"the text console is still on {self.address}",
                    f"the kernel took the write to {self.target} and did nothing",
                    "see why with: journalctl -k -b | tail",
                )
            )

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """As it was, within the same boot."""
        name, was = present(host, record["name"]), record["was"]
        if record["boot"] == boot_id(host) and was is not None and name and state(host, name) != was:
            host.kernel.restore(_bind(name), was)


class SwitchFramebuffer(Change):
    """Take the platform device of the firmware's framebuffer from its driver, or (`bound`) give it back.

    Since Linux 6.0 vfio-pci removes that device itself for VGA cards (aperture_remove_conflicting_pci_devices): then it
    is there again only after a boot."""

    kind = "framebuffer"

    def __init__(self, device: str, driver: str, bound: bool, address: str) -> None:
        self.device, self.driver, self.bound, self.address = device, driver, bound, address
        self.target = device
        self.summary = f"{device}: the boot framebuffer {'comes back to' if bound else 'leaves'} {address}"

    def preview(self, host: Host) -> str:
        """The write."""
        return f"/{_attribute(self.driver, self.bound)} <- {self.device}\n"

    def record(self, host: Host) -> Record:
        """Device, driver, and the boot that they belong to."""
        return {
            "device": self.device,
            "driver": self.driver,
            "bound": self.bound,
            "address": self.address,
            "boot": boot_id(host),
        }

    def apply(self, host: Host, progress: Progress) -> bool:
        """Write; that the kernel has removed the device meanwhile is no failure."""
        _move(host, self.device, self.driver, self.bound, progress)
        return DONE

    def verify(self, host: Host) -> None:
        """Off is off."""
        if not self.bound and _driver(host, self.device):
            raise HostError(self.device, "the write to unbind did nothing", f"{self.driver} still has {self.device}")

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The other way, within the same boot."""
        if record["boot"] == boot_id(host):
            _move(host, record["device"], record["driver"], not record["bound"], progress)


def _bind(name: str) -> str:
    return f"{CONSOLES}/{name}/bind"


def _attribute(driver: str, bound: bool) -> str:
    return f"{PLATFORM}/drivers/{driver}/{'bind' if bound else 'unbind'}"


def _driver(host: Host, device: str) -> str | None:
    return host.link_name(f"{PLATFORM}/devices/{device}/driver")


def _switch(host: Host, given: str, bound: bool) -> None:
    name = present(host, given)
    if not name or state(host, name).strip() == str(int(bound)):
        return
    late = [] if bound else [(_bind(name), "1\n")]  # should the kernel do it after all, when all else is back
    try:
        host.sysfs_write(_bind(name), f"{int(bound)}\n", UNBIND_SECONDS, late)
    except TimedOut as error:
        raise VdeskError(
            problem(
                "console.held",
                f"the kernel did not switch the text console within {UNBIND_SECONDS:.0f} s",
                f"{error.cause}; something holds the console, mostly a graphics driver that hangs",
                "see what it waits for with: journalctl -k -b | tail; nothing else was changed",
            )
        ) from error


def _move(host: Host, device: str, driver: str, bound: bool, progress: Progress) -> None:
    """A device that is on its way out needs no unbind; one that another driver has the memory of cannot come back."""
    if not host.exists(f"{PLATFORM}/devices/{device}"):
        progress(GONE.format(device))
        return
    if bool(_driver(host, device)) == bound:
        return
    late = [] if bound else [(_attribute(driver, True), device)]
    try:
        host.sysfs_write(_attribute(driver, bound), device, UNBIND_SECONDS, late)
    except HostError as error:
        if not bound and not isinstance(error, Absent):
            raise
        progress(f"{device}: {error.cause}; where no driver shows a picture now, it is there again after the next boot")
