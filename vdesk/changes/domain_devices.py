"""AttachDevice, DetachDevice: one PCI function of a machine, as a fragment; the rest of its definition stays."""

from __future__ import annotations

from vdesk.changes.change import DONE, Change, Progress, Record, changed_since
from vdesk.host import Host
from vdesk.host.libvirt_conn import Domain, Libvirt, connect
from vdesk.model.address import Address, parse_address
from vdesk.model.errors import HostError


def fragment_of(xml: str, address: Address) -> str | None:
    """The `<hostdev>` of a definition that gives this function of the host; None when it has none."""
    from xml.etree import ElementTree

    for element in ElementTree.fromstring(xml).findall("devices/hostdev[@type='pci']"):
        source = element.find("source/address")
        if source is not None:
            numbers = [int(source.get(part, "0"), 0) for part in ("domain", "bus", "slot", "function")]
            if Address(*numbers) == address:
                return ElementTree.tostring(element, encoding="unicode")
    return None


class AttachDevice(Change):
    """Give a function to a machine: to its definition, and at once when it runs."""

    kind = "device-attach"
    given = True

    def __init__(self, domain: Domain, uri: str, address: Address, xml: str) -> None:
        self.domain, self.uri, self.address, self.xml = domain, uri, address, xml
        self.target = str(address)
        self.summary = f"attach {address} to {domain.name}" if self.given else f"detach {address} from {domain.name}"

    def preview(self, host: Host) -> str:
        """The fragment."""
        sign = "+" if self.given else "-"
        return "".join(f"{sign}{line}\n" for line in self.xml.splitlines())

    def record(self, host: Host) -> Record:
        """The machine, the function and the fragment."""
        machine = {"name": self.domain.name, "uuid": self.domain.uuid, "uri": self.uri}
        return {**machine, "address": str(self.address), "xml": self.xml}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Do it."""
        _give(connect(host, self.uri), self.domain.name, self.xml, self.given)
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
            _give(connection, record["name"], record["xml"], not cls.given)


class DetachDevice(AttachDevice):
    """Take a function from a machine; the fragment is the one that its definition has."""

    kind = "device-detach"
    given = False


def _give(connection: Libvirt, name: str, xml: str, given: bool) -> None:
    (connection.attach if given else connection.detach)(name, xml)
