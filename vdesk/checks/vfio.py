"""kernel.vfio: is vfio-pci there for the running kernel, does nothing keep it from being loaded, and what else than
vdesk tells it to bind devices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vdesk.checks.arguments import claimed_by_id, lost_with
from vdesk.checks.machine import Machine
from vdesk.host import leftovers
from vdesk.host.host import Host
from vdesk.host.leftovers import Line
from vdesk.host.software import find_version
from vdesk.initramfs.builders import builder
from vdesk.model.errors import Absent, HostError
from vdesk.model.finding import FAIL, INFO, OK, UNKNOWN, WARN, Finding, finding

NAME = "kernel.vfio"
RELEASE = "proc/sys/kernel/osrelease"
LOADED = ("sys/bus/pci/drivers/vfio-pci", "sys/module/vfio_pci")
WITHOUT_VIRQFD = (6, 2)
ORDER = (FAIL, WARN, INFO)
KERNELS = {
    "ubuntu": "sudo apt install linux-modules-extra-$(uname -r)",
    "debian": "sudo apt install linux-image-amd64, then reboot",
    "fedora": "sudo dnf install kernel-modules, then reboot",
    "arch": "reboot into the installed kernel (pacman removes the modules of the running one)",
}


class _Seen(NamedTuple):
    """One thing about the configuration: how bad, what, why, what helps, the line that says so."""

    level: str
    title: str
    cause: str
    remedy: str
    evidence: str


def findings(machine: Machine) -> list[Finding]:
    """The one finding."""
    return [_finding(machine)]


def _finding(machine: Machine) -> Finding:
    host = machine.host
    there, evidence = _available(host)
    lines = list(leftovers.lines(host))
    if there is None:
        remedy = machine.see_more
        title = "it could not be told whether the kernel has vfio-pci"
        return finding(NAME, UNKNOWN, title, cause=evidence, remedy=remedy, evidence=evidence)
    if not there:
        about = machine.distribution
        remedy = KERNELS.get(about.id) or KERNELS.get(about.family) or "boot a kernel with CONFIG_VFIO_PCI"
        title = "the running kernel has no module vfio-pci"
        cause = "it is in a package that is not installed, or the kernel was updated and not yet booted"
        return finding(NAME, FAIL, title, cause=cause, remedy=remedy, evidence=evidence)
    return _blocked(lines, evidence) or _doubtful(machine, lines) or _ready(evidence)


def _ready(evidence: str) -> Finding:
    return finding(NAME, OK, "vfio-pci is there for the running kernel", evidence=evidence)


def _available(host: Host) -> tuple[bool | None, str]:
    """Loaded or built in, or among the modules of the running kernel; None where that could not be read; the place."""
    for path in LOADED:
        if host.exists(path):
            return True, f"/{path} is there"
    release = host.value(RELEASE)
    if not re.fullmatch(r"[\w.+~-]+", release) or ".." in release:
        return None, f"/{RELEASE} could not be read"
    read = False
    for name in ("modules.builtin", "modules.dep"):
        for folder in ("lib/modules", "usr/lib/modules"):
            path = f"{folder}/{release}/{name}"
            try:
                text = host.read(path, 16 << 20)
            except Absent:
                read = read or host.is_live
                continue
            except HostError:
                return None, f"/{path} could not be read"
            read = read or name == "modules.dep"
            if re.search(r"/vfio[-_]pci\.ko", text):
                return True, f"/{path} lists vfio-pci"
            break
    return (False, f"/lib/modules/{release}: no vfio-pci") if read else (None, f"/lib/modules/{release} is not there")


def _blocked(lines: list[Line], evidence: str) -> Finding | None:
    """libvirt: `Failed to load PCI driver module vfio-pci: administratively prohibited`."""
    for place, text in lines:
        if re.match(r"(blacklist\s+vfio[-_]pci\b|install\s+vfio[-_]pci\s+\S*/(false|true)\b)", text):
            loaded = evidence.endswith("is there")
            return finding(
                NAME,
                WARN if loaded else FAIL,
                "vfio-pci is kept from being loaded" + (", and is loaded all the same" if loaded else ""),
                cause=f"the line `{text}` prohibits it",
                remedy=f"take the line out of {place.rpartition(':')[0]}",
                evidence=f"{place}: {text}",
            )
    return None


def _doubtful(machine: Machine, lines: list[Line]) -> Finding | None:
    """The worst of what is set beside vdesk, with everything else in its cause."""
    found = [*_others(machine, lines), *_virqfd(machine, lines)]
    if not found:
        return None
    worst = min(found, key=lambda each: ORDER.index(each.level))
    cause = "; ".join(dict.fromkeys(each.cause for each in found))
    remedy = "; ".join(dict.fromkeys(each.remedy for each in found))
    evidence = "; ".join(each.evidence for each in found)
    return finding(NAME, worst.level, worst.title, cause=cause, remedy=remedy, evidence=evidence)


def _others(machine: Machine, lines: list[Line]) -> Iterator[_Seen]:
    """What binds devices at boot beside vdesk: a boot that vdesk leaves without them has them there all the same."""
    for each in leftovers.in_files(machine.host, lines):
        there, evidence = leftovers.taken(each, machine.devices), f"{each.place}: {each.text}"
        remedy = each.way_out + f" (sudo {_builds(machine)})" * (each.kind != leftovers.OVERRIDE)
        if each.kind == leftovers.IDS:
            level, cause = claimed_by_id(machine, each.ids)
            cards = [str(device.address) for device in there if device.is_gpu]
            card = cards[0] if len(cards) == 1 and level != FAIL else "ADDR"
            remedy += f"; for a virtual machine's card: sudo vdesk bind {card} --boot"
            yield _Seen(level, "vfio-pci is told to bind by id", cause, remedy, evidence)
        elif each.kind == leftovers.PROGRAM:
            cause = f"the line `{each.text}` runs a program whenever vfio-pci is loaded, mostly one that binds devices"
            yield _Seen(WARN, "a program runs before vfio-pci is loaded", cause, remedy, evidence)
        elif "vfio" in each.driver or any(device.is_gpu for device in there):
            lost = lost_with(machine, there) if "vfio" in each.driver else ""
            cause = f"driverctl gives {each.address} to {each.driver} at every boot, whatever vdesk decides for it"
            if lost:
                cause = f"driverctl gives {each.address} to {each.driver} at every boot, and takes {lost} with that"
            level = FAIL if lost else WARN
            yield _Seen(level, f"driverctl binds {each.address} at boot", cause, remedy, evidence)


def _builds(machine: Machine) -> str:
    tool = builder(machine.host)
    return " ".join(tool.argv if tool else ("update-initramfs", "-u", "-k", "all"))


def _virqfd(machine: Machine, lines: list[Line]) -> Iterator[_Seen]:
    version = find_version(machine.host.value(RELEASE)) or (0, 0)
    for place, text in lines:
        if re.search(r"\bvfio_virqfd\b", text) and version[:2] >= WITHOUT_VIRQFD:
            yield _Seen(
                WARN,
                "vfio_virqfd is to be loaded, which this kernel does not have",
                "since kernel 6.2 it is a part of vfio; building an initramfs can fail on its name",
                f"take vfio_virqfd out of {place.rpartition(':')[0]}",
                f"{place}: {text}",
            )
            return
