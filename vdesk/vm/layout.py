"""Where given devices sit in the guest: a card's functions in one slot behind a port of its own, as on the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vdesk.model.address import Address
from vdesk.vm.spec import Function

# Ports that libvirt itself fills: SCSI, network, USB, serial channels, random numbers, balloon, a bridge for shmem.
OWN_PORTS = 7
SPARE_PORTS = 4
FIRST_PCI_SLOT = 0x10
"""On i440fx, well above what libvirt gives out by itself from below."""


def place(card: Sequence[Address], others: Sequence[Address], rom: str | None, *, pcie: bool) -> tuple[Function, ...]:
    """The functions in the guest: the card's in the first place, each other device in one of its own."""
    first = 1 if pcie else FIRST_PCI_SLOT
    functions = []
    if card:
        numbers = _numbers(card)
        for address, number in zip(card, numbers, strict=True):
            head = number == 0
            functions.append(Function(address, first, number, head and len(card) > 1, rom if head else None))
        first += 1
    functions += [Function(address, first + index) for index, address in enumerate(others)]
    return tuple(functions)


def _numbers(card: Sequence[Address]) -> list[int]:
    """As in the host's slot; counted from 0 where the card itself is not function 0."""
    if card[0].function == 0:
        return [address.function for address in card]
    return list(range(len(card)))


def join(placed: Mapping[Address, Address], address: Address) -> Address | None:
    """The place in the guest of a function whose card's others are `placed` (host -> guest) already: their slot, the
    number as in the host's where it is free. None without others, or where the slot is full."""
    others = [each for each in placed if each.slot_name == address.slot_name]
    if not others:
        return None
    slot = placed[min(others, key=lambda each: each.function)]
    taken = {each.function for each in placed.values() if each.slot_name == slot.slot_name}
    free = [number for number in (address.function, *range(8)) if number not in taken]
    return Address(slot.domain, slot.bus, slot.slot, free[0]) if free else None


def ports(functions: Sequence[Function]) -> int:
    """How many PCIe ports to write out, the root included: the devices', libvirt's own, and spare ones for hot-plug."""
    return 1 + len({function.port for function in functions}) + OWN_PORTS + SPARE_PORTS
