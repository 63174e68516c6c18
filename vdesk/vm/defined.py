"""What a definition in libvirt says: read, never written back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from vdesk.model.address import Address
from vdesk.vm.domain_xml import MARK

LIMIT = 8 << 20


@dataclass(frozen=True)
class DefinedDisk:
    """A disk or disc: `source` a path, empty for an empty drive; `block` a device; `disc` a CD-ROM; `target` its name
    in the guest (`sdb`)."""

    source: str
    block: bool
    disc: bool
    bus: str
    target: str = ""


@dataclass(frozen=True)
class Defined:
    """A machine's definition. `marked`: vdesk made it; `made` files that vdesk made for it; memory and shared memory
    in bytes; `identities` (address, what was there when it was given); `single_gpu`: the desktop's own card; `answers`:
    the disc with Windows Setup's answers, empty without one; `usb_by_ids`: those of `usb` that are named by nothing
    but their ids."""

    name: str
    marked: bool
    os: str
    gpu: str
    install: bool
    made: tuple[str, ...]
    kvm: bool
    memory: int
    cpus: int
    machine: str
    disks: tuple[DefinedDisk, ...]
    networks: tuple[str, ...]
    functions: tuple[Address, ...]
    usb: tuple[str, ...]
    pins: tuple[tuple[int, str], ...]
    graphics: str
    uuid: str = ""
    firmware: str = "bios"
    secure_boot: bool = False
    tpm: bool = False
    hugepages: bool = False
    roms: tuple[str, ...] = ()
    shared_memory: int = 0
    evdev: tuple[str, ...] = ()
    identities: tuple[tuple[str, str], ...] = ()
    single_gpu: bool = False
    answers: str = ""
    usb_by_ids: tuple[str, ...] = ()


def read_defined(xml: str) -> Defined:
    """The definition in a domain document that libvirt gave."""
    root = ElementTree.fromstring(xml[:LIMIT])
    mark = root.find(f"metadata/{{{MARK}}}domain")
    memory = root.find("memory")
    kind = root.find("os/type")
    graphics = root.find("devices/graphics")
    return Defined(
        root.findtext("name", ""),
        mark is not None,
        mark.get("os", "") if mark is not None else "",
        _gpu(mark),
        mark is not None and mark.find(f"{{{MARK}}}install") is not None,
        tuple(each.get("path", "") for each in mark.findall(f"{{{MARK}}}disk")) if mark is not None else (),
        root.get("type") == "kvm",
        _bytes(memory),
        int(root.findtext("vcpu", "0") or 0),
        kind.get("machine", "") if kind is not None else "",
        tuple(_disk(each) for each in root.findall("devices/disk")),
        tuple(each.get("network", "") for each in root.findall("devices/interface/source") if each.get("network")),
        tuple(
            found for each in root.findall("devices/hostdev[@type='pci']/source/address") if (found := _address(each))
        ),
        tuple(_usb(each) for each in root.findall("devices/hostdev[@type='usb']/source")),
        tuple((int(each.get("vcpu", "0")), each.get("cpuset", "")) for each in root.findall("cputune/vcpupin")),
        graphics.get("type", "") if graphics is not None else "",
        **_more(root, mark),
    )


def _more(root: Element, mark: Element | None) -> dict[str, Any]:
    """The parts that not every machine has."""
    shared = root.find("devices/shmem[@name='looking-glass']/size")
    features = {(each.get("name"), each.get("enabled")) for each in root.findall("os/firmware/feature")}
    loader = root.find("os/loader")
    efi = root.find("os[@firmware='efi']") is not None or (loader is not None and loader.get("type") == "pflash")
    secure = ("secure-boot", "yes") in features or (loader is not None and loader.get("secure") == "yes")
    devices = mark.findall(f"{{{MARK}}}device") if mark is not None else []
    return {
        "uuid": root.findtext("uuid", ""),
        "firmware": "uefi" if efi else "bios",
        "secure_boot": efi and secure,
        "tpm": root.find("devices/tpm") is not None,
        "hugepages": root.find("memoryBacking/hugepages") is not None,
        "roms": tuple(path for each in root.findall("devices/hostdev/rom") if (path := each.get("file", ""))),
        "shared_memory": _bytes(shared),
        "evdev": tuple(each.get("dev", "") for each in root.findall("devices/input[@type='evdev']/source")),
        "identities": tuple((each.get("address", ""), each.get("identity", "")) for each in devices),
        "answers": _answers(mark),
        "usb_by_ids": tuple(
            _usb(each)
            for each in root.findall("devices/hostdev[@type='usb']/source[vendor]")
            if each.find("address") is None
        ),
        "single_gpu": mark is not None and mark.find(f"{{{MARK}}}desktop[@stop='yes']") is not None,
    }


def _answers(mark: Element | None) -> str:
    found = mark.find(f"{{{MARK}}}disk[@answers='yes']") if mark is not None else None
    return found.get("path", "") if found is not None else ""


def _gpu(mark: Element | None) -> str:
    found = mark.find(f"{{{MARK}}}gpu") if mark is not None else None
    return found.get("address", "") if found is not None else ""


def _bytes(memory: Element | None) -> int:
    if memory is None:
        return 0
    unit = {"b": 0, "bytes": 0, "KiB": 10, "k": 10, "MiB": 20, "M": 20, "GiB": 30, "G": 30}.get(
        memory.get("unit", "KiB"), 10
    )
    return int(memory.text or 0) << unit


def _disk(element: Element) -> DefinedDisk:
    source, target = element.find("source"), element.find("target")
    path = (source.get("file") or source.get("dev") or "") if source is not None else ""
    bus, name = (target.get("bus", ""), target.get("dev", "")) if target is not None else ("", "")
    return DefinedDisk(path, element.get("type") == "block", element.get("device") == "cdrom", bus, name)


def _address(element: Element) -> Address | None:
    try:
        return Address(*(int(element.get(part, "0x0"), 0) for part in ("domain", "bus", "slot", "function")))
    except ValueError:
        return None


def _usb(source: Element) -> str:
    ids = (source.find(part) for part in ("vendor", "product"))
    return ":".join((each.get("id", "") if each is not None else "").removeprefix("0x") for each in ids)


def placed(xml: str) -> dict[Address, Address]:
    """Function of the host -> its place in the guest; none of a slot that was written to have one function only."""
    found: dict[Address, Address] = {}
    closed = set()
    for each in ElementTree.fromstring(xml[:LIMIT]).findall("devices/hostdev[@type='pci']"):
        source, guest = each.find("source/address"), each.find("address[@type='pci']")
        ends = [_address(end) if end is not None else None for end in (source, guest)]
        if ends[0] and ends[1] and guest is not None:
            found[ends[0]] = ends[1]
            if guest.get("multifunction") == "off":
                closed.add(ends[1].slot_name)
    return {host: guest for host, guest in found.items() if guest.slot_name not in closed}


def has_balloon(xml: str) -> bool:
    """Whether a definition has a memory balloon."""
    found = ElementTree.fromstring(xml[:LIMIT]).find("devices/memballoon")
    return found is not None and found.get("model") != "none"


def mark_without_install(xml: str) -> str | None:
    """vdesk's own metadata element without the note that an installation waits; None where there is no such note."""
    mark = ElementTree.fromstring(xml[:LIMIT]).find(f"metadata/{{{MARK}}}domain")
    note = mark.find(f"{{{MARK}}}install") if mark is not None else None
    if mark is None or note is None:
        return None
    plain = Element("domain", dict(mark.attrib))
    for each in mark:
        if each is not note:
            plain.append(Element(each.tag.partition("}")[2], dict(each.attrib)))
    return ElementTree.tostring(plain, encoding="unicode")


def without_disc(xml: str, path: str) -> str:
    """The text of a definition with the drive that has this disc empty; every other byte as it was."""

    def emptied(found: re.Match[str]) -> str:
        return "" if unescape(found[2]) == path else found[0]

    return re.sub(r"""\s*<source file=(["'])([^<>"']*)\1[^<>]*/>""", emptied, xml)


def without_hugepages(xml: str) -> str:
    """The text of a definition without its huge pages; every other byte as it was."""
    return re.sub(r"<hugepages\s*/>|<hugepages>.*?</hugepages>", "", xml, count=1, flags=re.DOTALL)
