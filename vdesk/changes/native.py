"""A function that vdesk has no record of, from vfio-pci to the driver that the kernel has for it.

The driver is named in the override where it is known: a vfio-pci that was loaded with ids= would win the probe
(drivers/pci/pci-driver.c, pci_match_device). Where none is loaded, nothing asks for its module again after the device's
event, and one like nvidia refuses to be loaded while vfio-pci has its only card: so the module comes after the unbind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vdesk.changes.change import Change, Progress, Record
from vdesk.changes.drivers import (
    DEVICES,
    PROBE,
    PROBE_SECONDS,
    BindDriver,
    Steps,
    boot_id,
    carry_out,
    driver_of,
    steps,
    to_sleep,
)
from vdesk.host import Host
from vdesk.host.kernel_log import printable
from vdesk.host.leftovers import IDS, every, taken
from vdesk.host.names import modules_for
from vdesk.host.pci import read_device
from vdesk.model.address import parse_address
from vdesk.model.errors import HostError, VdeskError, problem

DRIVERS = "sys/bus/pci/drivers"
LOAD_SECONDS = 60.0


def registered(host: Host, address: str) -> list[str]:
    """The host drivers that are loaded and whose module claims the function, in the order of modules.alias."""
    of = {name: host.link_name(f"{DRIVERS}/{name}/module") or name for name in host.names(DRIVERS)}
    found = []
    for module in modules_for(host, alias(host, address)):
        for name, mine in of.items():
            if mine.replace("-", "_") == module.replace("-", "_") and "vfio" not in name and name not in found:
                found.append(name)
    return found


def alias(host: Host, address: str) -> str:
    """The name by which modprobe finds the modules for a function; empty where the kernel does not tell."""
    found = host.value(f"{DEVICES}/{address}/modalias")
    return found if found.startswith("pci:") and printable(found, 200) == found and " " not in found else ""


def command(host: Host, address: str) -> list[str]:
    """The modprobe(8) command that loads what claims the function; nothing where that cannot be told."""
    name = alias(host, address)
    return ["modprobe", "-q", "--", name] if name else []


def writes(host: Host, address: str, drivers: Sequence[str], now: str | None, sleep: str = "") -> Steps:
    """The writes that let a function go to one of these drivers, or with none of them just go: its module is loaded
    after. `sleep` as in `steps`."""
    if len(drivers) == 1:
        return steps(address, drivers[0], now, cold=sleep)
    found = steps(address, None, now, native=True, cold=sleep)
    return found if drivers or not command(host, address) else [each for each in found if each[0] != PROBE]


def load(host: Host, address: str, progress: Progress) -> bool:
    """Load what claims the function, and let it have that; False where a captured machine runs no commands. That
    nothing was found is no error: the function has no driver then."""
    try:
        ended = host.run(command(host, address), timeout=LOAD_SECONDS, changes=True, on_line=progress)
        if ended.skipped:
            return False
    except HostError as error:
        progress(error.problems[0].cause)
    for driver in registered(host, address):
        if driver_of(host, address) is None:
            carry_out(host, address, steps(address, driver, None), [])
    if driver_of(host, address) is None:
        host.sysfs_write(PROBE, address, PROBE_SECONDS)  # a driver that is built in is in no modules.alias
    return True


def give_back(host: Host, address: str, sleep: str, progress: Progress) -> None:
    """All of it, at once; raises VdeskError where vfio-pci keeps the function."""
    drivers, asleep = registered(host, address), to_sleep(host, address, sleep)
    carry_out(host, address, writes(host, address, drivers, driver_of(host, address), asleep), [])
    _name_each(host, address, drivers)
    if not drivers and command(host, address):
        load(host, address, progress)
    refuse_kept(host, address)


def _name_each(host: Host, address: str, drivers: Sequence[str]) -> None:
    """Where several drivers claim a function, the kernel's own choice is asked for; and where vfio-pci has won that,
    each of them in turn."""
    for driver in drivers if len(drivers) > 1 else ():
        now = driver_of(host, address)
        if now and "vfio" in now:
            carry_out(host, address, steps(address, driver, now), [])


def refuse_kept(host: Host, address: str) -> None:
    """Raise where vfio-pci has taken the function back, or did not let it go."""
    now = driver_of(host, address)
    if not now or "vfio" not in now:
        return
    told = claimed_by(host, address)
    cause = f"it was told to take every device of this id: {told}" if told else "no other driver has taken it before"
    take_out = "take that out, and reboot; vdesk bind ADDR --boot binds by address instead"
    remedy = take_out if told else "see which driver it should have with: vdesk groups; and load that with modprobe"
    raise VdeskError(problem("driver.taken-back", f"{now} has taken {address} back", cause, remedy))


def claimed_by(host: Host, address: str) -> str:
    """What tells vfio-pci to take every device of the function's id, and where; empty where nothing does. Such ids hold
    for the life of the module (drivers/vfio/pci/vfio_pci.c)."""
    device = read_device(host, parse_address(address))
    if device is None:
        return ""
    found = [each for each in every(host) if each.kind == IDS and taken(each, [device])]
    return f"{found[0].text} in {found[0].file}" if found else ""


def tell_none(host: Host, address: str, tell: Callable[[str], None]) -> None:
    """Tell what helps a function that was let go, where it has no driver now."""
    if driver_of(host, address) is None:
        name = alias(host, address)
        why = f"sudo modprobe -v {name}; journalctl -k -b | tail" if name else "journalctl -k -b | tail"
        tell(f"{address} has no driver now. Load one, or see why there is none, with: {why}")


class LetGo(BindDriver):
    """Let a function go to whatever driver the kernel has for it, of those that are loaded; with none of them
    `LoadDriver` comes after. `sleep` is what d3cold_allowed had before vdesk forbade it. `shown` is told the driver
    that the function then has, `tell` what helps where it has none."""

    def __init__(
        self, host: Host, address: str, was: str | None, sleep: str, shown: dict[str, Any], tell: Callable[[str], None]
    ) -> None:
        super().__init__(address, None, was)
        self.drivers, self.sleep, self.shown, self.tell = registered(host, address), sleep, shown, tell
        self.summary = f"{address}: {was or 'no driver'} -> the driver that the kernel has for it"
        self.argv = [] if self.drivers else command(host, address)
        """The command that loads a driver after; nothing where that is not needed, or cannot be told."""

    def writes(self, host: Host, now: str | None) -> Steps:
        """The writes, in order."""
        return writes(host, self.address, self.drivers, now, to_sleep(host, self.address, self.sleep))

    def record(self, host: Host) -> Record:
        """As that of a binding; whatever driver the function has then is no sign of somebody else."""
        return {**super().record(host), "native": True}

    def apply(self, host: Host, progress: Progress) -> bool:
        """The writes."""
        done = super().apply(host, progress)
        _name_each(host, self.address, self.drivers)
        return done

    def verify(self, host: Host) -> None:
        """vfio-pci does not have it any more."""
        refuse_kept(host, self.address)
        self.shown["driver"] = driver_of(host, self.address)
        if not self.argv:
            tell_none(host, self.address, self.tell)

    def done(self, host: Host) -> Record:
        """The driver that the kernel has picked."""
        return {"driver": driver_of(host, self.address)}


class LoadDriver(Change):
    """Load the driver of a function that `BindDriver` has just let go. Taking that back leaves the module loaded: it
    does nothing without a device, and BindDriver takes the function from it. `shown` is told the driver that the
    function then has, `tell` what helps where it has none."""

    kind = "driver-load"

    def __init__(self, address: str, argv: Sequence[str], shown: dict[str, Any], tell: Callable[[str], None]) -> None:
        self.address, self.argv, self.shown, self.tell = address, list(argv), shown, tell
        self.target, self.summary = address, f"{address}: load the driver that the kernel has for it"

    def preview(self, host: Host) -> str:
        """The command line."""
        return f"$ {' '.join(self.argv)}\n"

    def record(self, host: Host) -> Record:
        """The function, and the boot that it belongs to."""
        return {"address": self.address, "boot": boot_id(host)}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Run modprobe, and probe."""
        done = load(host, self.address, progress)
        self.shown["driver"] = driver_of(host, self.address)
        tell_none(host, self.address, self.tell)
        return done

    def verify(self, host: Host) -> None:
        """vfio-pci has not taken it back."""
        refuse_kept(host, self.address)

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Nothing."""
