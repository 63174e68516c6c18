"""BindDriver: one function from one driver to another, by override. SysfsWrite: any other attribute."""

from __future__ import annotations

from vdesk.changes.change import DONE, Change, Progress, Record, changed_since
from vdesk.host import Host
from vdesk.model.errors import Absent, HostError, TimedOut, VdeskError, problem

DEVICES = "sys/bus/pci/devices"
PROBE = "sys/bus/pci/drivers_probe"
BOOT_ID = "proc/sys/kernel/random/boot_id"
UNBIND_SECONDS = 10.0


def boot_id(host: Host) -> str:
    """The kernel's id of this boot; what sysfs holds is gone with it. Empty on a machine that does not say."""
    return host.value(BOOT_ID)


def driver_of(host: Host, address: str) -> str | None:
    """The driver that has the function, None when none has."""
    return host.link_name(f"{DEVICES}/{address}/driver")


def _override(host: Host, address: str) -> str | None:
    text = host.read_optional(f"{DEVICES}/{address}/driver_override")
    return text


def _named(text: str | None) -> str:
    """The override as a name: unset reads `(null)` on kernels up to 7.x (drivers/pci/pci-sysfs.c)."""
    word = (text or "").strip()
    return "" if word == "(null)" else word


class BindDriver(Change):
    """Give a function to `driver` (None: to no driver): override, unbind, drivers_probe, then read the driver link.

    The override is written before the unbind, so that nothing else can take the function in between; drivers_probe
    reports
    success also when nothing was bound (Documentation/ABI/testing/sysfs-bus-pci). `keep` leaves the override set:
    wanted for
    vfio-pci, cleared for host drivers."""

    kind = "driver"

    def __init__(self, address: str, driver: str | None, was: str | None, summary: str = "") -> None:
        self.address, self.driver, self.was = address, driver, was
        self.target = address
        self.summary = summary or f"{address}: {was or 'no driver'} -> {driver or 'no driver'}"

    def preview(self, host: Host) -> str:
        """The writes, in order."""
        return "".join(f"/{path} <- {text}\n" for path, text in _steps(self.address, self.driver, self.was))

    def check(self, host: Host) -> None:
        """The function is there and still has the driver that the plan saw."""
        if not host.exists(f"{DEVICES}/{self.address}"):
            raise _gone(self.address)
        now = driver_of(host, self.address)
        if now != self.was:
            raise HostError(
                self.address, f"the plan saw {self.was or 'no driver'}", f"{self.address} has {now or 'no driver'} now"
            )

    def record(self, host: Host) -> Record:
        """Driver and override before, and the boot that they belong to."""
        return {
            "address": self.address,
            "driver": self.driver,
            "was": self.was,
            "override": _override(host, self.address),
            "identity": identity(host, self.address),
            "boot": boot_id(host),
        }

    def apply(self, host: Host, progress: Progress) -> bool:
        """The writes."""
        move(host, self.address, self.driver)
        return DONE

    def verify(self, host: Host) -> None:
        """The driver link says what was asked."""
        expect(host, self.address, self.driver)

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The writes of the way back."""
        now = driver_of(host, record["address"])
        return "".join(f"/{path} <- {text}\n" for path, text in _steps(record["address"], record["was"], now))

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """The same boot and the same device there; another driver than vdesk gave means somebody else moved it."""
        if record["boot"] != boot_id(host):
            return
        found = identity(host, record["address"])
        if found and found != record["identity"]:
            raise changed_since(record["address"], f"another device is there now: {found}")
        now = driver_of(host, record["address"])
        if now not in (record["driver"], record["was"], None):
            raise changed_since(record["address"], f"its driver is {now} now")

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The driver and the override before; nothing after a reboot, which has taken the binding back itself."""
        address = record["address"]
        if record["boot"] != boot_id(host) or not host.exists(f"{DEVICES}/{address}"):
            return
        if driver_of(host, address) != record["was"]:
            move(host, address, record["was"])
        path = f"{DEVICES}/{address}/driver_override"
        if _override(host, address) != record["override"]:
            before = record["override"]
            host.kernel.restore(path, before if before is None or _named(before) or not host.is_live else "\n")
        expect(host, address, record["was"])


def identity(host: Host, address: str) -> str:
    """`vendor:device subsystem` of what is at the address, empty when nothing is."""
    parts = [
        host.value(f"{DEVICES}/{address}/{name}").removeprefix("0x")
        for name in ("vendor", "device", "subsystem_vendor", "subsystem_device")
    ]
    return f"{parts[0]}:{parts[1]} {parts[2]}:{parts[3]}" if parts[0] else ""


def _steps(address: str, driver: str | None, was: str | None) -> list[tuple[str, str]]:
    folder = f"{DEVICES}/{address}"
    steps = [(f"{folder}/driver_override", driver or "none")]
    if was:
        steps.append((f"{folder}/driver/unbind", address))
    if driver:
        steps.append((PROBE, address))
    if driver != "vfio-pci":
        steps.append((f"{folder}/driver_override", "(cleared)"))
    return steps


def move(host: Host, address: str, driver: str | None) -> None:
    """Bind `address` to `driver`. A host driver is named in the override too, and cleared after: a vfio-pci that was
    loaded with ids= would take the function back otherwise."""
    folder = f"{DEVICES}/{address}"
    was = driver_of(host, address)
    host.sysfs_write(f"{folder}/driver_override", f"{driver or 'none'}\n")
    if was:
        try:
            host.sysfs_write(f"{folder}/driver/unbind", address, UNBIND_SECONDS)
        except Absent:
            if driver_of(host, address):
                raise
        except TimedOut as error:
            raise _held(address, was, error) from error
    if driver:
        host.sysfs_write(PROBE, address, UNBIND_SECONDS)
    if driver != "vfio-pci":
        host.sysfs_write(f"{folder}/driver_override", "\n")


def expect(host: Host, address: str, driver: str | None) -> None:
    """Raise when the function's driver is another one."""
    now = driver_of(host, address)
    if now == driver:
        return
    if not host.exists(f"{DEVICES}/{address}"):
        raise _gone(address)
    raise VdeskError(
        problem(
            "driver.not-bound",
            f"{address} has {now or 'no driver'} after the probe, not {driver or 'no driver'}",
            "the driver refused the function, or is not loaded; the kernel reports no error for that",
            "see why with: journalctl -k -b | tail",
        )
    )


def _gone(address: str) -> VdeskError:
    return VdeskError(
        problem(
            "driver.vanished",
            f"{address} is not there any more",
            "the device was removed, or has fallen off the bus",
            "look for it with: vdesk groups; a card that is gone comes back after a full power-off",
        )
    )


def _held(address: str, driver: str, error: TimedOut) -> VdeskError:
    return VdeskError(
        problem(
            "driver.held",
            f"{driver} did not let go of {address} within {UNBIND_SECONDS:.0f} s",
            error.cause,
            f"close what uses the device (vdesk gpu list, fuser -v /dev/snd/* /dev/dri/*), then: vdesk bind {address}",
        )
    )


class SysfsWrite(Change):
    """Write one attribute and read it back."""

    kind = "sysfs"

    def __init__(self, path: str, text: str, summary: str, readable: bool = True) -> None:
        self.path, self.text, self.readable = path, text, readable
        self.target, self.summary = "/" + path, summary

    def preview(self, host: Host) -> str:
        """old -> new."""
        return f"{host.value(self.path) or '(empty)'} -> {self.text}\n"

    def record(self, host: Host) -> Record:
        """The value before, and the boot that it belongs to."""
        before = host.read(self.path) if self.readable else None
        return {"path": self.path, "before": before, "after": self.text, "boot": boot_id(host)}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Write."""
        host.sysfs_write(self.path, f"{self.text}\n")
        return DONE

    def verify(self, host: Host) -> None:
        """Read back."""
        if self.readable and host.value(self.path) != self.text:
            raise HostError(
                self.target, f"it reads {host.value(self.path)!r}", f"{self.target} did not take {self.text!r}"
            )

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The value before, within the same boot."""
        if record["before"] is None or record["boot"] != boot_id(host) or not host.exists(record["path"]):
            return
        if host.read(record["path"]) != record["before"]:
            host.kernel.restore(record["path"], record["before"])
