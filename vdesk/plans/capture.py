"""`vdesk capture`: this machine's facts as a folder or a file that `--root` takes, without what is private."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from vdesk import __version__
from vdesk.host import Host, this_machine
from vdesk.host.archive import SUFFIXES, kind_of, packed
from vdesk.host.capturing import Capture, capture, scrubber
from vdesk.host.handing import require_folder, save, save_folder
from vdesk.host.kernel_log import kernel_log
from vdesk.host.recording import RecordingHost
from vdesk.host.trust import refuse_foreign_code
from vdesk.model.errors import VdeskError, WrongUsage, problem
from vdesk.model.report import PLANNED, ChangeView, Report

Reader = Callable[[Host], object]


def make(host: Host, target: str, readers: Iterable[Reader], asked: dict[str, str], *, dry_run: bool) -> Report:
    """Read everything that vdesk reads, and write it to `target`, an absolute path on this machine: a folder that is
    new or empty, or an archive. `asked` are libvirt's answers. Raises WrongUsage, Refused where root would do it with
    code that others can write, and changes nothing else."""
    kind = kind_of(target)
    _check(target, kind)
    if not dry_run:
        refuse_foreign_code(host)
    found = _collect(host, readers, asked)
    size = sum(map(len, found.files.values()))
    data = {"target": target, "files": len(found.files), "bytes": size, "unreadable": found.unreadable}
    report = Report("capture", data=data)
    if dry_run:
        what = f"write {len(found.files)} files, {size >> 10} KiB"
        report.changes = [ChangeView("capture", target, what, state=PLANNED)]
        return report
    _write(target, kind, found)
    report.notes = [
        f"Captured into {target}: {len(found.files)} files, {size >> 10} KiB. See: vdesk --root {target} check",
        "Names of people and of the machine, serial numbers, MAC and IP addresses are left out; look through it before "
        "you give it to anybody all the same.",
    ]
    if found.unreadable:
        why = "What only root may read is missing, and counts as unknown"
        report.notes.append(f"{why} ({len(found.unreadable)} places): sudo vdesk capture has it all.")
    return report


def _check(target: str, kind: str | None) -> None:
    here, place = this_machine(), target.lstrip("/")
    what = why = ""
    if here.exists(place):
        if kind is not None or here.stat(place).kind != "folder":
            what, why = f"{target} is there already", "nothing is ever written over"
        elif here.list(place):
            what, why = f"the folder {target} is not empty", "a captured machine is a folder of its own"
    elif kind is None and "." in target.rpartition("/")[2]:
        endings = ", ".join(SUFFIXES)
        what, why = f"{target} is named like a file, and not like an archive", f"an archive ends in {endings}"
    if what:
        raise WrongUsage(problem("usage.file-exists", what, why, "name another folder or file"))
    require_folder(target)


def _collect(host: Host, readers: Iterable[Reader], asked: dict[str, str]) -> Capture:
    recorded = RecordingHost(host)
    for read in readers:
        try:
            read(recorded)
        except VdeskError:
            continue  # a refusal has read what it rests on
    _plain(recorded)
    more = dict(asked)
    log = kernel_log(recorded)
    if log.lines:
        more["kernel.log"] = "\n".join(log.lines) + "\n"
    elif host.is_live:
        recorded.record.denied.add("run/vdesk/kernel.log")
    about = {"captured": time.strftime("%Y-%m-%d", time.gmtime()), "version": __version__}
    return capture(recorded, scrubber(RecordingHost(host)), about, more)


ATTRIBUTES = (
    *("class", "vendor", "device", "subsystem_vendor", "subsystem_device", "revision", "modalias", "numa_node"),
    *("boot_vga", "reset_method", "d3cold_allowed", "power/control", "power/runtime_status", "power_state"),
    *("current_link_speed", "current_link_width", "max_link_speed", "max_link_width", "sriov_numvfs", "sriov_totalvfs"),
)
PLACES = (
    *("etc/os-release", "etc/debian_version", "etc/default/grub", "proc/cmdline", "proc/meminfo", "proc/cpuinfo"),
    *("proc/iomem", "proc/modules", "proc/version", "proc/fb", "sys/class/dmi/id/sys_vendor"),
    *("sys/class/dmi/id/product_name", "sys/class/dmi/id/board_vendor", "sys/class/dmi/id/board_name"),
    *("sys/class/dmi/id/bios_vendor", "sys/class/dmi/id/bios_version", "sys/class/dmi/id/bios_date"),
)


def _plain(host: RecordingHost) -> None:
    """What a maintainer looks at, whether a command of today reads it or not."""
    for path in PLACES:
        host.text(path)
    for name in host.names("sys/bus/pci/devices"):
        for attribute in ATTRIBUTES:
            host.text(f"sys/bus/pci/devices/{name}/{attribute}")
        for link in ("driver", "iommu_group", "subsystem", "firmware_node"):
            host.link(f"sys/bus/pci/devices/{name}/{link}")


def _write(target: str, kind: str | None, found: Capture) -> None:
    if kind is not None:
        done = save(target, packed(found.files, found.links, found.folders, kind))
    else:
        done = save_folder(target, found.files, found.links, found.folders)
    if not done:
        what, why = f"{target} is there already", "another program made it just now"
        raise WrongUsage(problem("usage.file-exists", what, why, "name another folder or file"))
