"""`vdesk report` and `groups --svg`: this machine for somebody who helps, as data to draw, without what is private."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from vdesk import __version__
from vdesk.host import Host, this_machine
from vdesk.host.capturing import scrubber
from vdesk.host.cpu_topology import CPUINFO, memory
from vdesk.host.handing import require_folder, save
from vdesk.host.kernel_log import kernel_log
from vdesk.host.pci_tree import tree
from vdesk.host.recording import RecordingHost
from vdesk.host.scrub import Scrub
from vdesk.host.trust import refuse_foreign_code
from vdesk.model.errors import VdeskError, WrongUsage, problem
from vdesk.model.finding import INFO, OK, Finding
from vdesk.model.report import PLANNED, ChangeView, Report

Facts = dict[str, Any]
LOG_WORDS = (
    *("DMAR", "AMD-Vi", "IVRS", "iommu: Default", "vfio", "vdesk", "Linux version", "Command line:", "BAR ", "kvm:"),
    *("nouveau", "NVRM", "nvidia", "amdgpu", "radeon", "i915", "xe 0", "snd_hda_intel", "simpledrm"),
    *("efifb", "pcieport"),
)
LOG_LINES = 200
ENTRIES = 30


class Looks(NamedTuple):
    """The commands that look, each a function of the host: `vdesk check`, `groups`, `doctor NAME`."""

    check: Callable[[Host], Report]
    groups: Callable[[Host], Report]
    doctor: Callable[[Host, str], Report]


def make(host: Host, target: str, looks: Looks, draw: Callable[[Facts], str], *, dry_run: bool) -> Report:
    """Write the page to `target`, a new file on this machine, or give it back as data where that is `-`.

    `draw` makes the page of the facts. WrongUsage where the file is there, or its folder is not, Refused where root
    would do it with code that others can write."""
    _free(target)
    if not dry_run:
        refuse_foreign_code(host)
    found = collect(host, looks)
    text = draw(found)
    report = Report("report", data={"target": target, "bytes": len(text), "ready": found["ready"]})
    if _written(report, target, text, "one page", dry_run):
        report.notes = [
            f"Written: {target}, one page for a browser; it needs no network.",
            "Names of people and of the machine, serial numbers, MAC and IP addresses are left out; look at it before "
            "you give it to anybody all the same.",
        ]
        if host.needs_root:
            report.notes.append("What only root may read is missing; all of it: sudo vdesk report")
    return report


def picture(host: Host, target: str, groups: Report, draw: Callable[[Facts], str], *, dry_run: bool) -> None:
    """Write the picture of the groups that `groups` reports to `target`; its place goes into the report's data."""
    _free(target)
    if not dry_run:
        refuse_foreign_code(host)
    facts = {
        "tree": tree(host),
        "groups": groups.data["groups"],
        "cards": _tried(lambda: _cards(host), []),
        "wanted": frozenset(device["address"] for group in groups.data["groups"] for device in group["devices"]),
    }
    groups.data["svg"] = target
    if _written(groups, target, draw(facts), "one picture", dry_run):
        groups.notes.append(f"Written: {target}")


def _free(target: str) -> None:
    if target == "-":
        return
    if this_machine().exists(target.lstrip("/")):
        raise _there(target, "nothing is ever written over")
    require_folder(target)


def _written(report: Report, target: str, text: str, what: str, dry_run: bool) -> bool:
    """Write it, or put the text (`page`) or the plan into the report; whether it is written."""
    if target == "-":
        report.data["page"] = text
    elif dry_run:
        summary = f"write {what} to {target}, {len(text) >> 10} KiB"
        report.changes = [ChangeView("report", target, summary, state=PLANNED)]
    elif save(target, text.encode("ascii")):
        return True
    else:
        raise _there(target, "another program made it just now")
    return False


def _there(target: str, why: str) -> WrongUsage:
    return WrongUsage(problem("usage.file-exists", f"{target} is there already", why, "name another file"))


def collect(host: Host, looks: Looks) -> Facts:
    """Everything the page shows, scrubbed: plain values, lists and dictionaries."""
    verdict = looks.check(host)
    found = {
        "about": _about(host),
        "ready": verdict.exit_code == 0,
        "iommu": verdict.data["iommu"],
        "findings": [each.as_json() for each in verdict.findings],
        "tree": _tried(lambda: tree(host), []),
        "groups": _tried(lambda: looks.groups(host).data["groups"], []),
        "cards": _tried(lambda: _cards(host), []),
        "cmdline": host.text("proc/cmdline").strip(),
        "log": _log(host),
        "bound": _tried(lambda: _bound(host), {}),
        "hook": _tried(lambda: _hook(host), {}),
        "history": _tried(lambda: _history(host), []),
        "machines": _machines(host, looks),
    }
    scrub = scrubber(RecordingHost(host))
    clean: Facts = _scrubbed(found, scrub)
    return clean


def _scrubbed(value: Any, scrub: Scrub) -> Any:
    if isinstance(value, str):
        return scrub.text(scrub.path(value) if "/by-" in value else value)
    if isinstance(value, dict):
        return {scrub.text(str(key)): _scrubbed(each, scrub) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(each, scrub) for each in value]
    return value


def _tried(read: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return read()
    except VdeskError:
        return otherwise


def _about(host: Host) -> Facts:
    board = [host.value(f"sys/class/dmi/id/{name}") for name in ("board_vendor", "board_name")]
    firmware = [host.value(f"sys/class/dmi/id/{name}") for name in ("bios_vendor", "bios_version", "bios_date")]
    system = [line for line in host.lines("etc/os-release") if line.startswith("PRETTY_NAME=")]
    model = [line.partition(":")[2].strip() for line in host.lines(CPUINFO) if line.startswith("model name")]
    kernel = host.text("proc/version").split()
    return {
        "vdesk": __version__,
        "made": time.strftime("%Y-%m-%d", time.gmtime()),
        "system": system[0].partition("=")[2].strip("\"'") if system else "",
        "kernel": kernel[2] if len(kernel) > 2 else "",
        "processor": model[0] if model else "",
        "memory": memory(host),
        "board": " ".join(each for each in board if each),
        "firmware": " ".join(each for each in firmware if each),
    }


def _cards(host: Host) -> list[Facts]:
    """`gpu list`; of who holds a node only the program's name."""
    from vdesk.plans.gpu import listing

    rows: list[Facts] = listing(host).data["gpus"]
    for row in rows:
        row["holders"] = [{"command": each["command"], "node": each["node"]} for each in row["holders"]]
    return rows


def _log(host: Host) -> Facts:
    log = kernel_log(host)
    lines = log.matching(*LOG_WORDS)
    return {"lines": list(lines[:LOG_LINES]), "more": max(0, len(lines) - LOG_LINES), "why": log.reason}


def _bound(host: Host) -> Facts:
    from vdesk.plans.boot_list import show

    return show(host).data


def _hook(host: Host) -> Facts:
    from vdesk.plans.hook_status import status

    return status(host)


def _history(host: Host) -> list[Facts]:
    from vdesk.changes.undoing import history

    rows: list[Facts] = history(host).data["entries"]
    return rows[-ENTRIES:]


def _machines(host: Host, looks: Looks) -> Facts:
    """`rows` as in `list`, each with its map of the processor and what `doctor` finds; `why` they cannot be told.

    `cpus` is the processor where no machine is."""
    from vdesk.plans.vm_cpus import cpu_map
    from vdesk.plans.vm_look import find_vm, machines, open_libvirt

    plain = cpu_map(host, "<domain/>")
    try:
        libvirt = open_libvirt(host, None)
        rows = machines(host, libvirt)
        for row in rows:
            name = row["name"]
            row["cpu_map"] = cpu_map(host, find_vm(libvirt, name).xml)
            row["findings"] = [each.as_json() for each in _tried(partial(_seen, looks, host, name), [])]
    except VdeskError as error:
        return {"rows": [], "why": error.problems[0].what, "cpus": plain}
    return {"rows": rows, "why": "", "cpus": plain}


def _seen(looks: Looks, host: Host, name: str) -> list[Finding]:
    return [each for each in looks.doctor(host, name).findings if each.level not in (OK, INFO)]
