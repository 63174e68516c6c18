"""Which devices of the host a machine gets, and whether the rules of bind let them go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vdesk.host import Host, display
from vdesk.host.claims import blockers, claims, in_the_way
from vdesk.host.pci import Device, find
from vdesk.host.pci import devices as read_devices
from vdesk.host.usb import UsbDevice
from vdesk.model.address import Address, parse_address
from vdesk.model.errors import Problem, Refused, WrongUsage, problem
from vdesk.plans import rules, single_gpu, vm_usb
from vdesk.vm import words
from vdesk.vm.spec import Request, Usb

Choose = Callable[[str, Sequence[tuple[str, str]]], str | None]


@dataclass(frozen=True)
class Given:
    """The card's functions (the card first), the other devices given, the USB devices, which of these are not plugged
    in, which rules were overridden for all of them, and whether the card is the desktop's, which ends for it."""

    gpu: tuple[Device, ...] = ()
    devices: tuple[Device, ...] = ()
    overridden: tuple[str, ...] = ()
    usb: tuple[Usb, ...] = ()
    unplugged: tuple[Usb, ...] = ()
    single_gpu: bool = False

    @property
    def all(self) -> tuple[Device, ...]:
        """Everything that leaves the host."""
        return (*self.gpu, *self.devices)


def given(host: Host, request: Request, choose: Choose | None) -> Given:
    """What the request gives to the machine; WrongUsage for what is not there, Refused by a rule."""
    force = rules.check_force(request.force)
    if request.single_gpu:
        single_gpu.check(request)
    known = read_devices(host)
    asked = rules.named_devices(known, request.devices)
    card, single = _card(host, known, request, choose)
    if single:
        force |= frozenset(single_gpu.RULES)
    gpu = slot(known, card) if card else ()
    others = tuple(device for device in asked if device not in gpu)
    usb = tuple(dict.fromkeys(words.parse_usb(text) for text in request.usb))
    plugged = vm_usb.plugged(host, usb)
    overridden = _check_rules(host, known, (*gpu, *others), force, plugged.devices)
    return Given(gpu, others, tuple(overridden), usb, plugged.missing, single)


# --- the card


def _card(
    host: Host, known: list[Device], request: Request, choose: Choose | None
) -> tuple[Device | None, bool]:
    """The card that the machine gets, and whether it is the desktop's, which gives it away."""
    if request.gpu == "none":
        return None, False
    if request.gpu != "auto":
        return named_card(known, parse_address(request.gpu)), request.single_gpu
    if request.single_gpu:
        return single_gpu.card(host, known), True
    free, busy = free_cards(host, known)
    if not free:
        return _without(host, known, busy, choose)
    doubts = {each.address: display.doubt(host, each) for each in free}
    if len(free) == 1 and not doubts[free[0].address]:
        return free[0], False
    if choose:
        shown = [(str(each.address), _shown(each, doubts[each.address])) for each in free]
        answer = choose("Which card goes to the machine?", shown)
        if answer:
            return (None if answer == "none" else named_card(known, parse_address(answer))), False
    raise WrongUsage(_several(free) if len(free) > 1 else _doubtful(free[0], doubts[free[0].address]))


def _without(
    host: Host, known: list[Device], busy: list[tuple[Device, str]], choose: Choose | None
) -> tuple[Device | None, bool]:
    """What is left where no card is free: asked with the reasons, or Refused with them."""
    single = _is_desktops(host, known, [each for each, _ in busy])
    refusal = _no_card(busy, single=single)
    if choose:
        question = f"No graphics card of this machine can be given away ({refusal.cause}). Which way?"
        ways = [("single-gpu", "the desktop's own card; the desktop ends while the machine runs")] if single else []
        answer = choose(question, [*ways, ("stop", "no machine; what stands against it shows: vdesk check")])
        if answer == "none":
            return None, False
        if answer == "single-gpu":
            return single_gpu.card(host, known), True
    raise Refused(refusal)


def _shown(card: Device, doubt: str) -> str:
    return f"{card.name} {card.ids}; {doubt}" if doubt else f"{card.name} {card.ids}"


def named_card(known: list[Device], address: Address) -> Device:
    """The graphics card at the address; WrongUsage where nothing is there, or something else."""
    device = find(known, address)
    if not device.is_gpu:
        raise WrongUsage(
            problem(
                "usage.no-gpu",
                f"{address} is no graphics card: it is {device.class_name}",
                "--gpu takes the address of a graphics card",
                f"list them with: vdesk groups --gpu; give other devices with: --device {address}",
            )
        )
    return device


def free_cards(host: Host, known: list[Device]) -> tuple[list[Device], list[tuple[Device, str]]]:
    """Cards that could go to a machine, and the others with the reason why not."""
    kept = blockers(host, known)
    free, busy = [], []
    for card in (device for device in known if device.is_gpu):
        shown = [claim for claim in claims(host, slot(known, card), known) if claim.rule == "host-display"]
        if shown:
            busy.append((card, shown[0].reason))
        elif card.group is None:
            busy.append((card, "it is in no IOMMU group: the IOMMU is off"))
        elif card.group in kept:
            busy.append((card, f"this machine needs {kept[card.group][0].address} of its group"))
        else:
            free.append(card)
    return free, busy


def _several(free: list[Device]) -> Problem:
    names = "; ".join(f"{each.address} {each.name} {each.ids}" for each in free)
    return problem(
        "vm.which-gpu",
        "several graphics cards could go to the machine",
        names,
        f"name one: --gpu {free[0].address} (or --gpu none)",
    )


def _doubtful(card: Device, doubt: str) -> Problem:
    return problem(
        "vm.which-gpu",
        f"{card.address} {card.name} {card.ids} is not chosen without being named",
        doubt,
        f"when the desktop is not on it: --gpu {card.address} (or --gpu none)",
    )


def _is_desktops(host: Host, known: list[Device], cards: Sequence[Device]) -> bool:
    """Whether there is one card, which the desktop is on and the IOMMU isolates: --single-gpu is the way."""
    if len(cards) != 1 or cards[0].group is None:
        return False
    return any(claim.rule == "host-display" for claim in claims(host, slot(known, cards[0]), known))


def _no_card(busy: list[tuple[Device, str]], *, single: bool) -> Problem:
    why = "; ".join(f"{card.address} {card.name} {card.ids}: {reason}" for card, reason in busy)
    return problem(
        "vm.no-gpu",
        "no graphics card of this machine can be given away",
        why or "there is no graphics card",
        "the desktop's own card, which ends the desktop while the machine runs: --single-gpu; a machine without a card:"
        " --gpu none"
        if single
        else "see what stands against it with: vdesk check; a machine without a card: --gpu none",
    )


def slot(known: list[Device], card: Device) -> tuple[Device, ...]:
    """Every function of the card's slot, the card first: the group goes as a whole, the guest sees one card."""
    same = [device for device in known if device.address.slot_name == card.address.slot_name and not device.is_bridge]
    return (card, *(device for device in same if device.address != card.address))


# --- the rules


def _check_rules(
    host: Host, known: list[Device], taken: Sequence[Device], force: frozenset[str], usb: Sequence[UsbDevice]
) -> list[str]:
    """What was overridden, in sentences; Refused with one problem per rule of bind that refuses."""
    try:
        return rules.check(host, known, taken, (), force, usb=usb)
    except Refused as error:
        raise Refused(*(_for_create(each, known, taken) for each in error.problems)) from error


def _for_create(each: Problem, known: list[Device], taken: Sequence[Device]) -> Problem:
    """The group rule in the words of create: here nothing goes along unless it was given."""
    if each.id != "rule.group":
        return each
    mates = [str(device.address) for device in strangers(known, taken)]
    give = f"give it too, with {' '.join(f'--device {mate}' for mate in mates)}, or " if mates else ""
    return each._replace(remedy=f"{give}use a slot with a group of its own: vdesk groups")


def strangers(known: Iterable[Device], taken: Sequence[Device]) -> list[Device]:
    """Members of the groups of `taken` that a host driver holds and that are not given."""
    groups = {device.group for device in taken if device.group is not None}
    mates = [each for each in known if each.group in groups and each not in taken and not each.is_bridge]
    return [each for each in mates if in_the_way(each)]
