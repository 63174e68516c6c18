"""BindDriver: one function from one driver to another, by override."""

from __future__ import annotations

import contextlib

from vdesk.changes.change import DONE, Change, Progress, Record, changed_since
from vdesk.changes.driver_errors import gone, held
from vdesk.host import Host
from vdesk.model.address import find_address
from vdesk.model.errors import Absent, HostError, Refused, TimedOut, VdeskError, problem

DEVICES = "sys/bus/pci/devices"
PROBE = "sys/bus/pci/drivers_probe"
COLD = "d3cold_allowed"
BOOT_ID = "proc/sys/kernel/random/boot_id"
VFIO = "vfio-pci"
UNBIND_SECONDS = 10.0
PROBE_SECONDS = 60.0  # a graphics driver loads its firmware in there
Steps = list[tuple[str, str]]


def boot_id(host: Host) -> str:
    """The kernel's id of this boot; what sysfs holds is gone with it. Empty on a machine that does not say."""
    return host.value(BOOT_ID)


def driver_of(host: Host, address: str) -> str | None:
    """The driver that has the function, None when none has."""
    return host.link_name(f"{DEVICES}/{address}/driver")


def _named(text: str | None) -> str:
    """The override as a name: unset reads `(null)` on kernels up to 7.x (drivers/pci/pci-sysfs.c)."""
    word = (text or "").strip()
    return "" if word == "(null)" else word


class BindDriver(Change):
    """Give a function to `driver` (None: to no driver).

    override, unbind, drivers_probe, then the driver link is read: drivers_probe reports success also when nothing was
    bound (Documentation/ABI/testing/sysfs-bus-pci). The override is written before the unbind, so that nothing else can
    take the function in between; it stays set for vfio-pci. `loaded`: a change before this one loads `driver`;
    `unloaded`: one unloads the driver that has the function, so that the way back is to no driver where that has
    happened. `after` is the record of the change that this one takes back: its override is set again."""

    kind = "driver"

    def __init__(
        self,
        address: str,
        driver: str | None,
        was: str | None,
        *,
        loaded: bool = False,
        unloaded: bool = False,
        after: Record | None = None,
    ) -> None:
        self.address, self.driver, self.was = address, driver, was
        self.loaded, self.unloaded, self.after = loaded, unloaded, after
        self.leave = _named(after.get("override")) if after else ""
        self.override: str | None = None
        self.cold: str | None = None
        """What the record has seen: the override, and whether the function may sleep without power (d3cold_allowed).
        On vfio-pci it may not: some cards do not come back from that."""
        self.target = address
        self.summary = f"{address}: {was or 'no driver'} -> {driver or 'no driver'}"

    def preview(self, host: Host) -> str:
        """The writes, in order."""
        return _shown(self.writes(host, self.was))

    def writes(self, host: Host, now: str | None) -> Steps:
        """What brings the function from the driver `now` to the one asked for."""
        text = "0" if self.driver == VFIO else (self.after or {}).get("cold")
        return steps(self.address, self.driver, now, self.leave, cold=to_sleep(host, self.address, text))

    def check(self, host: Host) -> None:
        """The function is there and still has the driver that the plan saw."""
        if not host.exists(f"{DEVICES}/{self.address}"):
            raise gone(self.address)
        now = driver_of(host, self.address)
        if now != self.was:
            raise HostError(
                self.address, f"the plan saw {self.was or 'no driver'}", f"{self.address} has {now or 'no driver'} now"
            )

    def record(self, host: Host) -> Record:
        """Driver and override before, and the boot that they belong to."""
        if not host.exists(f"{DEVICES}/{self.address}"):
            raise gone(self.address)
        self.override = host.sysfs_read(f"{DEVICES}/{self.address}/driver_override")
        self.cold = host.read_optional(f"{DEVICES}/{self.address}/{COLD}")
        return {
            "address": self.address,
            "driver": self.driver,
            "was": driver_of(host, self.address) if self.unloaded else self.was,
            "override": self.override,
            "cold": self.cold,
            "identity": identity(host, self.address),
            "boot": boot_id(host),
            "model": host.kernel.snapshot(self.address, self.driver, self.loaded),
        }

    def apply(self, host: Host, progress: Progress) -> bool:
        """The writes."""
        now = driver_of(host, self.address)
        # Should the kernel let go only after the time limit, the rest has been put back by then: so is this function.
        late = steps(self.address, now, None, _named(self.override), cold=(self.cold or "").strip()) if now else []
        carry_out(host, self.address, self.writes(host, now), late)
        if self.after:
            expect(host, self.address, self.driver)
            _tidy(host, self.after)
        return DONE

    def verify(self, host: Host) -> None:
        """The driver link says what was asked."""
        expect(host, self.address, self.driver)

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The writes of the way back."""
        return _shown(_way_back(host, record))

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """The same boot and the same device there, in no running VM; another driver means somebody else moved it."""
        if record["boot"] != boot_id(host):
            return
        found = identity(host, record["address"])
        if found and found != record["identity"]:
            raise changed_since(record["address"], f"another device is there now: {found}")
        now = driver_of(host, record["address"])
        if now not in (record["driver"], record["was"], None) and not record.get("native"):
            raise changed_since(record["address"], f"its driver is {now} now")
        if now == VFIO and now != record["was"]:
            _refuse_running(host, record["address"])

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The driver and the override before; nothing after a reboot, which has taken the binding back itself."""
        address = record["address"]
        if record["boot"] != boot_id(host) or not host.exists(f"{DEVICES}/{address}"):
            return
        if not host.kernel.settled(address):
            progress(f"{address} goes back to {record['was'] or 'no driver'} by itself, as soon as the kernel lets go")
            return
        if driver_of(host, address) != record["was"]:
            back = _way_back(host, record)
            unbind = [number for number, (path, _) in enumerate(back, 1) if path.endswith("/unbind")]
            carry_out(host, address, back, back[unbind[0] :] if unbind else [])
        expect(host, address, record["was"])
        _tidy(host, record)


def identity(host: Host, address: str) -> str:
    """`vendor:device subsystem` of what is at the address, empty when nothing is."""
    parts = [
        host.value(f"{DEVICES}/{address}/{name}").removeprefix("0x")
        for name in ("vendor", "device", "subsystem_vendor", "subsystem_device")
    ]
    return f"{parts[0]}:{parts[1]} {parts[2]}:{parts[3]}" if parts[0] else ""


def steps(
    address: str, driver: str | None, now: str | None, leave: str = "", native: bool = False, cold: str = ""
) -> Steps:
    """The writes that bring a function from the driver `now` to `driver`, path and text. A host driver is named in the
    override too, and cleared after: a vfio-pci that was loaded with ids= would take the function back otherwise.
    `cold` goes into d3cold_allowed, before vfio-pci has the function or after another driver has it back."""
    folder = f"{DEVICES}/{address}"
    sleep = [(f"{folder}/{COLD}", cold)] if cold else []
    found = sleep if driver == VFIO else []
    found = [*found, (f"{folder}/driver_override", "\n" if native else f"{driver or 'none'}\n")]
    if now:
        found.append((f"{folder}/driver/unbind", address))
    if driver or native:
        found.append((PROBE, address))
    if driver != VFIO and not (native and not leave):
        found.append((f"{folder}/driver_override", f"{leave}\n"))
    return found if driver == VFIO else found + sleep


def _way_back(host: Host, record: Record) -> Steps:
    address, was = record["address"], record["was"]
    sleep = to_sleep(host, address, record.get("cold"))
    return steps(address, was, driver_of(host, address), _named(record["override"]), cold=sleep)


def to_sleep(host: Host, address: str, text: str | None) -> str:
    """What to write into d3cold_allowed for it to read `text`; empty where it does already, or is not there."""
    now, wanted = host.value(f"{DEVICES}/{address}/{COLD}"), (text or "").strip()
    return wanted if now and wanted != now else ""


def _tidy(host: Host, record: Record) -> None:
    """Override and d3cold_allowed as they were; on a captured machine every file and link that the move has touched."""
    path, before = f"{DEVICES}/{record['address']}/driver_override", record["override"]
    if host.sysfs_read(path) != before:
        host.kernel.restore(path, before if _named(before) or not host.is_live else "\n")
    path, asleep = f"{DEVICES}/{record['address']}/{COLD}", record.get("cold")
    if asleep is not None and host.read_optional(path) not in (None, asleep):
        with contextlib.suppress(HostError):
            host.kernel.restore(path, asleep)
    host.kernel.give_back(record["address"], record.get("model", {}))


def _shown(found: Steps) -> str:
    return "".join(f"/{path} <- {text.strip() or '(cleared)'}\n" for path, text in found)


def carry_out(host: Host, address: str, found: Steps, late: Steps) -> None:
    """Do the writes of `steps`; `late` follow by themselves when the unbind returns after its time limit."""
    was = driver_of(host, address)
    for path, text in found:
        if path.endswith(f"/{COLD}"):
            with contextlib.suppress(HostError):  # it can be wished for only
                host.sysfs_write(path, text, UNBIND_SECONDS)
            continue
        if not path.endswith("/unbind"):
            host.sysfs_write(path, text, PROBE_SECONDS if path == PROBE else UNBIND_SECONDS)
            continue
        try:
            host.sysfs_write(path, text, UNBIND_SECONDS, late)
        except Absent:
            if driver_of(host, address):
                raise
        except TimedOut as error:
            raise held(address, was or "", UNBIND_SECONDS, error) from error


def expect(host: Host, address: str, driver: str | None) -> None:
    """Raise when the function's driver is another one."""
    now = driver_of(host, address)
    if not host.exists(f"{DEVICES}/{address}"):
        raise gone(address)
    if now == driver:
        return
    raise VdeskError(
        problem(
            "driver.not-bound",
            f"{address} has {now or 'no driver'} after the probe, not {driver or 'no driver'}",
            "the driver refused the function, or is not loaded; the kernel reports no error for that",
            "see why with: journalctl -k -b | tail",
        )
    )


def _refuse_running(host: Host, address: str) -> None:
    from vdesk.host.holders import holding
    from vdesk.host.pci import read_device

    place = find_address(address)
    device = read_device(host, place) if place else None
    for holder in holding(host, [device]).holders if device else ():
        raise Refused(
            problem(
                "rule.in-use",
                f"{address} is in a running virtual machine",
                f"{holder.command} (pid {holder.pid}) has {holder.node} open; taking the device back would hang",
                "shut the virtual machine down first: vdesk list",
            )
        )
