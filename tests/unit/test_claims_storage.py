"""root-disk: every way from a mounted filesystem, or swap, down to the PCI function that carries it."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.pieces import MOUNTINFO, disk, function, host_of, link, mount, place
from tests.machines.builder import build
from tests.machines.parts import Tree
from vdesk.host import Host, captured
from vdesk.host.claims import blockers, claims
from vdesk.host.pci import devices

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
FUNCTIONS = function(A) | function(B, "010601") | function(C, "0c0330")
SDA = disk("sda", "8:0", f"{place(B)}/ata1/host0/target0:0:0/0:0:0:0", sda1="8:1", sda2="8:2")
NVME = disk("nvme0n1", "259:0", f"{place(A)}/nvme/nvme0", nvme0n1p1="259:1")
USB = disk("sdb", "8:16", f"{place(C)}/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0", sdb1="8:17")
VIRTUAL = "sys/devices/virtual/block"
NONE: Tree = {MOUNTINFO: mount("0:20", "/proc", "proc", "proc")}
SWAPS = "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n"


def kept(host: Host) -> list[str]:
    return [str(claim.address) for claim in claims(host, devices(host, names=False)) if claim.rule == "root-disk"]


def dm(name: str, number: str, label: str, *slaves: str) -> Tree:
    found = disk(name, number, VIRTUAL) | {f"{VIRTUAL}/{name}/dm/name": f"{label}\n"}
    for slave in slaves:
        found |= link(f"{VIRTUAL}/{name}/slaves/{slave.rpartition('/')[2]}", slave)
    return found


SDA1 = f"{place(B)}/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1"
P1 = f"{place(A)}/nvme/nvme0/block/nvme0n1/nvme0n1p1"

WAYS: dict[str, tuple[Tree, list[str]]] = {
    "a whole disk": ({MOUNTINFO: mount("8:0", "/srv", "/dev/sda")}, [B]),
    "a partition": ({MOUNTINFO: mount("259:1", "/", "/dev/nvme0n1p1")}, [A]),
    "by number, whatever the source says": ({MOUNTINFO: mount("259:1", "/", "/dev/root")}, [A]),
    "a USB disk, through its controller": ({MOUNTINFO: mount("8:17", "/media/a\\040b", "/dev/sdb1")}, [C]),
    "crypt on a partition": (
        dm("dm-0", "253:0", "root_crypt", P1) | {MOUNTINFO: mount("253:0", "/", "/dev/mapper/root_crypt")},
        [A],
    ),
    "LVM over two disks": (
        dm("dm-0", "253:0", "vg-root", P1, SDA1) | {MOUNTINFO: mount("253:0", "/", "/dev/mapper/vg-root")},
        [A, B],
    ),
    "LVM on crypt": (
        dm("dm-0", "253:0", "crypt", SDA1)
        | dm("dm-1", "253:1", "vg-home", f"{VIRTUAL}/dm-0")
        | {MOUNTINFO: mount("253:1", "/home", "/dev/mapper/vg-home")},
        [B],
    ),
    "a partition of a RAID: its disk has the slaves": (
        disk("md0", "9:0", VIRTUAL, md0p1="259:9")
        | link(f"{VIRTUAL}/md0/slaves/sda1", SDA1)
        | {MOUNTINFO: mount("259:9", "/", "/dev/md0p1")},
        [B],
    ),
    "a loop of slaves ends": (
        dm("dm-0", "253:0", "a", f"{VIRTUAL}/dm-1")
        | dm("dm-1", "253:1", "b", f"{VIRTUAL}/dm-0")
        | {MOUNTINFO: mount("253:0", "/", "/dev/dm-0")},
        [],
    ),
    "btrfs over two disks, number 0": (
        {MOUNTINFO: mount("0:30", "/", "/dev/sda1", "btrfs")}
        | link("sys/fs/btrfs/5f/devices/sda1", SDA1)
        | link("sys/fs/btrfs/5f/devices/nvme0n1p1", P1),
        [A, B],
    ),
    "bcachefs names all its devices": ({MOUNTINFO: mount("0:31", "/", "/dev/sda1:/dev/sdb1", "bcachefs")}, [B, C]),
    "bcache and its cache": (
        disk("bcache0", "252:0", VIRTUAL)
        | link(f"{VIRTUAL}/bcache0/slaves/sda1", SDA1)
        | {f"{P1}/bcache/label": "\n"}
        | link("sys/fs/bcache/77/cache0", f"{P1}/bcache")
        | {MOUNTINFO: mount("252:0", "/", "/dev/bcache0")},
        [A, B],
    ),
    "NVMe multipath: the disk is virtual": (
        disk("nvme1n1", "259:5", "sys/devices/virtual/nvme-subsystem/nvme-subsys1")
        | link("sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1", f"{place(A)}/nvme/nvme0")
        | {MOUNTINFO: mount("259:5", "/", "/dev/nvme1n1")},
        [A],
    ),
    "swap on a partition": ({"proc/swaps": SWAPS + "/dev/sda2 partition 1 0 -2\n", MOUNTINFO: ""}, [B]),
    "swap by the mapper's name": (
        dm("dm-0", "253:0", "vg-swap", SDA1) | NONE | {"proc/swaps": SWAPS + "/dev/mapper/vg-swap partition 1 0 -2\n"},
        [B],
    ),
    "a swap file counts by its mount": ({"proc/swaps": SWAPS + "/swapfile file 1 0 -2\n", MOUNTINFO: ""}, []),
    "zram": (disk("zram0", "251:0", VIRTUAL) | NONE | {"proc/swaps": SWAPS + "/dev/zram0 partition 1 0 100\n"}, []),
    "only /proc/mounts was captured": ({"proc/mounts": "/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n"}, [B]),
    "ZFS that cannot be asked: all disks": ({MOUNTINFO: mount("0:30", "/", "rpool/ROOT", "zfs")}, [A, B, C]),
    "ZFS that tells its disks": (
        {
            MOUNTINFO: mount("0:30", "/", "rpool/ROOT", "zfs"),
            "run/vdesk/commands.json": '[{"argv": ["zpool", "list", "-vHPL"], "exit_code": 0, '
            '"stdout": "rpool\\t1G\\n\\t/dev/nvme0n1p1\\t1G\\n", "stderr": ""}]',
        },
        [A],
    ),
    "nothing mounted from a disk": (NONE, []),
    "a mount table that is no mount table": ({MOUNTINFO: "\0\0 - \n - - -\n1 2 3\n"}, []),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_down(way: str, tmp_path: pathlib.Path) -> None:
    more, expected = WAYS[way]
    assert kept(host_of(tmp_path, FUNCTIONS, SDA, NVME, USB, more)) == expected


def test_what_the_claim_says(tmp_path: pathlib.Path) -> None:
    host = captured(str(build("lvm-crypt-raid", tmp_path)))
    found = {str(each.address): each for each in claims(host, devices(host, names=False)) if each.rule == "root-disk"}
    assert list(found) == ["0000:00:17.0", "0000:03:00.0"]
    claim = found["0000:00:17.0"]
    assert claim.reason == "the host's disk is behind it: / on dm-1, swap on dm-2"
    assert claim.evidence == "/proc/self/mountinfo: /dev/mapper/vg-root on /"


def test_a_controller_of_vfio_pci_and_bridges_block_nothing(tmp_path: pathlib.Path) -> None:
    pieces = (
        function("0000:00:1c.0", "060400", driver="pcieport", group="1")
        | function("0000:03:00.0", "010802", "0000:00:1c.0", driver="nvme", group="1")
        | disk("nvme0n1", "259:0", f"{place('0000:03:00.0', '0000:00:1c.0')}/nvme/nvme0")
    )
    host = host_of(tmp_path, pieces, {MOUNTINFO: mount("259:0", "/", "/dev/nvme0n1")})
    found = blockers(host, devices(host, names=False))
    assert {group: [str(each.address) for each in each_of] for group, each_of in found.items()} == {1: ["0000:03:00.0"]}
