"""sysfs of block devices and the mount table (proc(5), Documentation/ABI/testing/sysfs-block)."""

from __future__ import annotations

from tests.machines.parts import Disk, Machine, Mount, Stacked, Tree
from tests.machines.pci_files import paths, relative

PSEUDO = (
    "22 1 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw",
    "23 1 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw",
    "24 1 0:6 / /dev rw,nosuid,relatime shared:2 - devtmpfs udev rw,mode=755,inode64",
    "25 1 0:24 / /run rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,mode=755,inode64",
)


def _known(tree: Tree, name: str, number: str, folder: str, sectors: int, whole: bool) -> None:
    """The attributes of one block device and the three places it is found at."""
    tree[f"{folder}/dev"] = number + "\n"
    tree[f"{folder}/size"] = f"{sectors}\n"
    tree[f"{folder}/ro"] = "0\n"
    tree.setdefault(f"{folder}/holders", None)
    tree[f"sys/class/block/{name}"] = relative(f"sys/class/block/{name}", folder)
    tree[f"sys/dev/block/{number}"] = relative(f"sys/dev/block/{number}", folder)
    if whole:
        tree.setdefault(f"{folder}/slaves", None)
        tree[f"sys/block/{name}"] = relative(f"sys/block/{name}", folder)


def _disk(tree: Tree, disk: Disk, device: str) -> dict[str, str]:
    folder = f"{device}/{disk.under}/{disk.name}"
    _known(tree, disk.name, disk.number, folder, disk.sectors, True)
    tree[f"{folder}/removable"] = "1\n" if disk.removable else "0\n"
    tree[f"{folder}/queue/rotational"] = "0\n"
    found = {disk.name: folder}
    for index, (name, number, sectors) in enumerate(disk.partitions, 1):
        place = f"{folder}/{name}"
        _known(tree, name, number, place, sectors, False)
        tree[f"{place}/partition"] = f"{index}\n"
        found[name] = place
    return found


def _stack(tree: Tree, each: Stacked, known: dict[str, str]) -> None:
    folder = f"sys/devices/virtual/block/{each.name}"
    known[each.name] = folder
    for slave in each.slaves:
        below = known[slave]
        tree[f"{folder}/slaves/{slave}"] = relative(f"{folder}/slaves/{slave}", below)
        tree[f"{below}/holders/{each.name}"] = relative(f"{below}/holders/{each.name}", folder)
    _known(tree, each.name, each.number, folder, each.sectors, True)
    if each.label:
        tree[f"{folder}/dm/name"] = each.label + "\n"
        tree[f"{folder}/dm/uuid"] = each.uuid + "\n"
    if each.level:
        tree[f"{folder}/md/level"] = each.level + "\n"


def _mounts(machine: Machine, tree: Tree) -> None:
    info = list(PSEUDO)
    table = [
        "sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0",
        "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0",
    ]
    table.append("tmpfs /run tmpfs rw,nosuid,nodev,noexec,relatime,mode=755,inode64 0 0")
    for index, each in enumerate(machine.mounts, 30):
        info.append(_info(index, each))
        table.append(f"{each.source} {each.point} {each.kind} {each.options} 0 0")
    tree["proc/self/mountinfo"] = "\n".join(info) + "\n"
    tree["proc/mounts"] = "\n".join(table) + "\n"
    swaps = ["Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"]
    swaps += [
        f"{path:40}{'partition' if path.startswith('/dev') else 'file'}\t2097148\t\t0\t\t-2" for path in machine.swaps
    ]
    tree["proc/swaps"] = "\n".join(swaps) + "\n"


def _info(index: int, each: Mount) -> str:
    return f"{index} 1 {each.number} / {each.point} {each.options} shared:{index} - {each.kind} {each.source} rw"


def write_storage(machine: Machine, tree: Tree) -> None:
    """Disks, what is stacked on them, mounts, swap."""
    known: dict[str, str] = {}
    for disk in machine.disks:
        known |= _disk(tree, disk, paths(machine)[disk.device])
    for each in machine.stacked:
        _stack(tree, each, known)
    _mounts(machine, tree)
