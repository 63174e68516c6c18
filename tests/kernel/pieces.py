"""Small pieces of sysfs and /proc, laid out as the kernel has them: just what one reader looks at."""

from __future__ import annotations

import pathlib

from tests.machines.builder import lay_out
from tests.machines.parts import Tree
from tests.machines.pci_files import relative
from vdesk.host import Host, captured

ROOT_BUS = "sys/devices/pci0000:00"
MOUNTINFO = "proc/self/mountinfo"


def host_of(folder: pathlib.Path, *trees: Tree) -> Host:
    """A captured machine of these pieces."""
    whole: Tree = {}
    for tree in trees:
        whole |= tree
    return captured(str(lay_out(whole, folder)))


def function(address: str, pci_class: str = "010802", behind: str = "", **more: str) -> Tree:
    """One PCI function; `behind` is the bridge above it, `more` are attributes (driver= makes the link)."""
    folder = place(address, behind)
    texts = {"vendor": "0x8086", "device": "0x1234", "class": f"0x{pci_class}"}
    driver, group = more.pop("driver", ""), more.pop("group", "")
    found: Tree = {f"{folder}/{name}": f"{text}\n" for name, text in (texts | more).items()}
    found |= link(f"sys/bus/pci/devices/{address}", folder)
    if driver:
        found |= link(f"{folder}/driver", f"sys/bus/pci/drivers/{driver}")
        found |= link(f"sys/bus/pci/drivers/{driver}/{address}", folder)
    if group:
        found |= link(f"{folder}/iommu_group", f"sys/kernel/iommu_groups/{group}")
        found |= link(f"sys/kernel/iommu_groups/{group}/devices/{address}", folder)
    return found


def place(address: str, behind: str = "") -> str:
    """The folder of a function in sys/devices."""
    return f"{ROOT_BUS}/{behind}/{address}" if behind else f"{ROOT_BUS}/{address}"


def link(path: str, target: str) -> Tree:
    """A link as the kernel makes them: relative."""
    return {path: relative(path, target)}


def disk(name: str, number: str, under: str, **partitions: str) -> Tree:
    """A disk below the folder `under`, with partitions name=number."""
    folder = f"{under}/block/{name}" if "/virtual/" not in under else f"{under}/{name}"
    found: Tree = {f"{folder}/dev": f"{number}\n"}
    found |= link(f"sys/block/{name}", folder) | link(f"sys/class/block/{name}", folder)
    found |= link(f"sys/dev/block/{number}", folder)
    for index, (part, device) in enumerate(partitions.items(), 1):
        found |= {f"{folder}/{part}/partition": f"{index}\n", f"{folder}/{part}/dev": f"{device}\n"}
        found |= link(f"sys/class/block/{part}", f"{folder}/{part}")
        found |= link(f"sys/dev/block/{device}", f"{folder}/{part}")
    return found


def mount(number: str, place: str, source: str, kind: str = "ext4") -> str:
    """A line of mountinfo."""
    return f"26 1 {number} / {place} rw,relatime shared:1 - {kind} {source} rw\n"
