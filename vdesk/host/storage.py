"""Which PCI functions carry the host's mounted filesystems and swap: through partitions, device-mapper (LVM, crypt),
md, bcache, btrfs, bcachefs, ZFS, NVMe multipath. By number and `slaves` (Documentation/ABI/stable/sysfs-block)."""

from __future__ import annotations

from vdesk.host.host import Host
from vdesk.model.address import Address, find_address
from vdesk.model.errors import HostError
from vdesk.model.record import Record

BLOCK = "sys/class/block"
DISKS = "sys/block"
NUMBERS = "sys/dev/block"
MOUNTS = ("proc/self/mountinfo", "proc/1/mountinfo")
PLAIN_MOUNTS = ("proc/mounts", "proc/self/mounts")
SWAPS = "proc/swaps"
DEPTH = 16


class Use(Record):
    """Where the host uses a disk: `place` is a mount point or `swap`, `folders` all block devices on the way as sysfs
    has them, `functions` the PCI functions above these."""

    place: str
    node: str
    functions: frozenset[Address]
    evidence: str
    folders: frozenset[str] = frozenset()


class _Mount(Record):
    number: str
    place: str
    kind: str
    source: str
    evidence: str


def functions_of(path: str) -> frozenset[Address]:
    """The PCI functions that a resolved path below sys/devices passes through."""
    found = (find_address(part) for part in path.split("/") if part.count(":") == 2)
    return frozenset(address for address in found if address is not None)


def uses(host: Host) -> list[Use]:
    """Every mounted filesystem and swap that lies on a disk behind a PCI function."""
    found = []
    mounts = _mounts(host)
    pools = _pools(host) if any(mount.kind == "zfs" for mount in mounts) else ()
    for mount in mounts:
        for start in _starts(host, mount, pools):
            folders = _below(host, start, set(), 0)
            functions = frozenset(address for folder in folders for address in functions_of(folder))
            if functions:
                found.append(Use(mount.place, start.rpartition("/")[2], functions, mount.evidence, folders))
    return found


def kind_at(host: Host, path: str) -> str:
    """The filesystem that a path is on (`btrfs`), by the longest mount point above it; empty where it is not told."""
    place = "/" + path.strip("/")
    above = [each for each in _mounts(host) if f"{place}/".startswith(f"{each.place.rstrip('/')}/")]
    return max(above, key=lambda each: len(each.place)).kind if above else ""


def _mounts(host: Host) -> list[_Mount]:
    seen: dict[tuple[str, str], _Mount] = {}
    for path in MOUNTS:
        for line in host.text(path).splitlines():
            mount = _mountinfo(line, path)
            if mount:
                seen.setdefault((mount.number, mount.place), mount)
    if not seen:  # an old or a small capture
        for path in PLAIN_MOUNTS:
            for line in host.text(path).splitlines():
                words = [_plain(word) for word in line.split(" ")]
                if len(words) > 2:
                    evidence = f"/{path}: {words[0]} on {words[1]}"
                    seen.setdefault((words[0], words[1]), _Mount("", words[1], words[2], words[0], evidence))
    return [*seen.values(), *_swaps(host)]


def _mountinfo(line: str, path: str) -> _Mount | None:
    """proc(5): `36 35 98:0 /root /place options ... - type source super-options`."""
    left, dash, right = line.partition(" - ")
    words, tail = left.split(" "), right.split(" ")
    if not dash or len(words) < 5 or len(tail) < 2:
        return None
    place, source = _plain(words[4]), _plain(tail[1])
    return _Mount(words[2], place, tail[0], source, f"/{path}: {source} on {place}")


def _swaps(host: Host) -> list[_Mount]:
    found = []
    for line in host.text(SWAPS).splitlines()[1:]:
        words = line.split()
        if len(words) > 1 and words[1] == "partition":  # a swap file lies on a mounted filesystem
            source = _plain(words[0])
            found.append(_Mount("", "swap", "swap", source, f"/{SWAPS}: {source}"))
    return found


def _plain(word: str) -> str:
    """The word without the kernel's octal escapes for blanks."""
    for escape, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(escape, sign)
    return word


def _starts(host: Host, mount: _Mount, pools: tuple[str, ...]) -> list[str]:
    """The block devices that a mount is on, as resolved folders in sysfs."""
    if mount.kind == "zfs":
        return [place for place in (node(host, name) for name in pools) if place]
    names = [part for part in mount.source.split(":") if part.startswith("/dev/")]
    found = [place for place in (node(host, name) for name in names) if place]
    if mount.number and not mount.number.startswith("0:"):
        numbered = _folder(host, f"{NUMBERS}/{mount.number}")
        found = [numbered] if numbered else found
    if mount.kind in ("btrfs", "bcachefs"):
        found += _members(host, mount.kind)
    return list(dict.fromkeys(found))


def _members(host: Host, kind: str) -> list[str]:
    """Every device of the mounted filesystems of a kind that spreads over several (sys/fs lists only mounted ones)."""
    found = []
    for volume in host.names(f"sys/fs/{kind}"):
        folder = f"sys/fs/{kind}/{volume}"
        links = [f"{folder}/devices/{name}" for name in host.names(f"{folder}/devices")]
        links += [f"{folder}/{name}/block" for name in host.names(folder) if name.startswith("dev-")]
        found += [place for place in (_folder(host, link) for link in links) if place]
    return found


def _pools(host: Host) -> tuple[str, ...]:
    """The device nodes of all ZFS pools; every disk of the machine when ZFS cannot be asked: sysfs does not tell what a
    pool is on, and a disk of the root must not be taken for a free one."""
    try:
        answer = host.run(["zpool", "list", "-vHPL"], timeout=10)
    except HostError:
        answer = None
    words = answer.stdout.split() if answer and not answer.exit_code else []
    found = tuple(word for word in words if word.startswith("/dev/"))
    return found or tuple(f"/dev/{name}" for name in host.names(DISKS))


def node(host: Host, name: str) -> str:
    """The sysfs folder of a device node such as `/dev/sda2` or `/dev/mapper/vg-root`; empty when there is none."""
    path = name.lstrip("/")
    try:
        path = host.resolve(path)
    except HostError:
        pass
    last = path.rpartition("/")[2]
    found = named(host, last)
    if found or "/mapper/" not in name:
        return found
    for disk in host.names(DISKS):
        if disk.startswith("dm-") and host.value(f"{DISKS}/{disk}/dm/name") == name.rpartition("/")[2]:
            return _folder(host, f"{DISKS}/{disk}")
    return ""


def named(host: Host, name: str) -> str:
    """The sysfs folder of a disk or partition by its kernel name; empty when there is none."""
    for folder in (BLOCK, DISKS):
        found = _folder(host, f"{folder}/{name}")
        if found:
            return found
    for disk in host.names(DISKS):
        if name.startswith(disk) and (found := _folder(host, f"{DISKS}/{disk}/{name}")):
            return found
    return ""


def _below(host: Host, folder: str, seen: set[str], depth: int) -> frozenset[str]:
    """A block device and all that it is made of, as folders; `seen` takes them in."""
    if folder not in seen and depth <= DEPTH:
        seen.add(folder)
        for below in _parts(host, folder):
            _below(host, below, seen, depth + 1)
    return frozenset(seen)


def _parts(host: Host, folder: str) -> list[str]:
    parent, _, name = folder.rpartition("/")
    found = []
    if host.exists(f"{folder}/partition"):
        found.append(parent)
    for slave in host.names(f"{folder}/slaves"):
        found.append(_folder(host, f"{folder}/slaves/{slave}") or named(host, slave))
    if name.startswith("bcache"):
        for volume in host.names("sys/fs/bcache"):
            found += _linked(host, f"sys/fs/bcache/{volume}", "cache")
    if "/nvme-subsystem/" in folder:  # native multipath: the disk is virtual, its controllers are linked beside it
        found += _linked(host, parent, "nvme")
    return [part for part in found if part]


def _linked(host: Host, folder: str, start: str) -> list[str]:
    links = [f"{folder}/{name}" for name in host.names(folder) if name.startswith(start)]
    return [_folder(host, link) for link in links if host.link(link)]


def _folder(host: Host, path: str) -> str:
    try:
        return host.resolve(path) if host.exists(path) else ""
    except HostError:
        return ""
