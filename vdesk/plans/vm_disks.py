"""The disk of a machine: a new file, one that exists, or a block device."""

from __future__ import annotations

import re
import shlex

from vdesk.changes.disks import check_space, disk_exists, shown
from vdesk.changes.volumes import free, identity, volume_exists
from vdesk.host import Host, media, qcow2
from vdesk.host.direct_io import takes_direct
from vdesk.host.kernel_log import printable
from vdesk.host.storage import node, uses
from vdesk.model.errors import HostError, Refused, WrongUsage, problem
from vdesk.plans.vm_places import IMAGES, of_system
from vdesk.vm.defaults import DEFAULT_DISK
from vdesk.vm.spec import Disk, Request
from vdesk.vm.words import parse_size

SUFFIX = {"raw": "img", "qcow2": "qcow2"}
VOLUME = re.compile(r"([A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,126})/([A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,126}):([0-9][^/:]*)")
RESERVED = re.compile(
    r"\.\.?|snapshot.*|pvmove.*|.*_(cdata|cmeta|corig|mlog|mimage|pmspare|rimage|rmeta|tdata|tmeta|vorigin).*"
)
PARTITION = re.compile(r"(/dev/[a-z0-9]+[0-9])p[0-9]+|(/dev/[a-z]+)[0-9]+")


def disk_of(host: Host, request: Request, bus: str) -> Disk:
    """The disk as asked for: digits first is a size, else a path (contract 5)."""
    text = request.disk
    if text is None or text[:1].isdigit():
        return _new(host, request, bus, DEFAULT_DISK if text is None else parse_size(text, "--disk"))
    asked = VOLUME.fullmatch(text)
    if asked and not host.exists(media.absolute(host, text, "--disk")[1:]):
        return _volume(host, request, bus, asked)
    path = media.absolute(host, text, "--disk")
    _refuse_disc(host, request, path)
    if path.startswith("/dev/"):
        return _block(host, request, bus, path)
    found = media.find(host, text, "--disk")
    if found.block:
        return _block(host, request, bus, path)
    if of_system(host, path):
        raise Refused(
            problem(
                "vm.disk-of-system",
                f"--disk: {path} is where the system's own files are",
                "a machine writes into its disk, and would destroy that file",
                f"give a disk image, best in {IMAGES}; or a size for a new one, for example: --disk 64GiB",
            )
        )
    format = media.image_format(found)
    if format not in SUFFIX or request.disk_format not in (None, format):
        raise _wrong_format(path, format, request.disk_format)
    return Disk(path, False, format, bus, direct=takes_direct(host, path[1:]))


def _refuse_disc(host: Host, request: Request, path: str) -> None:
    """WrongUsage where the disk is one of the discs: Setup would write over what it installs from."""
    for option, given in (("--iso", request.iso), ("--virtio-iso", request.virtio_iso)):
        if given and media.same(host, path, given):
            what, why = f"--disk: {path} is the disc of {option}", "Setup would write over what it installs from"
            remedy = "give another image, or a size for a new one, for example: --disk 64GiB"
            raise WrongUsage(problem("usage.disk-is-disc", what, why, remedy))


def warnings(host: Host, disk: Disk) -> list[str]:
    """What else QEMU opens with an image that is there already: a guest can write any name into a disk of its own, and
    would read that file of this machine."""
    if disk.create is not None or disk.block or disk.format != "qcow2":
        return []
    found = qcow2.Named(*map(printable, qcow2.named(media.find(host, disk.path, "--disk"))))
    name, said = shlex.quote(disk.path), []
    if found.backing:
        said.append(
            f"WARNING: {disk.path} has a backing file, {found.backing}, and the machine reads it. Where you did not"
            f" make it so, give another disk; see: qemu-img info {name}"
        )
    if found.data:
        said.append(
            f"WARNING: {disk.path} has its data in {found.data}, and the machine reads and writes it. Where you did not"
            f" make it so, give another disk; see: qemu-img info {name}"
        )
    return said


def _new(host: Host, request: Request, bus: str, size: int) -> Disk:
    format = request.disk_format or "raw"
    path = f"{IMAGES}/{request.name}.{SUFFIX[format]}"
    if host.exists(path[1:]):
        raise disk_exists(path)
    check_space(host, path[1:], size, format)
    return Disk(path, False, format, bus, create=size, direct=takes_direct(host, path[1:]))


def _volume(host: Host, request: Request, bus: str, asked: re.Match[str]) -> Disk:
    """`VG/LV:64G`: a new logical volume; names as lvm(8) takes them."""
    group, name, size = asked[1], asked[2], parse_size(asked[3], "--disk")
    if request.disk_format not in (None, "raw"):
        raise _wrong_format(f"/dev/{group}/{name}", "raw", request.disk_format)
    if any(RESERVED.fullmatch(each) for each in (group, name)):
        what, why = f"--disk: {group}/{name} is no name for a volume", "LVM keeps such names for itself"
        raise WrongUsage(problem("usage.volume", what, why, "choose another name"))
    if host.exists(f"dev/{group}/{name}") or (host.is_live and identity(host, group, name)):
        raise volume_exists(group, name)
    try:
        left = free(host, group)
    except HostError as error:
        what = f"--disk: there is no volume group {group}"
        raise WrongUsage(problem("usage.volume", what, error.cause, "list them with: sudo vgs")) from error
    if left is not None and size > left:
        what = f"the volume group {group} has no room for a volume of {shown(size)}: {shown(left)} are free"
        why, remedy = "a volume takes all of its size at once", "choose a smaller size, or another group: sudo vgs"
        raise Refused(problem("vm.space", what, why, remedy))
    return Disk(f"/dev/{group}/{name}", True, "raw", bus, create=size)


def _block(host: Host, request: Request, bus: str, path: str) -> Disk:
    """A block device, as it is: raw. One that the host has mounted, or that is below a mounted one, is refused."""
    if request.disk_format not in (None, "raw"):
        raise _wrong_format(path, "raw", request.disk_format)
    if host.is_live and _kind(host, path) != "block":
        raise WrongUsage(
            problem(
                "usage.no-file",
                f"--disk: {path} is no block device",
                "there is none of that name",
                "list them with: lsblk",
            )
        )
    place = mounted(host, path)
    if place:
        raise Refused(
            problem(
                "vm.disk-in-use",
                f"{path} is in use by this machine: {place}",
                "two systems on one filesystem destroy it",
                "give another volume, or unmount this one first",
            )
        )
    return Disk(path, True, "raw", bus)


def _kind(host: Host, path: str) -> str:
    try:
        return host.stat(path[1:]).kind
    except HostError:
        return ""


def mounted(host: Host, path: str) -> str | None:
    """Where the host uses a block device, anything on it, or anything made of it; None when it does not."""
    mine = _device(host, path)
    names = {mine.rpartition("/")[2]} if mine else set()
    for use in uses(host):
        if use.node in names or (mine and mine in _made_of(host, use.node)):
            return use.place
    for source, place in _sources(host):
        if _mapped(path) in (_mapped(source), _disk_of(source)) or (mine and _device(host, source) == mine):
            return place
    return None


def _sources(host: Host) -> list[tuple[str, str]]:
    """(device, mount point or `swap`) as the kernel lists them; they hold where no block device was captured."""
    listed = [line.split()[:2] for line in host.lines("proc/mounts") + host.lines("proc/self/mounts")]
    for line in host.lines("proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        listed.append([*right.split()[1:2], *left.split()[4:5]])
    listed += [[*line.split()[:1], "swap"] for line in host.lines("proc/swaps")]
    return [(words[0], words[1]) for words in listed if len(words) == 2 and words[0].startswith("/dev/")]


def _mapped(path: str) -> str:
    """/dev/VG/LV as /dev/mapper/VG-LV, dashes doubled (lvm(8)); every other path as it is."""
    parts = path.split("/")
    if len(parts) != 4 or parts[2] in ("mapper", "disk", "md"):
        return path
    return "/dev/mapper/" + "-".join(part.replace("-", "--") for part in parts[2:])


def _disk_of(path: str) -> str | None:
    """The disk that a partition's name says it is on (block/partitions/core.c, disk_name)."""
    found = PARTITION.fullmatch(path)
    return (found[1] or found[2]) if found else None


def _device(host: Host, path: str) -> str:
    """The sysfs folder of a device; a logical volume has two names."""
    return node(host, path) or node(host, _mapped(path))


def _made_of(host: Host, name: str) -> set[str]:
    """The sysfs folders of everything that a block device (by its kernel name) is made of, itself included."""
    from vdesk.host.storage import named

    found: set[str] = set()
    left = [named(host, name)]
    while left:
        folder = left.pop()
        if not folder or folder in found:
            continue
        found.add(folder)
        if host.exists(f"{folder}/partition"):
            left.append(folder.rpartition("/")[0])
        try:
            left += [named(host, each) for each in host.list(f"{folder}/slaves")]
        except HostError:
            continue
    return found


def _wrong_format(path: str, format: str, asked: str | None) -> WrongUsage:
    wanted = f", not {asked}" if asked else ""
    return WrongUsage(
        problem(
            "usage.disk-format",
            f"{path} is a {format} image{wanted}",
            "an existing disk is used in the format that it has; vdesk writes raw and qcow2",
            "leave --disk-format out"
            if asked and format in SUFFIX
            else f"convert it with: qemu-img convert -O qcow2 {path} NEW",
        )
    )
