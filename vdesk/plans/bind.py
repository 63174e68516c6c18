"""Plans of `vdesk bind` and `vdesk unbind`: which functions go, in which order, and what has to happen around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vdesk.changes.change import Change
from vdesk.changes.drivers import VFIO, BindDriver
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.pci import Device, devices
from vdesk.model.address import Address
from vdesk.plans import rules
from vdesk.plans.device_notes import notes, unseen

VFIO_DRIVER = "sys/bus/pci/drivers/vfio-pci"


def bind(host: Host, addresses: Sequence[Address], *, only: bool = False, force: Sequence[str] = ()) -> Plan:
    """Give the devices, and what must go with them, to vfio-pci. Raises WrongUsage, and Refused by a rule."""
    overridden = rules.check_force(force)
    known = devices(host, names=False)
    named = rules.named_devices(known, addresses)
    along = [] if only else rules.companions(known, named)
    forced = rules.check(host, known, named, along, overridden)
    taken = sorted((*named, *along), key=lambda device: device.address)
    moving = [device for device in taken if not device.is_vfio]
    plan = Plan("bind", f"give {_names(named)} to vfio-pci", data={"devices": [_shown(device) for device in taken]})
    if not moving:
        plan.notes = [f"{_names(taken)}: on {VFIO} already, nothing to do."]
        return plan
    plan.changes = _changes(host, moving)
    plan.intro = _intro(host, named, along, moving) + forced
    plan.facts = {"named": [str(device.address) for device in named]}
    plan.notes = [f"Give back with: vdesk unbind {' '.join(str(device.address) for device in named)}"]
    return plan


def _changes(host: Host, moving: list[Device]) -> list[Change]:
    """Sound and USB functions go before their graphics card; its driver is told to let go just before its own turn."""
    found: list[Change] = []
    load = not host.exists(VFIO_DRIVER)
    if load:
        from vdesk.changes.commands import RunCommand

        found.append(RunCommand(["modprobe", VFIO], "load vfio-pci (it stays; without a device it does nothing)"))
    found += [BindDriver(str(each.address), VFIO, each.driver, loaded=load) for each in moving if not each.is_gpu]
    return found + (_cards(host, moving, load) if any(each.is_gpu for each in moving) else [])


def _cards(host: Host, moving: list[Device], load: bool) -> list[Change]:
    from vdesk.plans import nvidia, pictures

    found = pictures.release(host, moving) + nvidia.release(host, moving)
    gone = nvidia.unloads(host, moving)
    found += [
        BindDriver(str(each.address), VFIO, each.driver, loaded=load, unloaded=gone and each.driver == "nvidia")
        for each in moving
        if each.is_gpu
    ]
    return found + pictures.again(host, moving) + nvidia.again(host, moving)


def _intro(host: Host, named: list[Device], along: list[Device], moving: list[Device]) -> list[str]:
    found = []
    together = [device for device in along if device in moving]
    if together:
        found.append(f"With {_names(named)} goes what shares its slot or group: {_names(together)}.")
    for device in moving:
        found += notes(host, device)
    return found + unseen(host, moving)


def _shown(device: Device) -> dict[str, Any]:
    return {"address": str(device.address), "driver": device.driver if device.is_vfio else VFIO, "was": device.driver}


def _names(found: Sequence[Device]) -> str:
    return ", ".join(str(device.address) for device in found)
