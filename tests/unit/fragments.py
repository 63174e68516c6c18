"""libvirt's test driver, which takes no fragments: here they are put into the definition as the QEMU driver does it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tests.unit.vm_cases import own_driver
from vdesk.host import Host
from vdesk.host.libvirt_conn import Libvirt


class Fragments(Libvirt):
    """A test driver that knows of each fragment whether the running machine was meant too."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.live: list[bool] = []

    def _device(self, name: str, xml: str, method: str, *, live: bool = True) -> None:
        domain = self._conn.lookupByName(name)
        root, given = ElementTree.fromstring(domain.XMLDesc(2)), ElementTree.fromstring(xml)
        devices = root.find("devices")
        assert devices is not None
        self.live.append(live)
        if method == "attachDeviceFlags":
            _place(devices, given)
            devices.append(given)
        else:
            devices.remove(next(each for each in devices.findall("hostdev") if source(each) == source(given)))
        self._conn.defineXML(ElementTree.tostring(root, encoding="unicode"))


def source(hostdev: Element) -> dict[str, str]:
    """The address on the host."""
    found = hostdev.find("source/address")
    assert found is not None
    return found.attrib


def _place(devices: Element, given: Element) -> None:
    """A root port of its own where no place is named; multifunction where a slot gets another function, as libvirt."""
    places = devices.findall("hostdev/address")
    mine = given.find("address")
    if mine is None:
        bus = 1 + max((int(each.get("bus", "0"), 0) for each in places), default=0)
        SubElement(given, "address", type="pci", domain="0x0000", bus=f"0x{bus:02x}", slot="0x00", function="0x0")
        return
    for each in places:
        if (each.get("bus"), each.get("slot")) == (mine.get("bus"), mine.get("slot")):
            assert each.get("function") != mine.get("function"), "the place is taken"
            if each.get("function") == "0x0":
                each.set("multifunction", "on")


def with_fragments(host: Host, folder: Path) -> Fragments:
    """The driver, as the connection that the host object has for its address."""
    uri = own_driver(folder, host)
    found = Fragments(uri)
    host.memory.setdefault("libvirt", {})[uri] = found
    return found
