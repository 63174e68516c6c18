"""A golden definition read as a guest would feel it: what tests of several points ask of its XML."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tests.unit.vm_cases import CASES

MARK = "{urn:vdesk:domain:1}"
ROOM = 2
"""Root ports that stay free, for devices that are attached later."""


class Made(NamedTuple):
    """A golden definition, and the request that it answers."""

    name: str
    xml: Element

    @property
    def options(self) -> list[str]:
        """The words of the request."""
        return shlex.split(CASES[self.name].options)

    @property
    def os(self) -> str:
        """What vdesk has noted of the guest."""
        mark = self.xml.find(f"metadata/{MARK}domain")
        assert mark is not None
        return mark.get("os", "")

    @property
    def windows(self) -> bool:
        """Whether the guest is Windows."""
        return self.os.startswith("win")

    @property
    def q35(self) -> bool:
        """Whether the chipset has PCI Express."""
        return self.attribute("os/type", "machine") == "q35"

    @property
    def card(self) -> bool:
        """Whether a device of the machine's is handed over."""
        return bool(self.pci)

    @property
    def pci(self) -> list[Element]:
        """The PCI devices that are handed over."""
        return self.xml.findall("devices/hostdev[@type='pci']")

    def asked(self, option: str) -> bool:
        """Whether the request has the option."""
        return option in self.options

    def attribute(self, path: str, name: str) -> str | None:
        """An attribute of the first element at the path, None without one."""
        found = self.xml.find(path)
        return None if found is None else found.get(name)

    def on(self, name: str) -> bool:
        """Whether a Hyper-V enlightenment is on."""
        return self.attribute(f"features/hyperv/{name}", "state") == "on"

    def has(self, path: str) -> bool:
        """Whether there is an element at the path."""
        return self.xml.find(path) is not None


def feature(found: Made, name: str) -> str | None:
    """ "yes" or "no" of a firmware feature, None where it is not spoken of."""
    return found.attribute(f"os/firmware/feature[@name='{name}']", "enabled")


def secure(found: Made) -> bool:
    """Whether Secure Boot is asked for."""
    return feature(found, "secure-boot") == "yes"


def enlightened(found: Made) -> bool:
    """Each enlightenment that needs another one has it, else the start fails."""
    needs = {"synic": ("vpindex",), "stimer": ("vpindex", "synic"), "tlbflush": ("vpindex",), "ipi": ("vpindex",)}
    clock = found.attribute("clock/timer[@name='hypervclock']", "present") == "yes"
    kept = all(found.on(other) for name, others in needs.items() if found.on(name) for other in others)
    return kept and (clock or not found.on("stimer"))


def topology(found: Made) -> bool:
    """One socket, and the product is the number of vCPUs: Windows Home uses one socket only."""
    size = found.xml.find("cpu/topology")
    assert size is not None
    cores, threads = int(size.get("cores", "")), int(size.get("threads", ""))
    return (size.get("sockets"), cores * threads) == ("1", int(found.xml.findtext("vcpu", "0")))


def pinned(found: Made) -> bool:
    """One CPU for each vCPU, no two alike; QEMU's own threads are on others."""
    pins = [each.get("cpuset", "") for each in found.xml.findall("cputune/vcpupin")]
    rest = found.attribute("cputune/emulatorpin", "cpuset") or ""
    others = {cpu for part in rest.split(",") for cpu in _span(part)}
    whole = len(pins) == int(found.xml.findtext("vcpu", "0")) == len(set(pins))
    return whole and bool(others) and not others & {int(each) for each in pins}


def _span(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first), int(last or first) + 1)


def disks(found: Made, kind: str) -> list[Element]:
    """The disks, or the discs."""
    return found.xml.findall(f"devices/disk[@device='{kind}']")


def orders(found: Made) -> bool:
    """The disk, then Windows' disc: an empty disk falls through, later starts never see the disc's prompt."""
    disk, disc = disks(found, "disk")[0], disks(found, "cdrom")[0]
    more = [each for each in disks(found, "cdrom")[1:] if each.find("boot") is not None]
    orders = [found.get("order") for found in (disk.find("boot"), disc.find("boot")) if found is not None]
    return orders == ["1", "2"] and not more


def absolute(found: Made) -> bool:
    """Every path is a whole one."""
    sources = [each.find("source") for each in found.xml.findall("devices/disk")]
    paths = [each.get("file") or each.get("dev") or "" for each in sources if each is not None]
    return bool(paths) and all(path.startswith("/") for path in paths)


def one_slot(found: Made) -> bool:
    """The functions of a card are those of one guest slot, the first of them says that there are more, and none is a
    device of the root complex."""
    places: dict[tuple[str | None, ...], set[tuple[str | None, ...]]] = {}
    for each in found.pci:
        own, guest = each.find("source/address"), each.find("address")
        assert own is not None and guest is not None, "no place in the guest"
        places.setdefault(_slot(own), set()).add(_slot(guest))
        if own.get("function") == "0x0" and len([x for x in found.pci if source_slot(x) == _slot(own)]) > 1:
            assert guest.get("multifunction") == "on"
        assert own.get("function") == guest.get("function")
        assert not found.q35 or guest.get("bus") != "0x00"
    flat = [place for guests in places.values() for place in guests]
    return all(len(guests) == 1 for guests in places.values()) and len(flat) == len(set(flat))


def _slot(address: Element) -> tuple[str | None, ...]:
    return tuple(address.get(each) for each in ("domain", "bus", "slot"))


def source_slot(device: Element) -> tuple[str | None, ...]:
    """The slot on this machine of a device that is handed over."""
    own = device.find("source/address")
    assert own is not None
    return _slot(own)


def once(found: Made) -> bool:
    """No device is handed over twice."""
    sources = [ElementTree.tostring(each) for each in found.xml.findall("devices/hostdev/source")]
    return len(sources) == len(set(sources))


def room(found: Made) -> bool:
    """libvirt puts each of these on a root port of its own: what is left is for devices that come later."""
    ports = len(found.xml.findall("devices/controller[@model='pcie-root-port']"))
    virtio = ("interface/model[@type='virtio']", "rng", "memballoon[@model='virtio']", "disk/target[@bus='virtio']")
    taken = sum(len(found.xml.findall(f"devices/{path}")) for path in virtio)
    taken += len(found.xml.findall("devices/controller[@model='virtio-scsi']"))
    taken += len(found.xml.findall("devices/controller[@model='qemu-xhci']")) + 1  # the channels' controller
    taken += len({source_slot(each) for each in found.pci}) + found.has("devices/interface/model[@type='e1000e']")
    return ports - taken >= ROOM


def at_home(found: Made) -> bool:
    """A screen stays for Setup, and only this machine may look at it."""
    listens = [each.get("address") for each in found.xml.findall("devices/graphics/listen")]
    return found.has("devices/video/model") and bool(listens) and set(listens) == {"127.0.0.1"}


def evdev(found: Made) -> bool:
    """A keyboard and a mouse at least, by names that stay, and one key for all."""
    inputs = [each.get("dev", "") for each in found.xml.findall("devices/input[@type='evdev']/source")]
    kinds = Counter(path.rpartition("-event-")[2] for path in inputs)
    grabs = found.attribute("devices/input[@type='evdev']/source[@grab='all']", "repeat") == "on"
    here = all(path.startswith("/dev/input/by-id/") for path in inputs)
    return set(kinds) == {"kbd", "mouse"} and here and len(inputs) == len(set(inputs)) and grabs


def tpm(found: Made) -> bool:
    """One TPM 2.0, emulated."""
    return (
        len(found.xml.findall("devices/tpm")) == 1
        and found.attribute("devices/tpm", "model") == "tpm-crb"
        and found.attribute("devices/tpm/backend[@type='emulator']", "version") == "2.0"
    )


def power_of_two(found: Made) -> bool:
    """Memory of a size that the device can have, and SPICE beside it."""
    size = int(found.xml.findtext("devices/shmem[@name='looking-glass']/size", "0"))
    plain = found.attribute("devices/shmem/model", "type") == "ivshmem-plain"
    return plain and size >= 32 and not size & (size - 1) and found.has("devices/graphics[@type='spice']")
