"""kernel.vfio: is vfio-pci there for the running kernel, and does nothing keep it from being loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vdesk.checks.arguments import claimed_by_id
from vdesk.checks.machine import Machine
from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.host.software import find_version
from vdesk.model.errors import Absent, HostError
from vdesk.model.finding import FAIL, OK, UNKNOWN, WARN, Finding, finding

NAME = "kernel.vfio"
RELEASE = "proc/sys/kernel/osrelease"
LOADED = ("sys/bus/pci/drivers/vfio-pci", "sys/module/vfio_pci")
MODPROBE = ("etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d")
LISTS = ("etc/modules", "etc/initramfs-tools/modules", "etc/mkinitcpio.conf")
LIST_FOLDERS = ("etc/modules-load.d", "etc/dracut.conf.d", "etc/mkinitcpio.conf.d")
WITHOUT_VIRQFD = (6, 2)
KERNELS = {
    "ubuntu": "sudo apt install linux-modules-extra-$(uname -r)",
    "debian": "sudo apt install linux-image-amd64, then reboot",
    "fedora": "sudo dnf install kernel-modules, then reboot",
    "arch": "reboot into the installed kernel (pacman removes the modules of the running one)",
}


class _Line(NamedTuple):
    place: str
    text: str


def findings(machine: Machine) -> list[Finding]:
    """The one finding."""
    return [_finding(machine)]


def _finding(machine: Machine) -> Finding:
    host = machine.host
    there, evidence = _available(host)
    lines = list(_settings(host))
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


def _settings(host: Host) -> Iterator[_Line]:
    """The lines of modprobe's configuration and of the lists of modules to load, comments left out."""
    seen: set[str] = set()
    places = [*LISTS]
    for folder in (*MODPROBE, *LIST_FOLDERS):
        try:
            names = [name for name in host.list(folder) if name.endswith(".conf")]
        except HostError:
            continue
        places += [f"{folder}/{name}" for name in names]
    for path in places:
        try:
            real = host.resolve(path)
            text = host.read(path, 1 << 20) if real not in seen else ""
        except HostError:
            continue
        seen.add(real)
        for number, line in enumerate(text.splitlines(), 1):
            if "vfio" in line and not line.lstrip().startswith("#"):
                yield _Line(f"/{path}:{number}", printable(line.strip(), 200))


def _blocked(lines: list[_Line], evidence: str) -> Finding | None:
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


def _doubtful(machine: Machine, lines: list[_Line]) -> Finding | None:
    version = find_version(machine.host.value(RELEASE)) or (0, 0)
    for place, text in lines:
        options = re.match(r"options\s+vfio[-_]pci\s.*?\bids=(\S+)", text)
        if options:
            level, cause = claimed_by_id(machine.devices, options.group(1))
            if level == WARN:
                remedy = f"take the line out of {place.rpartition(':')[0]}, and after each boot: sudo vdesk bind ADDR"
                seen = f"{place}: {text}"
                return finding(NAME, WARN, "vfio-pci is told to bind by id", cause=cause, remedy=remedy, evidence=seen)
        if re.search(r"\bvfio_virqfd\b", text) and version[:2] >= WITHOUT_VIRQFD:
            return finding(
                NAME,
                WARN,
                "vfio_virqfd is to be loaded, which this kernel does not have",
                cause="since kernel 6.2 it is a part of vfio; building an initramfs can fail on its name",
                remedy=f"take vfio_virqfd out of {place.rpartition(':')[0]}",
                evidence=f"{place}: {text}",
            )
    return None
