"""gpu.group, gpu.driver: can the device be handed over, and will its driver let go."""

from __future__ import annotations

from vdesk.checks import iommu
from vdesk.checks.machine import Machine
from vdesk.host import claims
from vdesk.host.compositors import keep_off
from vdesk.host.groups import Group
from vdesk.host.holders import holding
from vdesk.host.iommu_state import UNKNOWN as NOT_KNOWN
from vdesk.host.pci import GROUPS, Device
from vdesk.model.finding import FAIL, INFO, OK, UNKNOWN, WARN, Finding, finding

OTHER_PLACE = (
    'put the card into another slot, best one at the processor, or enable "ACS" in the firmware setup;'
    " see what is together with: vdesk groups"
)
SECOND_CARD = "put a second card in, or enable the integrated graphics in the firmware setup"
KEEPS = (claims.HOST_DISPLAY, claims.ROOT_DISK, claims.HOST_NETWORK)


def group(machine: Machine, device: Device, found: Group | None, *, stays: bool, spare: bool) -> Finding:
    """The group as a whole goes or stays; bridges in it do not count. `spare`: another card can go instead."""
    name, address = "gpu.group", str(device.address)
    if device.is_bridge:
        return finding(
            name,
            FAIL,
            "a bridge is not handed over",
            cause="vfio-pci takes endpoints only",
            remedy="name a device behind it: vdesk groups",
            evidence=f"/{device.path}/class: {device.pci_class}",
            device=address,
        )
    if found is None:
        return _without(machine, device, stays=stays)
    members = ", ".join(str(each.address) for each in found.devices)
    evidence = f"/{GROUPS}/{found.id}/devices: {members}"
    if stays:
        title = f"group {found.id} stays with this machine"
        return finding(name, OK, title, evidence=evidence, device=address)
    if found.blockers:
        return _blocked(machine, device, found, evidence, FAIL if not spare else WARN)
    if kept := _kept_memory(machine, found):
        return finding(
            name,
            FAIL,
            f"group {found.id} cannot be handed over: the firmware keeps memory for it",
            cause="a region of the type `direct` has to stay mapped for the device, where a guest has its memory",
            remedy='look for "shared memory features" in the firmware setup, or use another device',
            evidence=kept,
            device=address,
        )
    together = [str(each.address) for each in found.devices if each != device and not each.is_bridge]
    more = f", together with {', '.join(together)}" if together else ""
    title = f"group {found.id} can be handed over{more}"
    return finding(name, OK, title, evidence=evidence, device=address)


def _without(machine: Machine, device: Device, *, stays: bool) -> Finding:
    """No group: the IOMMU is off, or it leaves this device out."""
    name, address, evidence = "gpu.group", str(device.address), f"/{device.path}/iommu_group is not there"
    if stays:
        return finding(
            name, INFO, "no group, and none is needed: it stays with this machine", evidence=evidence, device=address
        )
    if machine.iommu.is_on:
        return finding(
            name,
            FAIL,
            "the IOMMU leaves this device out",
            cause="it has no group: igfx_off for the integrated graphics, or a controller that hides it (VMD)",
            remedy="boot without igfx_off, and switch VMD or RAID mode off in the firmware setup",
            evidence=evidence,
            device=address,
        )
    why = iommu.kernel(machine)
    level = UNKNOWN if machine.iommu.name == NOT_KNOWN else FAIL
    title = "no group: it is not known whether the IOMMU is on" if level == UNKNOWN else "no group: the IOMMU is off"
    return finding(name, level, title, cause=why.cause, remedy=why.remedy, evidence=evidence, device=address)


def _blocked(machine: Machine, device: Device, found: Group, evidence: str, level: str) -> Finding:
    """The group holds something this machine needs; the device itself can be that."""
    known = claims.claims(machine.host, found.blockers, machine.devices)
    reasons = {each.address: each for each in known if each.rule in KEEPS}
    because = [f"{address}: {claim.reason}" for address, claim in reasons.items()]
    because += [
        f"{each.address}: a bridge cannot move, and its driver {each.driver} claims the group"
        for each in found.blockers
        if each.is_bridge
    ]
    names = ", ".join(str(each.address) for each in found.blockers)
    own = len(found.blockers) == 1 and found.blockers[0].address == device.address
    remedy = reasons[device.address].remedy if own and device.address in reasons else OTHER_PLACE
    if own and len(machine.gpus) == 1 and device.is_gpu:
        remedy = SECOND_CARD
    return finding(
        "gpu.group",
        level,
        f"group {found.id} stays with this machine: " + ("it is in use" if own else f"blocked by {names}"),
        cause="; ".join(because) or f"{names} is in use by this machine",
        remedy=remedy,
        evidence=f"{evidence}; {'; '.join(claim.evidence for claim in reasons.values())}",
        device=str(device.address),
    )


def _kept_memory(machine: Machine, found: Group) -> str:
    """The first `direct` region of the group (ABI/testing/sysfs-kernel-iommu_groups), or an empty text."""
    path = f"{GROUPS}/{found.id}/reserved_regions"
    for line in machine.host.value(path).splitlines():
        if line.split()[-1:] == ["direct"]:
            return f"/{path}: {line.strip()}"
    return ""


def driver(machine: Machine, device: Device, *, shown: bool) -> Finding:
    """Who has it now, and whether it will let go."""
    name, address = "gpu.driver", str(device.address)
    evidence = f"/{device.path}/driver: {device.driver or 'none'}"
    if device.is_vfio:
        return finding(name, OK, f"{device.driver} has it", evidence=evidence, device=address)
    override = machine.host.value(f"{device.path}/driver_override").removeprefix("(null)")
    if override and override != device.driver:
        return finding(
            name,
            WARN,
            f"it is meant for {override}, and {device.driver or 'no driver'} has it",
            cause="its driver_override names a driver that did not take it, often because the module is not loaded",
            remedy=f"sudo vdesk bind {address}, or sudo vdesk unbind {address}",
            evidence=f"/{device.path}/driver_override: {override}; {evidence}",
            device=address,
        )
    if shown or device.is_bridge:
        title = (
            f"{device.driver or 'no driver'} has it, for the desktop"
            if shown
            else f"{device.driver or 'no driver'} has it"
        )
        return finding(name, OK, title, evidence=evidence, device=address)
    if device.driver is None:
        return finding(name, OK, "no driver has it: vfio-pci can take it", evidence=evidence, device=address)
    return _lets_go(machine, device, evidence)


def _lets_go(machine: Machine, device: Device, evidence: str) -> Finding:
    """A driver whose device is open waits in the kernel until it is closed: who holds it is looked up before."""
    name, address = "gpu.driver", str(device.address)
    held = holding(machine.host, [device])
    bind = f"sudo vdesk bind {address}" + " --boot" * (device.driver in claims.UNSTEADY)
    who = sorted({f"{each.command} (pid {each.pid})" for each in held.holders if each.command not in claims.SERVICES})
    title = f"{device.driver} has it"
    if who:
        desktop = next((each for each in held.holders if each.command.startswith(claims.DESKTOPS)), None)
        way = keep_off(machine.host, desktop.command, desktop.address) if desktop else ""
        return finding(
            name,
            WARN,
            f"{title}, and it is in use: {', '.join(who[:5])}",
            cause="the kernel would wait for these programs to close it",
            remedy=f"{way}; then: {bind}" if way else f"end them, then: {bind}",
            evidence=held.holders[0].evidence,
            device=address,
        )
    if device.driver in claims.UNSTEADY:
        cause = claims.UNSTEADY[device.driver]
        remedy = f"take it at every boot, before {device.driver} has it: {bind}"
        return finding(name, WARN, title, cause=cause, remedy=remedy, evidence=evidence, device=address)
    if held.unseen:
        return finding(
            name,
            UNKNOWN,
            f"{title}; who uses it could not be told",
            cause=f"{held.unseen} processes of other users may not be looked into",
            remedy=machine.see_more,
            evidence=f"/proc/PID/fd; {evidence}",
            device=address,
        )
    return finding(name, INFO, f"{title}, and nobody uses it", remedy=bind, evidence=evidence, device=address)
