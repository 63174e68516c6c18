"""Modules: a driver's modules unloaded, or loaded, in one step, with the functions that the driver then has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vdesk.changes.change import DONE, Change, Progress, Record
from vdesk.changes.commands import run_checked
from vdesk.changes.drivers import PROBE, PROBE_SECONDS, boot_id, driver_of, expect
from vdesk.host import Host
from vdesk.model.errors import VdeskError, problem

SECONDS = 120.0


class Modules(Change):
    """Unload `names` (given in the order to unload them), or load them again.

    `drivers` are the functions (address -> driver) that the driver gives up by that, and takes when it is loaded."""

    kind = "modules"

    def __init__(self, names: Sequence[str], load: bool, drivers: Mapping[str, str]) -> None:
        self.names, self.load, self.drivers = list(names), load, dict(drivers)
        self.target = " ".join(names)
        self.summary = f"{'load' if load else 'unload'} the modules {', '.join(names)}"

    def preview(self, host: Host) -> str:
        """The command line."""
        return f"$ {' '.join(command(self.names, self.load))}\n"

    def record(self, host: Host) -> Record:
        """The modules, the functions, and the boot that they belong to."""
        return {"names": self.names, "load": self.load, "drivers": self.drivers, "boot": boot_id(host)}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Run modprobe."""
        return _switch(host, self.names, self.load, self.drivers, progress)

    def verify(self, host: Host) -> None:
        """The modules are gone; or there, and their driver has its functions."""
        _verify(host, self.names, self.load, self.drivers)

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The command line of the way back."""
        return f"$ {' '.join(command(record['names'], not record['load']))}\n"

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The other of loading and unloading, within the same boot."""
        if record["boot"] != boot_id(host):
            return
        load = not record["load"]
        if _switch(host, record["names"], load, record["drivers"], progress) is DONE:
            _verify(host, record["names"], load, record["drivers"])


def command(names: Sequence[str], load: bool) -> list[str]:
    """The modprobe(8) command that loads (the last first) or unloads the modules."""
    return ["modprobe", "-a", *reversed(names)] if load else ["modprobe", "-r", *names]


def _switch(host: Host, names: Sequence[str], load: bool, drivers: Mapping[str, str], progress: Progress) -> bool:
    done = run_checked(host, command(names, load), SECONDS, progress)
    for address in drivers if done and load else ():
        if driver_of(host, address) is None:  # the modules were loaded already, so that nothing was probed
            host.sysfs_write(PROBE, address, PROBE_SECONDS)
    return done


def _verify(host: Host, names: Sequence[str], load: bool, drivers: Mapping[str, str]) -> None:
    for name in names:
        if host.exists(f"sys/module/{name}") != load:
            raise VdeskError(
                problem(
                    "modules.not-switched",
                    f"the module {name} is {'not loaded' if load else 'still loaded'}",
                    "modprobe reported success all the same",
                    "see why with: journalctl -k -b | tail; lsmod",
                )
            )
    for address, driver in drivers.items() if load else ():
        expect(host, address, driver)
