"""The plan of `vdesk unbind`: each function back to the driver it had, with what was taken together with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vdesk.changes.change import Change
from vdesk.changes.commands import RunCommand
from vdesk.changes.drivers import VFIO, BindDriver, boot_id, identity
from vdesk.changes.journal import Entry, Step
from vdesk.changes.modules import Modules
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.claims import held
from vdesk.host.pci import Device, devices
from vdesk.host.trust import SETTINGS
from vdesk.model.address import Address
from vdesk.model.errors import Refused, problem
from vdesk.model.record import Record
from vdesk.plans import pictures
from vdesk.plans.device_notes import returning, unseen
from vdesk.plans.rules import named_devices


class _Taken(Record):
    """A record in force, of this boot: the function that was taken, and by which entry and step."""

    entry: Entry
    step: Step
    device: Device


def unbind_now(host: Host, addresses: Sequence[Address], entries: Sequence[Entry]) -> Plan:
    """As `unbind` does; what is bound at boot is said to come again."""
    plan = unbind(host, addresses, entries)
    if not host.exists(SETTINGS):
        return plan  # nothing is bound at boot
    from vdesk.initramfs.binding import listed

    rows = {row.address for row in listed(host)}
    again = [str(each["address"]) for each in plan.data["devices"] if str(each["address"]) in rows]
    if again:
        how = f"vdesk unbind {' '.join(again)} --boot"
        plan.notes.append(f"The next boot binds {', '.join(again)} again; to end that: {how}")
    return plan


def unbind(host: Host, addresses: Sequence[Address], entries: Sequence[Entry]) -> Plan:
    """Give the devices back. Raises WrongUsage for what is not there, Refused for what a running VM has.

    What `bind` took together with a device comes back with it: the rest of its slot and group. A function that vdesk
    has no record of in this boot goes to the driver that the kernel has for it. The records are settled, for `undo` not
    to do it again."""
    known = devices(host, names=False)
    named = named_devices(known, addresses)
    records = _records(host, known, entries)
    plan = Plan("unbind", f"give {_names(named)} back to the host")
    bound = [device for device in named if device.is_vfio]
    for device in named:
        if device not in bound:
            plan.data.setdefault("devices", []).append(_shown(device, device.driver))
            has = device.driver or "no driver"
            plan.notes.append(f"{device.address} is not on {VFIO} (it has {has}), nothing to do.")
    back = _together(bound, records)
    leaving = list(dict.fromkeys([*bound, *(each.device for each in back)]))
    _refuse_running(host, leaving)
    plan.intro += unseen(host, leaving)
    _give_back(plan, back)
    recorded = {each.device.address for each in back}
    unrecorded = [device for device in bound if device.address not in recorded]
    if unrecorded:
        _native(host, plan, unrecorded, entries)
    plan.data["devices"] = sorted(plan.data.get("devices", []), key=lambda shown: str(shown["address"]))
    return plan


def _records(host: Host, known: Sequence[Device], entries: Sequence[Entry]) -> list[_Taken]:
    """What is in force of what was taken in this boot, the newest first."""
    present = {str(device.address): device for device in known if device.is_vfio}
    now = boot_id(host)
    found = []
    for entry in reversed(entries):
        for step in reversed(entry.steps):
            record = step.record
            ours = step.kind == "driver" and step.in_force and record.get("driver") == VFIO
            if ours and record.get("boot") == now and record.get("address") in present:
                found.append(_Taken(entry, step, present[record["address"]]))
    return found


def _together(bound: Sequence[Device], records: Sequence[_Taken]) -> list[_Taken]:
    """The records of the devices, and of what the same entries took of their slots and groups, the newest first."""
    found = []
    for taken in records:
        for device in bound:
            same = taken.device.address.slot_name == device.address.slot_name or taken.device.group == device.group
            by = any(each.device.address == device.address and each.entry is taken.entry for each in records)
            if taken.device.address == device.address or (same and by):
                found.append(taken)
                break
    return found


def _give_back(plan: Plan, back: Sequence[_Taken]) -> None:
    """The way of each entry back, last step first; the newest record of a function says which driver it had."""
    moved: set[Address] = set()
    for entry in dict.fromkeys(each.entry.id for each in back):
        mine = {each.step.seq: each for each in back if each.entry.id == entry}
        whole = next(iter(mine.values())).entry
        rest = [step for step in whole.steps if step.in_force and step.kind == "driver" and step.seq not in mine]
        for step in reversed(whole.steps):
            taken = mine.get(step.seq)
            if taken and taken.device.address not in moved:
                moved.add(taken.device.address)
                _back(plan, taken, whole)
            elif not taken and step.in_force:
                addresses = {str(each.device.address) for each in mine.values()}
                changes = _reversed(step, addresses, whole=not rest)
                plan.changes += changes
                taken_back = bool(changes) and step.kind in pictures.KINDS
                if taken_back and rest:
                    plan.settles.append((whole.id, step.seq))
            if step.in_force and (taken or not rest):
                plan.settles.append((whole.id, step.seq))


def _back(plan: Plan, taken: _Taken, entry: Entry) -> None:
    record, address = taken.step.record, str(taken.device.address)
    was = record.get("was")
    plan.changes.append(BindDriver(address, was, taken.device.driver, after=record))
    loaded = [step for step in entry.steps if step.kind == "modules" and step.in_force]
    after = next((step.record["drivers"].get(address) for step in loaded if address in step.record["drivers"]), None)
    plan.data.setdefault("devices", []).append(_shown(taken.device, after or was))
    plan.intro += returning(taken.device, after or was)


def _reversed(step: Step, addresses: set[str], whole: bool) -> list[Change]:
    """The change that takes another step of the entry back: modules loaded again for the functions that come back,
    the console back with its card, services started again when all of them have."""
    if step.kind in pictures.KINDS:
        return pictures.reversed_step(step, addresses)
    if step.kind == "modules":
        drivers = {address: driver for address, driver in step.record["drivers"].items() if address in addresses}
        return [Modules(step.record["names"], not step.record["load"], drivers)] if drivers else []
    if whole and step.kind == "command" and step.record.get("undo"):
        argv = step.record["undo"]
        return [RunCommand(argv, " ".join(argv), step.record["argv"])]
    return []


def _native(host: Host, plan: Plan, found: Sequence[Device], entries: Sequence[Entry]) -> None:
    """Functions without a record: the boot, libvirt or a person has bound them."""
    from vdesk.changes.native import LetGo, LoadDriver
    from vdesk.initramfs.binding import SLEEP, listed

    rows = {row.address for row in listed(host)}
    for device in found:
        address, shown = str(device.address), _shown(device, None)
        sleep = _slept(entries, address, identity(host, address)) or (SLEEP if address in rows else "")
        change = LetGo(host, address, device.driver, sleep, shown, plan.notes.append)
        plan.changes.append(change)
        plan.changes += [LoadDriver(address, change.argv, shown, plan.notes.append)] if change.argv else []
        plan.data.setdefault("devices", []).append(shown)
        plan.intro.append(
            f"{address}: vdesk did not bind it in this boot; it goes to the driver that the kernel has for it."
        )


def _slept(entries: Sequence[Entry], address: str, identity: str) -> str:
    """What d3cold_allowed was before vdesk first took the function, in whichever boot; empty where no record tells."""
    for entry in entries:
        for step in entry.steps:
            record = step.record
            same = (record.get("address"), record.get("identity")) == (address, identity)
            if step.kind == "driver" and same and record.get("driver") == VFIO:
                return str(record.get("cold") or "").strip()
    return ""


def _refuse_running(host: Host, bound: Sequence[Device]) -> None:
    """An unbind of a function that a VM has would wait in the kernel until the VM is gone."""
    found = held(host, bound)
    if found:
        names = ", ".join(dict.fromkeys(str(claim.address) for claim in found))
        raise Refused(
            problem(
                "rule.in-use",
                f"the rule in-use keeps {names} where it is",
                "; ".join(dict.fromkeys(claim.reason for claim in found)),
                "; ".join(dict.fromkeys(claim.remedy for claim in found)),
            )
        )


def _shown(device: Device, driver: str | None) -> dict[str, Any]:
    return {"address": str(device.address), "driver": driver, "was": device.driver}


def _names(found: Iterable[Device]) -> str:
    return ", ".join(str(device.address) for device in found)
