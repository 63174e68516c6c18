"""AttachDevice, DetachDevice: one PCI function of a machine, as a fragment; the rest of its definition stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vdesk.changes.change import DONE, Change, Progress, Record, changed_since
from vdesk.changes.drivers import identity
from vdesk.host import Host
from vdesk.host.libvirt_conn import Domain, Libvirt, connect
from vdesk.model.address import Address, parse_address
from vdesk.model.errors import HostError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MARK = "urn:vdesk:domain:1"
DEVICES, DISPLAY = "sys/bus/pci/devices", "0x03"


def fragment_of(xml: str, address: Address) -> str | None:
    """The `<hostdev>` of a definition that gives this function of the host; None when it has none."""
    from xml.etree import ElementTree

    return next((ElementTree.tostring(each, encoding="unicode") for at, each in _given(xml) if at == address), None)


def functions_in(xml: str) -> list[Address]:
    """The functions of the host that a definition gives, in its order."""
    return [address for address, _ in _given(xml)]


def _given(xml: str) -> Iterator[tuple[Address, Element]]:
    from xml.etree import ElementTree

    for element in ElementTree.fromstring(xml).findall("devices/hostdev[@type='pci']"):
        source = element.find("source/address")
        if source is not None:
            yield Address(*(int(source.get(part, "0"), 0) for part in ("domain", "bus", "slot", "function"))), element


class AttachDevice(Change):
    """Give a function to a machine: to its definition, and with `live` at once when it runs."""

    kind = "device-attach"
    given = True

    def __init__(self, domain: Domain, uri: str, address: Address, xml: str, *, live: bool = True) -> None:
        self.domain, self.uri, self.address, self.xml, self.live = domain, uri, address, xml, live
        self.target = str(address)
        self.summary = f"attach {address} to {domain.name}" if self.given else f"detach {address} from {domain.name}"

    def preview(self, host: Host) -> str:
        """The fragment."""
        sign = "+" if self.given else "-"
        return "".join(f"{sign}{line}\n" for line in self.xml.splitlines())

    def record(self, host: Host) -> Record:
        """The machine, the function and the fragment."""
        machine = {"name": self.domain.name, "uuid": self.domain.uuid, "uri": self.uri}
        known = identity_in(self.domain.xml, self.address)
        was = {"identity_was": known, "gpu_was": card_in(self.domain.xml)}
        return {**machine, "address": str(self.address), "xml": self.xml, "live": self.live, **was}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Do it."""
        connection = connect(host, self.uri)
        _give(connection, self.domain.name, self.xml, self.given, live=self.live)
        known = identity(host, str(self.address)) if self.given else ""
        _mark(host, connection, self.domain.name, self.address, known)
        return DONE

    def verify(self, host: Host) -> None:
        """The definition has it, or has it no more."""
        found = connect(host, self.uri).find(self.domain.name)
        if found is None or (fragment_of(found.xml, self.address) is not None) is not self.given:
            raise HostError(self.target, "the definition does not show it", f"this failed: {self.summary}")

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """The machine is the same, or gone."""
        found = connect(host, record["uri"]).find(record["name"])
        if found is not None and found.uuid != record["uuid"]:
            raise changed_since(record["name"], "there is another virtual machine of that name now")

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The other way round, where it is not so already."""
        connection = connect(host, record["uri"])
        found = connection.find(record["name"])
        if found and (fragment_of(found.xml, parse_address(record["address"])) is not None) is cls.given:
            _give(connection, record["name"], record["xml"], not cls.given, live=record.get("live", True))
            known, card = record.get("identity_was", ""), record.get("gpu_was", "")
            _mark(host, connection, record["name"], parse_address(record["address"]), known, card)


class DetachDevice(AttachDevice):
    """Take a function from a machine; the fragment is the one that its definition has."""

    kind = "device-detach"
    given = False


def _give(connection: Libvirt, name: str, xml: str, given: bool, *, live: bool) -> None:
    (connection.attach if given else connection.detach)(name, xml, live=live)


def identity_in(xml: str, address: Address) -> str:
    """Which device vdesk's mark means at an address, empty when it does not say."""
    from xml.etree import ElementTree

    for each in ElementTree.fromstring(xml).findall(f"metadata/{{{MARK}}}domain/{{{MARK}}}device"):
        if each.get("address") == str(address):
            return each.get("identity", "")
    return ""


def mark_with(xml: str, address: Address, known: str, card: str | None = None) -> str | None:
    """vdesk's own metadata element with this device meant at the address (empty: none), and this graphics card (empty:
    none; None: as it is); None without a mark. libvirt puts the namespace in (virXMLInjectNamespace)."""
    from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

    mark = fromstring(xml).find(f"metadata/{{{MARK}}}domain")
    if mark is None:
        return None
    plain = Element("domain", dict(mark.attrib))
    was = card_in(xml)
    card = was if card is None else card
    if card:
        SubElement(plain, "gpu", address=card)
    for each in mark:
        tag = each.tag.partition("}")[2]
        if tag == "gpu" or (tag == "device" and each.get("address") == str(address)):
            continue
        plain.append(Element(tag, _desktop(dict(each.attrib), was, card) if tag == "desktop" else dict(each.attrib)))
    if known:
        SubElement(plain, "device", address=str(address), identity=known)
    return tostring(plain, encoding="unicode")


def _desktop(note: dict[str, str], was: str, card: str) -> dict[str, str]:
    """The desktop ends for its own card alone: no more once that one has left, and again when it is back."""
    if note.get("stop") == "yes" and was and card != was:
        return {"stop": "no", "address": was}
    return {"stop": "yes"} if note.get("address") and card == note["address"] else note


def card_in(xml: str) -> str:
    """The address of the graphics card by vdesk's mark, empty without one."""
    from xml.etree import ElementTree

    found = ElementTree.fromstring(xml).find(f"metadata/{{{MARK}}}domain/{{{MARK}}}gpu")
    return "" if found is None else found.get("address", "")


def _card(host: Host, connection: Libvirt, xml: str, wanted: str) -> str:
    """The machine's graphics card: the one wanted or marked while it has it, else the first that it has. What another
    machine's devices are cannot be looked at here."""
    given = [str(address) for address in functions_in(xml)]
    classes = {} if connection.far else {each: host.value(f"{DEVICES}/{each}/class") for each in given}
    cards = [each for each, found in classes.items() if found.startswith(DISPLAY)]
    return next((each for each in (wanted, card_in(xml), *cards) if each in given), "")


def _mark(host: Host, connection: Libvirt, name: str, address: Address, known: str, wanted: str = "") -> None:
    """The hook refuses another device at the address: what it is told has to be what was given. The other commands
    name the card."""
    found = connection.find(name)
    if found is None:
        return
    card = _card(host, connection, found.xml, wanted)
    if identity_in(found.xml, address) == known and card_in(found.xml) == card:
        return
    mark = mark_with(found.xml, address, known, card)
    if mark is not None:
        connection.forget_install(name, mark, MARK)
