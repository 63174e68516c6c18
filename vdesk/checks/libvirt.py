"""libvirt.daemon, libvirt.hook: is libvirt running, and what would its hook do to a start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vdesk.checks.machine import Machine
from vdesk.host.kernel_log import printable
from vdesk.model.errors import HostError
from vdesk.model.finding import FAIL, OK, UNKNOWN, WARN, Finding, finding

UNITS = ("virtqemud.socket", "virtqemud.service", "libvirtd.socket", "libvirtd.service")
HOOKS = "etc/libvirt/hooks"
OWN = "50-vdesk"
CALLS = re.compile(r"(?<![\w/.-])(?:/usr/bin/)?virsh\b|\blibvirt\.open|^\s*(?:import|from)\s+libvirt\b")


def findings(machine: Machine) -> list[Finding]:
    """Both findings."""
    return [daemon(machine), hook(machine)]


def daemon(machine: Machine) -> Finding:
    """One daemon for all (libvirtd) or one per driver (virtqemud); a socket that starts it on demand will do."""
    name, host = "libvirt.daemon", machine.host
    installed = [each for each in ("virtqemud", "libvirtd") if host.which(each)]
    if not installed and (host.is_live or host.exists("usr/bin")):
        cause, remedy = "neither libvirtd nor virtqemud is installed", machine.distribution.install("libvirt")
        return finding(name, FAIL, "there is no libvirt daemon", cause=cause, remedy=remedy, evidence="PATH")
    active, reasons = _active(machine)
    kinds = sorted({unit.partition(".")[0] for unit in active})
    evidence = "systemctl is-active: " + (", ".join(active) or "none")
    if len(kinds) > 1:
        return finding(
            name,
            WARN,
            "two libvirt daemons are active",
            cause="libvirtd and virtqemud each know only their own virtual machines",
            remedy="sudo systemctl disable --now libvirtd.service libvirtd.socket",
            evidence=evidence,
        )
    if kinds:
        which = "one daemon for all" if kinds == ["libvirtd"] else "one daemon per driver"
        return finding(name, OK, f"libvirt is active: {active[0]} ({which})", evidence=evidence)
    if reasons:
        title, cause = "it could not be told whether libvirt is active", reasons[0]
        remedy = "see it with: systemctl is-active libvirtd.socket virtqemud.socket"
        return finding(name, UNKNOWN, title, cause=cause, remedy=remedy, evidence="systemctl is-active")
    units = "libvirtd.socket" if "libvirtd" in installed else "virtqemud.socket virtnetworkd.socket virtnodedevd.socket"
    cause, remedy = "neither its service nor its socket is active", f"sudo systemctl enable --now {units}"
    return finding(name, FAIL, "libvirt is not active", cause=cause, remedy=remedy, evidence=evidence)


def _active(machine: Machine) -> tuple[list[str], list[str]]:
    """The active units, and why some could not be asked."""
    active, reasons = [], []
    for unit in UNITS:
        try:
            answer = machine.host.run(("systemctl", "is-active", unit), timeout=10.0)
        except HostError as error:
            reasons.append(error.problems[0].what)
            continue
        said = answer.stdout.strip()
        if said == "active":
            active.append(unit)
        elif not said:
            reasons.append(printable(answer.stderr.strip() or f"systemctl is-active {unit} said nothing", 160))
    return active, reasons


class _Trouble(NamedTuple):
    path: str
    cause: str
    remedy: str


def hook(machine: Machine) -> Finding:
    """A hook that calls libvirt waits for itself (libvirt.org/hooks.html); one that is not executable is skipped."""
    name = "libvirt.hook"
    if not machine.has("etc"):
        return machine.not_captured(name, "it could not be told whether libvirt has a hook", "etc")
    try:
        paths = _hooks(machine)
        trouble = [each for path in paths for each in _troubles(machine, path)]
    except HostError as error:
        title, cause = "libvirt's hooks could not be read", error.problems[0].what
        return finding(name, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=f"/{HOOKS}")
    if trouble:
        cause = "; ".join(f"/{each.path}: {each.cause}" for each in trouble)
        remedy = "; ".join(dict.fromkeys(each.remedy for each in trouble))
        evidence = ", ".join(dict.fromkeys(f"/{each.path}" for each in trouble))
        title = "a libvirt hook would break or hang the start of a virtual machine"
        return finding(name, WARN, title, cause=cause, remedy=remedy, evidence=evidence)
    if not paths:
        return finding(name, OK, "no libvirt hook is installed", evidence=f"/{HOOKS}/qemu, /{HOOKS}/qemu.d: none")
    shown = ", ".join(f"/{path}" for path in paths)
    what = "vdesk's own" if all(path.endswith(f"/{OWN}") for path in paths) else "nothing wrong was seen in it"
    return finding(name, OK, f"libvirt's hook: {what}", evidence=shown)


def _hooks(machine: Machine) -> list[str]:
    """qemu, then qemu.d in the order that libvirt runs it."""
    found = [f"{HOOKS}/qemu"] if "qemu" in machine.host.list(HOOKS) else []
    folder = f"{HOOKS}/qemu.d"
    names = machine.host.list(folder) if "qemu.d" in machine.host.list(HOOKS) else []
    return found + [f"{folder}/{name}" for name in names if not name.startswith(".")]


def _troubles(machine: Machine, path: str) -> Iterator[_Trouble]:
    found = machine.host.stat(path)
    if found.kind != "file":
        return
    if not found.mode & 0o111:
        yield _Trouble(path, "it is not executable, libvirt skips it", f"sudo chmod 755 /{path}, or take it away")
    if machine.host.tree.own and (found.uid != 0 or found.mode & 0o022):
        owner = "it runs as root and others can change it"
        yield _Trouble(path, owner, f"sudo chown root:root /{path} && sudo chmod go-w /{path}")
    lines = machine.host.read(path, 1 << 20).splitlines()
    if lines and re.match(r"#!\s*\S*(python2?|env\s+python2?)\s*$", lines[0]):
        yield _Trouble(path, "it wants Python 2, which is gone", "take it away, or rewrite it for Python 3")
    for number, line in enumerate(lines, 1):
        if not line.lstrip().startswith("#") and CALLS.search(line):
            cause = f"line {number} calls libvirt, which waits for the hook: `{printable(line.strip(), 60)}`"
            remedy = "take the call out; start networks once for all: virsh net-autostart default"
            yield _Trouble(path, cause, remedy)
            return
