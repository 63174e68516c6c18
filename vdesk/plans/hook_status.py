"""What is there of libvirt's hooks: vdesk's own, and those of others, which stay as they are."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from vdesk.changes.hook_guard import HOOKS, PATH, taken_for
from vdesk.host import Host, software, system_python
from vdesk.host.kernel_log import printable
from vdesk.host.other_hooks import SIGNS, does
from vdesk.model.errors import Absent, HostError, NeedsRoot, Refused, problem
from vdesk.model.report import Report
from vdesk.plans.hook_file import hook_bytes

DAEMONS = ("libvirtd.service", "virtqemud.service")
OLDEST_LIBVIRT = (6, 5)  # the first that reads qemu.d (libvirt.org/hooks.html)
ASK_LIBVIRT = (("virsh", "--version"), ("libvirtd", "--version"), ("virtqemud", "--version"))
CHECK_SECONDS = 60.0


class Own(NamedTuple):
    """vdesk's hook as it lies there: its bytes (None: not there), whether they are this vdesk's, whether it runs."""

    data: bytes | None
    current: bool
    executable: bool


class Other(NamedTuple):
    """A hook of somebody else: its path, and what it does that matters here."""

    path: str
    executable: bool
    does: tuple[str, ...]


def own(host: Host) -> Own:
    """vdesk's hook; HostError when it cannot be looked at."""
    try:
        data, mode = host.read_bytes(PATH), host.stat(PATH).mode
    except Absent:
        return Own(None, False, False)
    return Own(data, data == hook_bytes(), bool(mode & 0o100))


def others(host: Host) -> list[Other]:
    """The other hooks of libvirt's QEMU driver, in the order that libvirt runs them."""
    names = [("qemu", f"{HOOKS}/qemu")] if "qemu" in host.list(HOOKS) else []
    if "qemu.d" in host.list(HOOKS):
        names += [(name, f"{HOOKS}/qemu.d/{name}") for name in host.list(f"{HOOKS}/qemu.d") if name[:1] != "."]
    return [_other(host, path) for _, path in names if path != PATH and host.stat(path).kind == "file"]


def _other(host: Host, path: str) -> Other:
    try:
        found = {what for line in host.read(path, 1 << 20).splitlines() for what in does(line)}
    except HostError:
        return Other(f"/{path}", True, ("cannot be read",))
    return Other(f"/{path}", bool(host.stat(path).mode & 0o111), tuple(what for what, _ in SIGNS if what in found))


def active_daemons(host: Host) -> list[str]:
    """The libvirt daemons that run now; one that its socket starts later looks for hooks then."""
    found = []
    for unit in DAEMONS:
        try:
            answer = host.run(("systemctl", "is-active", unit), timeout=10.0)
        except HostError:
            continue
        if answer.stdout.strip() == "active":
            found.append(unit)
    return found


def noticed(host: Host, units: list[str]) -> bool | None:
    """Whether the running daemons know that there are hooks: they look at their start and at a reload only. None where
    that could not be told."""
    changed = host.stat(PATH).mtime_ns // 10**9
    older = [other for other in others(host) if host.stat(other.path[1:]).mtime_ns // 10**9 < changed]
    for unit in units if not any(other.executable for other in older) else ():
        try:
            asked = ("systemctl", "show", "--timestamp=unix", "-p", "StateChangeTimestamp", unit)
            looked = re.search(r"@(\d{1,12})", host.run(asked, timeout=10.0).stdout)
        except HostError:
            return None
        if looked is None:
            return None
        if int(looked.group(1)) < changed:
            return False
    return True


def version(host: Host) -> software.Program | None:
    """libvirt as it is installed."""
    return software.program(host, "virsh", "libvirtd", "virtqemud", ask=ASK_LIBVIRT)


def status(host: Host) -> dict[str, Any]:
    """Everything above, as data."""
    mine, found = own(host), version(host)
    units = active_daemons(host) if mine.data is not None else []
    return {
        "path": f"/{PATH}",
        "installed": mine.data is not None,
        "current": mine.current,
        "executable": mine.executable,
        "noticed": noticed(host, units) if mine.data is not None else None,
        "libvirt": found.shown if found and found.version else None,
        "taken": taken_for(host),
        "others": [each._asdict() | {"does": list(each.does)} for each in others(host)],
    }


def self_test(host: Host) -> Report:
    """Run the installed hook's own test; exit 3 when it says that it cannot work here."""
    if own(host).data is None:
        raise Refused(
            problem(
                "hook.not-installed",
                "vdesk's hook is not installed",
                f"there is no /{PATH}",
                "install it with: sudo vdesk hook install",
            )
        )
    if host.needs_root:
        raise NeedsRoot(problem("root.needed", "the hook runs as root", "so does its test", "run it with sudo"))
    system_python.refuse_old(host, "the hook")
    ended = host.run([f"/{PATH}", "--check"], timeout=CHECK_SECONDS)
    lines = [printable(line, 300) for line in (ended.stdout + ended.stderr).splitlines()]
    data = {"path": f"/{PATH}", "lines": lines, "hook_exit_code": ended.exit_code}
    if ended.exit_code == 0:
        return Report("hook check", data=data)
    bad = "; ".join(line for line in lines if not line.startswith("ok")) or f"it exited with {ended.exit_code}"
    raise Refused(
        problem(
            "hook.check-failed",
            "the hook cannot do its work here",
            bad,
            "see its log: sudo tail /var/log/vdesk/hook.log",
        )
    )
