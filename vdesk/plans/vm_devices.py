"""Which devices of the host a machine gets, and whether the rules of bind let them go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vdesk.host import Host
from vdesk.host.claims import blockers, claims
from vdesk.host.pci import Device, find
from vdesk.host.pci import devices as read_devices
from vdesk.model.address import Address, parse_address
from vdesk.model.errors import Problem, Refused, WrongUsage, problem
from vdesk.vm.spec import Request

RULES = ("host-display", "root-disk", "host-network", "last-input", "group", "in-use", "bridge", "iommu-off")
FORCEABLE = ("host-display", "last-input", "host-network", "in-use")
IDLE = (None, "pci-stub", "pcieport")
Choose = Callable[[str, Sequence[tuple[str, str]]], str | None]


@dataclass(frozen=True)
class Given:
    """The card's functions (the card itself first), and the other devices given."""

    gpu: tuple[Device, ...] = ()
    devices: tuple[Device, ...] = ()

    @property
    def all(self) -> tuple[Device, ...]:
        """Everything that leaves the host."""
        return (*self.gpu, *self.devices)


def given(host: Host, request: Request, choose: Choose | None) -> Given:
    """What the request gives to the machine; WrongUsage for what is not there, Refused by a rule."""
    _check_force(request.force)
    known = read_devices(host)
    asked = [find(known, address) for address in dict.fromkeys(request.devices)]
    card = _card(host, known, request, choose)
    gpu = _slot(known, card) if card else ()
    found = Given(gpu, tuple(device for device in asked if device not in gpu))
    _check_rules(host, known, found.all, request.force)
    return found


def _check_force(force: Iterable[str]) -> None:
    for rule in force:
        if rule not in FORCEABLE:
            known = "cannot be overridden" if rule in RULES else "is no rule"
            raise WrongUsage(
                problem(
                    "usage.force",
                    f"--force {rule}: this {known}",
                    f"--force takes {', '.join(FORCEABLE)}",
                    "leave it out",
                )
            )


# --- the card


def _card(host: Host, known: list[Device], request: Request, choose: Choose | None) -> Device | None:
    if request.gpu == "none":
        return None
    if request.gpu != "auto":
        return _named(known, parse_address(request.gpu))
    free, busy = _free_cards(host, known)
    if len(free) == 1:
        return free[0]
    if free and choose:
        answer = choose(
            "Which card goes to the machine?", [(str(each.address), f"{each.name} {each.ids}") for each in free]
        )
        if answer:
            return None if answer == "none" else _named(known, parse_address(answer))
    if free:
        raise WrongUsage(_several(free))
    raise Refused(_no_card(busy))


def _named(known: list[Device], address: Address) -> Device:
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


def _free_cards(host: Host, known: list[Device]) -> tuple[list[Device], list[tuple[Device, str]]]:
    """Cards that could go to a machine, and the others with the reason why not."""
    kept = blockers(host, known)
    free, busy = [], []
    for card in (device for device in known if device.is_gpu):
        shown = [claim for claim in claims(host, _slot(known, card), known) if claim.rule == "host-display"]
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


def _no_card(busy: list[tuple[Device, str]]) -> Problem:
    why = "; ".join(f"{card.address} {card.name} {card.ids}: {reason}" for card, reason in busy)
    return problem(
        "vm.no-gpu",
        "no graphics card of this machine can be given away",
        why or "there is no graphics card",
        "see what stands against it with: vdesk check; a machine without a card: --gpu none",
    )


def _slot(known: list[Device], card: Device) -> tuple[Device, ...]:
    """Every function of the card's slot, the card first: the group goes as a whole, the guest sees one card."""
    slot = [device for device in known if device.address.slot_name == card.address.slot_name and not device.is_bridge]
    return (card, *(device for device in slot if device.address != card.address))


# --- the rules


def _check_rules(host: Host, known: list[Device], taken: Sequence[Device], force: Iterable[str]) -> None:
    """Raise Refused with one problem per rule that refuses."""
    found: dict[str, list[tuple[Device, str, str]]] = {}
    by_address = {device.address: device for device in known}
    for claim in claims(host, taken, known) if taken else []:
        found.setdefault(claim.rule, []).append((by_address[claim.address], claim.reason, claim.remedy))
    for rule, reasons in _own_rules(known, taken):
        found.setdefault(rule, []).extend(reasons)
    problems = [_problem(rule, reasons) for rule, reasons in found.items() if reasons and rule not in tuple(force)]
    if problems:
        raise Refused(*problems)


def _own_rules(known: list[Device], taken: Sequence[Device]) -> Iterable[tuple[str, list[tuple[Device, str, str]]]]:
    """bridge, iommu-off, group: what follows from the devices alone."""
    no_bridge = "give the device behind it"
    yield (
        "bridge",
        [(each, "it is a bridge, and bridges stay with the host", no_bridge) for each in taken if each.is_bridge],
    )
    able = [each for each in taken if not each.is_bridge]
    turn_on = "turn the IOMMU on: vdesk iommu enable, then reboot; vdesk check tells what is missing"
    yield "iommu-off", [(each, "it is in no IOMMU group", turn_on) for each in able if each.group is None]
    yield "group", [_stranger(each) for each in strangers(known, able)]


def strangers(known: Iterable[Device], taken: Sequence[Device]) -> list[Device]:
    """Members of the groups of `taken` that a host driver holds and that are not given."""
    groups = {device.group for device in taken if device.group is not None}
    mates = [each for each in known if each.group in groups and each not in taken and not each.is_bridge]
    return [each for each in mates if each.driver not in IDLE and not each.is_vfio]


def _stranger(device: Device) -> tuple[Device, str, str]:
    why = f"group {device.group} goes as a whole, and {device.address} of it ({device.name}) is with {device.driver}"
    return device, why, f"give it too, with --device {device.address}, or put the card into another slot"


def _problem(rule: str, reasons: list[tuple[Device, str, str]]) -> Problem:
    names = ", ".join(dict.fromkeys(str(device.address) for device, _, _ in reasons))
    why = "; ".join(dict.fromkeys(f"{device.address}: {reason}" for device, reason, _ in reasons))
    remedy = "; ".join(dict.fromkeys(remedy for _, _, remedy in reasons))
    more = f" (--force {rule} overrides this)" if rule in FORCEABLE else ""
    return problem(f"rule.{rule}", f"the rule {rule} keeps {names} with this machine", why, remedy + more)
