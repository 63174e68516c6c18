"""PCI addresses as the kernel writes them (Documentation/PCI/sysfs-pci.rst: domain:bus:slot.function)."""

from __future__ import annotations

import re

from vdesk.model.errors import WrongUsage, problem
from vdesk.model.record import Record

# Compiled when first used, here as elsewhere: most commands use few of them, and each costs every start.
_SPELLINGS = (
    r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-7])",
    r"pci_([0-9a-fA-F]{4,8})_([0-9a-fA-F]{2})_([0-9a-fA-F]{2})_([0-7])",
)


class Address(Record):
    """One PCI function; sorts as `lspci` lists. VMD domains have more than four digits."""

    domain: int
    bus: int
    slot: int
    function: int

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function}"

    @property
    def slot_name(self) -> str:
        """The slot that the function is in, without the function: `0000:01:00`."""
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}"

    @property
    def node_device(self) -> str:
        """The name libvirt gives it as a node device: `pci_0000_01_00_0`."""
        return f"pci_{self.domain:04x}_{self.bus:02x}_{self.slot:02x}_{self.function}"


def find_address(text: str) -> Address | None:
    """The address that `text` spells in one of the three accepted ways and nothing besides, or None."""
    for spelling in _SPELLINGS:
        match = re.fullmatch(spelling, text)
        if match:
            domain, bus, slot, function = match.groups()
            if int(slot, 16) < 32:
                return Address(int(domain or "0", 16), int(bus, 16), int(slot, 16), int(function))
    return None


def _spelled(text: str) -> str:
    """What was meant by the right digits with other signs between them: `01-00.0`, `01:00:0`."""
    parts = re.findall(r"[0-9a-f]+", text.strip().lower())
    domain, *rest = parts if len(parts) == 4 else ("0000", *parts)
    found = find_address(f"{domain}:{rest[0]}:{rest[1]}.{rest[2]}") if len(rest) == 3 else None
    return f"did you mean {found}? " if found else ""


def parse_address(text: str) -> Address:
    """The address that `text` spells; WrongUsage when it spells none."""
    address = find_address(text)
    if address is None:
        raise WrongUsage(
            problem(
                "usage.address",
                f"{text!r} is not a PCI address",
                "an address is written 01:00.0, 0000:01:00.0 or pci_0000_01_00_0",
                f"{_spelled(text)}list the devices of this machine with: vdesk groups",
            )
        )
    return address
