"""The safety rules of `bind`: what may not be taken from the host, and what must go along.

All rules that refuse are collected, one error per rule (`rule.NAME`), in the order of RULES."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vdesk.host import Host
from vdesk.host.claims import claims, in_the_way
from vdesk.host.groups import group_ids, members
from vdesk.host.pci import Device, find
from vdesk.host.usb import UsbDevice
from vdesk.model.address import Address
from vdesk.model.errors import Problem, Refused, WrongUsage, problem
from vdesk.model.record import Record

RULES = ("host-display", "root-disk", "host-network", "last-input", "group", "in-use", "bridge", "iommu-off")
FORCEABLE = ("host-display", "last-input", "host-network", "in-use")
BLOCKING = ("host-display", "root-disk", "host-network")  # a member that these keep blocks its group


class Refusal(Record):
    """Why a rule keeps one device, and what helps."""

    device: Device | UsbDevice
    reason: str
    remedy: str


def check_force(force: Iterable[str]) -> frozenset[str]:
    """The rules to override; WrongUsage for a name that is no rule, or one that cannot be overridden."""
    for rule in force:
        if rule not in FORCEABLE:
            from vdesk.model.near import did_you_mean

            why = "this rule cannot be overridden" if rule in RULES else "there is no such rule"
            takes = f"--force takes {', '.join(FORCEABLE)}"
            near = "" if rule in RULES else did_you_mean(rule, FORCEABLE)
            raise WrongUsage(problem("usage.force", f"--force {rule}: {why}", takes, f"{near}leave it out"))
    return frozenset(force)


def named_devices(known: list[Device], addresses: Sequence[Address]) -> list[Device]:
    """The devices at the addresses, each once; WrongUsage naming every address that has none."""
    found: list[Device] = []
    missing: list[Problem] = []
    for address in dict.fromkeys(addresses):
        try:
            found.append(find(known, address))
        except WrongUsage as error:
            missing += error.problems
    if missing:
        raise WrongUsage(*missing)
    return found


def companions(known: Sequence[Device], named: Sequence[Device]) -> list[Device]:
    """What goes along with the devices named: the functions of their slots that a host driver holds, and the other
    endpoints of the groups of all these. Bridges stay."""
    slots = {device.address.slot_name for device in named if not device.is_bridge}
    taken = {device.address for device in named}
    for device in known:
        held = bool(device.driver) and not device.is_vfio and not device.is_bridge
        if held and device.address.slot_name in slots:
            taken.add(device.address)
    groups = {device.group for device in known if device.address in taken and device.group is not None}
    together = [
        device
        for device in known
        if not device.is_bridge and (device.address in taken or device.group in groups) and device not in named
    ]
    return together


def check(
    host: Host,
    known: Sequence[Device],
    named: Sequence[Device],
    along: Sequence[Device],
    force: frozenset[str],
    gone: Sequence[Device] = (),
    usb: Sequence[UsbDevice] = (),
) -> list[str]:
    """Raise Refused with one problem per rule that refuses; what was overridden is returned, in sentences. `gone` were
    given before: nothing is asked of them here, and they do not stay in a group. `usb` are USB devices that are given
    away with the functions."""
    found = refusals(host, known, named, along, force, gone) if named or along else {}
    if usb:
        from vdesk.host.usb_claims import usb_claims

        for claim in usb_claims(host, usb, frozenset(device.address for device in (*named, *along, *gone))):
            found.setdefault(claim.rule, []).append(Refusal(claim.device, claim.reason, claim.remedy))
    problems = [_problem(rule, found[rule]) for rule in RULES if rule in found and rule not in force]
    if problems:
        raise Refused(*problems)
    return [
        f"overridden, {rule}: {each.device.address}: {each.reason}"
        for rule in RULES
        if rule in found
        for each in found[rule]
    ]


def refusals(
    host: Host,
    known: Sequence[Device],
    named: Sequence[Device],
    along: Sequence[Device],
    force: frozenset[str] = frozenset(),
    gone: Sequence[Device] = (),
) -> dict[str, list[Refusal]]:
    """Rule -> why it keeps which devices, were `named` and `along` taken together; `force` only matters to `group`."""
    taken = [*named, *along]
    found: dict[str, list[Refusal]] = {}
    joined = {device.group for device in named}
    for claim in claims(host, taken, known):
        device = next(each for each in taken if each.address == claim.address)
        alone = device in along and device.group not in joined
        more = "; or take just the functions named: --only" if alone else ""
        found.setdefault(claim.rule, []).append(Refusal(device, claim.reason, claim.remedy + more))
    groups = frozenset(group_ids(host))
    for rule, refused in (
        ("group", _group(known, taken, groups, gone) + _kept_with(named, along, found, force)),
        ("bridge", [_bridge(device) for device in named if device.is_bridge]),
        ("iommu-off", [_without_group(device, groups) for device in taken if device.group not in groups]),
    ):
        if refused:
            found[rule] = refused
    return found


def _group(
    known: Sequence[Device], taken: Sequence[Device], groups: frozenset[int], gone: Sequence[Device] = ()
) -> list[Refusal]:
    """The members of the groups of `taken` that would stay and keep their group from being viable."""
    addresses = {device.address for device in (*taken, *gone)}
    numbers = {device.group for device in taken if not device.is_bridge} & groups
    found = []
    for number, devices in members(list(known)).items():
        for device in devices if number in numbers else ():
            if in_the_way(device) and device.address not in addresses:
                found.append(_stays(device))
    return found


def _stays(device: Device) -> Refusal:
    if device.is_bridge:
        remedy = f"use a slot with a group of its own; or take the bridge's driver away: modprobe -r {device.driver}"
    else:
        remedy = f"leave --only out, or name {device.address} too"
    return Refusal(device, f"it would stay in group {device.group} with its driver {device.driver}", remedy)


def _kept_with(
    named: Sequence[Device], along: Sequence[Device], found: dict[str, list[Refusal]], force: frozenset[str]
) -> list[Refusal]:
    """The members that would have to go along with their group, and that another rule keeps."""
    groups = {device.group for device in named}
    remedy = "use another slot; one at the processor mostly has a group of its own (vdesk groups)"
    return [
        Refusal(each.device, f"it is in group {each.device.group} too, and {rule} keeps it: {each.reason}", remedy)
        for rule in BLOCKING
        if rule not in force
        for each in found.get(rule, [])
        if isinstance(each.device, Device) and each.device in along and each.device.group in groups
    ]


def _bridge(device: Device) -> Refusal:
    return Refusal(device, "it is a bridge, and vfio-pci takes endpoints only", "name the devices behind it")


def _without_group(device: Device, groups: frozenset[int]) -> Refusal:
    reason = "the kernel has put it into no IOMMU group" if groups else "the IOMMU is off: there are no groups"
    return Refusal(device, reason, "see what is missing with: vdesk check; mostly it is: vdesk iommu enable")


def _problem(rule: str, refused: Sequence[Refusal]) -> Problem:
    names = ", ".join(dict.fromkeys(str(each.device.address) for each in refused))
    several = len({each.device.address for each in refused}) > 1
    reasons = [f"{each.device.address}: {each.reason}" if several else each.reason for each in refused]
    remedy = "; ".join(dict.fromkeys(each.remedy for each in refused))
    more = f"; or take it all the same with: --force {rule}" if rule in FORCEABLE else ""
    what = f"the rule {rule} keeps {names} with this machine"
    return problem(f"rule.{rule}", what, "; ".join(dict.fromkeys(reasons)), remedy + more)
