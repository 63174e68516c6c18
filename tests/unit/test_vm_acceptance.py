"""`vdesk create --print-xml` on small captured machines, as somebody who only knows the contract would lay them out:
a card in a group, a disc, and of the processor and the memory what one file tells."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from tests.commands.running import Ran, on
from tests.machines.builder import Link, Tree, lay_out
from tests.unit.vm_cases import in_memory

CPU = "sys/devices/system/cpu"
ISO = "srv/Win10.iso"
CARD = "sys/bus/pci/devices/0000:01:00.0"
GROUP = "sys/kernel/iommu_groups/2"


def entries(cores: int, threads: int, *more: str, core_ids: bool = True) -> str:
    """Return /proc/cpuinfo of a machine whose siblings are numbered far apart."""
    blocks = []
    for cpu in range(cores * threads):
        lines = [f"processor\t: {cpu}", "vendor_id\t: AuthenticAMD", *more]
        lines += [f"core id\t\t: {cpu % cores}"] if core_ids else []
        blocks.append("\n".join([*lines, "flags\t\t: lm svm"]))
    return "\n\n".join(blocks) + "\n\n"


def small(**changed: str | bytes | Link | None) -> Tree:
    """Return a tree with one card, 6 cores of 2 threads, 31 GiB; paths are written with / as in `{"proc/x": ...}`."""
    tree: Tree = {
        ISO: b"",
        "proc/cpuinfo": entries(6, 2),
        "proc/meminfo": "MemTotal: 32500000 kB\nHugepagesize: 2048 kB\n",
        f"{CARD}/vendor": "0x10de\n",
        f"{CARD}/device": "0x1402\n",
        f"{CARD}/class": "0x030200\n",
        f"{CARD}/iommu_group": Link("../../../../kernel/iommu_groups/2"),
        f"{GROUP}/devices/0000:01:00.0": Link("../../../../bus/pci/devices/0000:01:00.0"),
    }
    for path, content in changed.items():
        if content is None:
            del tree[path]
        else:
            tree[path] = content
    return tree


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from in_memory()


def create(root: Path, options: str = "", iso: str = f"/{ISO}") -> Ran:
    """Run create --print-xml."""
    return on(root, "create", "hoth", "--iso", iso, *shlex.split(options), "--print-xml")


def made(tree: Tree, folder: Path, options: str = "") -> Element:
    """Return the definition for a tree."""
    ran = create(lay_out(tree, folder / "machine"), options)
    assert ran.code == 0, ran.err
    return ElementTree.fromstring(ran.out)


def threads(xml: Element) -> tuple[int, int]:
    """Return the vCPUs, and how many of them a core has."""
    topology = xml.find("cpu/topology")
    assert topology is not None
    return int(xml.findtext("vcpu", "")), int(topology.get("threads", ""))


def pins(xml: Element) -> list[int]:
    """Return the CPU of each vCPU."""
    return [int(pin.get("cpuset", "")) for pin in xml.findall("cputune/vcpupin")]


# --- how the processor may be told

SIBLINGS = {cpu: f"{cpu % 6},{cpu % 6 + 6}" for cpu in range(12)}
NONE = {"proc/cpuinfo": "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: lm svm\n"}
COUNTS = ("siblings\t: 12", "cpu cores\t: 6")
PROCESSORS: dict[str, dict[str, str]] = {
    "core numbers in cpuinfo": {},
    "counts in cpuinfo": {"proc/cpuinfo": entries(6, 2, *COUNTS, core_ids=False)},
    "one entry with counts": {"proc/cpuinfo": entries(1, 1, *COUNTS)},
    "sysfs without the list of those online": NONE
    | {f"{CPU}/cpu{cpu}/topology/thread_siblings_list": text for cpu, text in SIBLINGS.items()},
    "core numbers in sysfs": NONE | {f"{CPU}/cpu{cpu}/topology/core_id": str(cpu % 6) for cpu in SIBLINGS},
}


@pytest.mark.parametrize("told", PROCESSORS.values(), ids=PROCESSORS)
def test_cores_and_threads(told: dict[str, str], folder: Path) -> None:
    xml = made(small(**told), folder, "--pin")
    assert threads(xml) == (8, 2)
    assert pins(xml) == [2, 8, 3, 9, 4, 10, 5, 11]


def test_two_packages(folder: Path) -> None:
    """More entries than siblings is two packages: the counts of one of them do not say it all."""
    assert threads(made(small(**{"proc/cpuinfo": entries(6, 2, "siblings: 6", "cpu cores: 6")}), folder)) == (8, 2)


MIXED = [(0, 1), (2, 3), (4, 5), (6, 7), (8,), (9,), (10,), (11,)]
TOLD = {"a list of the slow": {"sys/devices/cpu_atom/cpus": "8-11\n"}, "their threads": {}}


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
def test_two_kinds_of_cores(told: dict[str, str], folder: Path) -> None:
    """Slow cores stay with the host, also where the kernel's list of the fast ones was not captured."""
    sysfs = {
        f"{CPU}/cpu{cpu}/topology/thread_siblings_list": ",".join(map(str, core)) for core in MIXED for cpu in core
    }
    xml = made(small(**NONE, **sysfs, **{f"{CPU}/online": "0-11\n"}, **told), folder, "--pin")
    assert threads(xml) == (4, 2)
    assert pins(xml) == [4, 5, 6, 7]


def test_a_sibling_that_is_off(folder: Path) -> None:
    """A core with one thread left stays with the host: the guest's cores have two."""
    sysfs = {f"{CPU}/cpu{cpu}/topology/thread_siblings_list": text for cpu, text in SIBLINGS.items()}
    xml = made(small(**NONE, **sysfs, **{f"{CPU}/online": "0-10\n"}), folder, "--pin --cpus 8")
    assert pins(xml) == [1, 7, 2, 8, 3, 9, 4, 10]


# --- what decides that it is KVM


def test_kvm_is_meant(folder: Path) -> None:
    """Flags do not name what the firmware has off: the definition is right once it is on, and that is said."""
    info = entries(6, 2).replace(" svm", "")
    ran = create(lay_out(small(**{"proc/cpuinfo": info}), folder / "machine"))
    xml = ElementTree.fromstring(ran.out)
    assert (xml.get("type"), threads(xml)) == ("kvm", (8, 2))
    assert "neither VT-x nor AMD-V" in ran.err


# --- memory

MEMORY = {5700000: 3, 6291456: 0, 8000000: 0}


@pytest.mark.parametrize(("kib", "code"), MEMORY.items())
def test_four_gib_and_two_for_the_host(kib: int, code: int, folder: Path) -> None:
    ran = create(lay_out(small(**{"proc/meminfo": f"MemTotal: {kib} kB\n"}), folder / "machine"))
    assert ran.code == code, ran.err
    assert "[vm.memory]" in ran.err if code else '<memory unit="GiB">4<' in ran.out


# --- disks


def test_pinned_without_drivers(folder: Path) -> None:
    """The thread for disks is pinned too where the disk is SATA until Windows has its drivers."""
    xml = made(small(), folder, "--pin")
    assert [disk.get("bus") for disk in xml.findall("devices/disk[@device='disk']/target")] == ["sata"]
    pinned = xml.find("cputune/iothreadpin[@iothread='1']")
    emulator = xml.find("cputune/emulatorpin")
    assert pinned is not None and emulator is not None
    assert (xml.findtext("iothreads"), pinned.get("cpuset")) == ("1", emulator.get("cpuset"))


MOUNTS = "/dev/mapper/my--vg-root / ext4 rw 0 0\n/dev/sda1 /boot ext4 rw 0 0\n/dev/vg/home /home ext4 rw 0 0\n"
MOUNTINFO = "22 1 259:2 / /srv rw - xfs /dev/nvme0n1p2 rw\n"
SWAPS = "Filename Type Size Used Priority\n/dev/sdc2 partition 1 0 -2\n"
USED = ["my-vg/root", "mapper/my--vg-root", "sda", "sda1", "vg/home", "mapper/vg-home", "nvme0n1", "nvme0n1p2", "sdc"]
FREE = ["my-vg/win", "sda2", "sdb", "nvme0n2", "sdaa", "mapper/vg-win", "disk/by-id/ata-x"]


@pytest.mark.parametrize("name", [*USED, *FREE])
def test_volumes_of_a_machine_without_sysfs(name: str, folder: Path) -> None:
    """What is mounted is known by its names where no block device was captured."""
    told = {"proc/mounts": MOUNTS, "proc/self/mountinfo": MOUNTINFO, "proc/swaps": SWAPS}
    ran = create(lay_out(small(**told), folder / "machine"), f"--disk /dev/{name}")
    assert ran.code == (3 if name in USED else 0), ran.err
    assert ("[vm.disk-in-use]" in ran.err) == (name in USED)


def test_no_file_is_that_large(folder: Path) -> None:
    assert "[vm.space]" in create(lay_out(small(), folder / "machine"), "--disk 17T").err


# --- devices and words


def test_the_groups_own_list(folder: Path) -> None:
    """A group is known by the list of its members, too."""
    xml = made(small(**{f"{CARD}/iommu_group": None}), folder)
    assert len(xml.findall("devices/hostdev")) == 1


@pytest.mark.parametrize("option", ["--looking-glass", "--rom", "--unattended"])
def test_an_empty_word(option: str, folder: Path) -> None:
    assert create(lay_out(small(), folder / "machine"), f"{option} ''").code == 2


@pytest.mark.parametrize("by", ["root", "disc", "folder"])
def test_a_tree_that_is_named_by_a_link(by: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The definition names the machine's files whichever way the tree was named."""
    root = lay_out(small(), folder / "machine")
    link = folder / "link"
    link.symlink_to("machine")
    monkeypatch.chdir(link / "srv")
    disc = {"root": f"{root}/{ISO}", "disc": f"{link}/{ISO}", "folder": "Win10.iso"}[by]
    ran = create(link if by == "root" else root, iso=disc)
    sources = [source.get("file") for source in ElementTree.fromstring(ran.out).findall("devices/disk/source")]
    assert sources == ["/var/lib/libvirt/images/hoth.img", f"/{ISO}"]
    assert str(folder) not in ran.out + ran.err
