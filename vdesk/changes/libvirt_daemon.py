"""EnableDaemon: libvirt's daemon started, now and at every boot, where the package has not done so (systemctl(1))."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.changes.change import DONE, SKIPPED, Change, Progress, Record
from vdesk.changes.commands import run_checked
from vdesk.host import Host
from vdesk.model.errors import HostError, VdeskError, problem

MODULAR = ("virtqemud.socket", "virtnetworkd.socket", "virtnodedevd.socket", "virtstoraged.socket")
WHOLE = ("libvirtd.socket",)
DAEMONS = ("virtqemud.socket", "virtqemud.service", "libvirtd.socket", "libvirtd.service")
SECONDS = 90.0


def units(host: Host) -> tuple[str, ...]:
    """The sockets to switch on: those that the distribution has enabled, else libvirtd's where it is installed. Both
    kinds at once would each know only their own machines."""
    if host.which("virtqemud") and (_says(host, "is-enabled", MODULAR[0]) == "enabled" or not host.which("libvirtd")):
        return MODULAR
    return WHOLE


def is_active(host: Host) -> bool:
    """Whether one of libvirt's daemons runs, or is started when it is asked."""
    return any(_says(host, "is-active", unit) == "active" for unit in DAEMONS)


def _says(host: Host, question: str, unit: str) -> str:
    try:
        return host.run(("systemctl", question, unit), timeout=10.0).stdout.strip()
    except HostError:
        return ""


class EnableDaemon(Change):
    """Which units that are, is known when the packages are there; does nothing where libvirt is active by then."""

    kind = "libvirt-daemon"

    def __init__(self) -> None:
        self.target = "libvirt"
        self.summary = "start libvirt's daemon, now and at every boot, where it is not active by itself"

    def preview(self, host: Host) -> str:
        """The command line, as far as it is known before libvirt is installed."""
        return f"$ {' '.join(_argv('enable', units(host)))}\n"

    def record(self, host: Host) -> Record:
        """The units to touch, of each whether it was enabled; none where libvirt is active."""
        chosen = () if not host.is_live or is_active(host) else units(host)
        self.chosen = list(chosen)
        return {"units": self.chosen, "enabled": [u for u in chosen if _says(host, "is-enabled", u) == "enabled"]}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Enable and start."""
        if not host.is_live:
            return SKIPPED
        return run_checked(host, _argv("enable", self.chosen), SECONDS, progress) if self.chosen else DONE

    def verify(self, host: Host) -> None:
        """A daemon is active."""
        if not is_active(host):
            raise VdeskError(
                problem(
                    "libvirt.not-started",
                    "libvirt does not start",
                    "none of its sockets and services is active",
                    f"see why with: systemctl status {' '.join(self.chosen or WHOLE)}",
                )
            )

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The commands of the way back."""
        return "".join(f"$ {' '.join(argv)}\n" for argv in _back(record))

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Stop what was started; disable what was not enabled before."""
        for argv in _back(record):
            run_checked(host, argv, SECONDS, progress)


def _argv(verb: str, names: Sequence[str]) -> list[str]:
    return ["systemctl", verb, "--now", *names]


def _back(record: Record) -> list[list[str]]:
    kept = record["enabled"]
    fresh = [unit for unit in record["units"] if unit not in kept]
    return [_argv("disable", fresh)] * bool(fresh) + [["systemctl", "stop", *kept]] * bool(kept)
