"""What the hook needs of a domain's XML: uuid, mark, the addresses of its PCI devices. Nothing else is looked at."""

from __future__ import annotations

import re

from .machine import Trouble

NAMESPACE = "urn:vdesk:domain:1"
MARK_PATH = ["domain", "metadata", f"{NAMESPACE} domain"]
ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


UNITS = {"b": 0, "bytes": 0, "KiB": 10, "k": 10, "MiB": 20, "M": 20, "GiB": 30, "G": 30}
CPUS = re.compile(r"\d{1,5}(?:-\d{1,5})?", re.ASCII)


class Domain:
    """One domain. Trouble for what libvirt does not write: broken XML, a document type, no uuid."""

    def __init__(self, xml: bytes) -> None:
        import pyexpat

        self.uuid, self.marked = "", False
        self.functions: list[str] = []
        self.identities: dict[str, str] = {}
        """Address -> `vendor:device subvendor:subdevice` of the device that was meant, where the mark tells it."""
        self.desktop = False
        """Whether the host's desktop has to end first: the card is the only one."""
        self.hugepages = False
        self.memory = 0
        """In bytes."""
        self.pins: list[int] = []
        """The CPUs that vCPUs are pinned to."""
        self._unit = ""
        self._path: list[str] = []
        self._pci = False
        parser = pyexpat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _doctype
        try:
            parser.Parse(xml, True)
        except (pyexpat.ExpatError, LookupError, ValueError) as error:
            raise Trouble(f"what libvirt gave to the hook is no XML: {error}") from None
        if not UUID.fullmatch(self.uuid):
            raise Trouble("the domain's XML has no uuid")

    def _start(self, name: str, given: dict[str, str]) -> None:
        self._path.append(name)
        if self._path == MARK_PATH:
            self.marked = True
        elif self._path == [*MARK_PATH, f"{NAMESPACE} desktop"]:
            self.desktop = given.get("stop") == "yes"
        elif self._path == [*MARK_PATH, f"{NAMESPACE} device"]:
            self.identities[_text_of(given, "address")] = _text_of(given, "identity")
        elif self._path == ["domain", "memory"]:
            self._unit = given.get("unit", "KiB")
        elif self._path == ["domain", "memoryBacking", "hugepages"]:
            self.hugepages = True
        elif self._path == ["domain", "cputune", "vcpupin"]:
            self.pins = sorted({*self.pins, *numbers(given.get("cpuset", ""))})
        elif self._path == ["domain", "devices", "hostdev"]:
            self._pci = given.get("mode") == "subsystem" and given.get("type") == "pci"
        elif self._pci and self._path == ["domain", "devices", "hostdev", "source", "address"]:
            self.functions.append(_address(given))

    def _end(self, name: str) -> None:
        self._path.pop()

    def _text(self, text: str) -> None:
        if self._path == ["domain", "uuid"]:
            self.uuid = (self.uuid + text.strip().lower())[:64]
        elif self._path == ["domain", "memory"] and text.strip().isdecimal():
            self.memory = int(text.strip()[:18]) << UNITS.get(self._unit, 10)


def numbers(text: str) -> list[int]:
    """The numbers of a list of CPUs, `0-3,8` or `0-3 8`, sorted; parts that are none are left out."""
    found: set[int] = set()
    for part in text.replace(",", " ").split():
        if CPUS.fullmatch(part):
            first, _, last = part.partition("-")
            found.update(range(int(first), min(int(last or first), 1 << 13) + 1))
    return sorted(found)


def _doctype(*given: object) -> None:
    """Entities are declared there: a few bytes of them can grow to gigabytes."""
    raise Trouble("the domain's XML has a document type, which libvirt never writes")


def _text_of(given: dict[str, str], name: str) -> str:
    return given.get(name, "").strip().lower()[:64]


def _address(given: dict[str, str]) -> str:
    """`0000:01:00.0` of the attributes of an address element."""
    try:
        parts = [int(given.get(name, "0")[:10], 0) for name in ("domain", "bus", "slot", "function")]
    except ValueError:
        parts = [-1, 0, 0, 0]
    found = "{:04x}:{:02x}:{:02x}.{:x}".format(*parts)
    if not ADDRESS.fullmatch(found):
        raise Trouble("the address of a device in the domain's XML is none")
    return found
