"""SysfsWrite: one attribute of sysfs, within one boot."""

from __future__ import annotations

from vdesk.changes.change import DONE, Change, Progress, Record
from vdesk.changes.drivers import boot_id
from vdesk.host import Host
from vdesk.model.errors import HostError


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
