"""Plans of `bind --boot` and `unbind --boot`: now, and at every boot, by address and identity."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.at_boot.listed import BOOT_DISPLAY, LIST, Listed
from vdesk.changes.change import Change
from vdesk.changes.drivers import identity
from vdesk.changes.files import content
from vdesk.changes.journal import Entry, Step
from vdesk.changes.plan import Plan
from vdesk.host import Host, system_python
from vdesk.host.claims import held
from vdesk.host.leftovers import IDS
from vdesk.host.leftovers import every as every_leftover
from vdesk.host.leftovers import taken as taken_by
from vdesk.host.pci import devices
from vdesk.initramfs.binding import BootBinding, display_of, edited, is_off, listed, stale, trial
from vdesk.initramfs.bound import boots_on
from vdesk.initramfs.builders import builder
from vdesk.initramfs.image import Refresh, rebuild
from vdesk.initramfs.program import PYTHON
from vdesk.model.address import Address, find_address
from vdesk.model.errors import Refused, problem
from vdesk.plans import bind as now_plans
from vdesk.plans import giving_back
from vdesk.plans.boot_picture import prompt, said_before, shows_a_picture, the_trial
from vdesk.plans.rules import named_devices

OURS = ("boot-binding", "refresh", "initramfs")


def bind(
    host: Host,
    addresses: Sequence[Address],
    entries: Sequence[Entry],
    *,
    only: bool = False,
    force: Sequence[str] = (),
    wait: bool = False,
) -> Plan:
    """Bind now as `bind` does, and at every boot. What a program has open, and is forced, is taken at the next boot
    only: the kernel would wait for that program; `wait` asks for that of all. Raises WrongUsage, and Refused by a
    rule."""
    plan = now_plans.bind(host, addresses, only=only, force=force)
    _refuse(host)
    moves, notes = plan.changes, plan.notes
    rows = [_row(host, str(each["address"])) for each in plan.data["devices"]]
    moving = [each for each in devices(host, names=False) if any(str(each.address) == row.address for row in rows)]
    later = bool(moves) and (wait or ("in-use" in force and bool(held(host, moving))))
    plan.changes = [] if later else moves
    at_boot = _onto_the_list(host, rows, entries)
    plan.changes = [*at_boot[:2], *plan.changes, *at_boot[2:]]
    for each in plan.data["devices"] if later else ():
        each["driver"] = each["was"]
    if at_boot:
        plan.intro += _said(host, later, wait) + _owned(host, rows) + prompt(host, moving)
        names = " ".join(plan.facts.get("named") or [str(each) for each in addresses])
        plan.facts.setdefault("named", [str(each) for each in addresses])
        display = picture_asked_for(host, [*listed(host), *rows])
        plan.intro += said_before(host, display)
        plan.notes = [
            the_trial(display),
            f"Give back with: vdesk unbind {names} --boot",
        ]
    elif not plan.changes:
        plan.notes = [*notes, "Bound at every boot already."]
    return plan


def _row(host: Host, address: str) -> Listed:
    return Listed(address, identity(host, address), BOOT_DISPLAY if boots_on(host, address) else "")


def _onto_the_list(host: Host, rows: list[Listed], entries: Sequence[Entry]) -> list[Change]:
    """The files, the services told, and last, since it takes longest, the initramfs; nothing when all is so already."""
    now = listed(host)
    new = [row for row in rows if row not in now]
    files = new or stale(host, now, display_of(host))
    display = picture_asked_for(host, [*now, *new])
    if not files and display == display_of(host) and not is_off(trial(host)):
        return []
    names = ", ".join(row.address for row in rows)
    summary = f"let {names} be bound at the next boot again"
    if new:
        summary = f"bind {names} at every boot"
    elif not files and not is_off(trial(host)):
        summary = f"ask boots that bind {names} for a picture"
    change = BootBinding(content(host, LIST), new, [], display, summary)
    change.emptied = [folder for entry in entries for step in entry.steps if step.in_force for folder in _folders(step)]
    return [change, _reload(), *rebuild(host, holding=True)] if files else [change]


def _reload() -> Refresh:
    return Refresh(["systemctl", "daemon-reload"], "let systemd read its units again")


def picture_asked_for(host: Host, rows: Sequence[Listed]) -> bool:
    """Whether a boot with these devices has to show a picture to be a good one: what was asked for once stays so."""
    return (bool(listed(host)) and display_of(host)) or shows_a_picture(host, {row.address for row in rows})


def _said(host: Host, later: bool, wait: bool) -> list[str]:
    found = ["A program has one of these devices open: they are taken at the next boot, before it starts."]
    if wait:
        found = ["They are taken at the next boot, before their own drivers: those are not asked to let go now."]
    found = found if later else []
    if builder(host) is None:
        found.append(
            "No initramfs builder that vdesk knows is installed: a unit holds the devices back before udev starts, "
            "and a driver that is in the initramfs all the same is asked to let go early in the boot."
        )
    return found


def _owned(host: Host, rows: list[Listed]) -> list[str]:
    """What else gives these devices to vfio-pci at boot: a trial that failed would be followed by the same."""
    known = [each for each in devices(host, names=False) if any(str(each.address) == row.address for row in rows)]
    found = []
    for other in every_leftover(host):
        names = ", ".join(str(each.address) for each in taken_by(other, known))
        if names and (other.kind == IDS or "vfio" in other.driver):
            found.append(
                f"{names}: {other.place} gives it to vfio-pci at boot too, also in a boot that leaves this binding "
                f"out; take that out: {other.way_out}"
            )
    return found


def _refuse(host: Host) -> None:
    """What binding at boot stands on has to be there; of a captured machine only what it tells is judged."""
    system_python.refuse_old(host, "the program that decides at boot")
    if not host.is_live:
        return
    needed = (
        ("run/systemd/system", "systemd is not what started this machine", "the units that decide and prove"),
        (PYTHON, f"there is no /{PYTHON}", "the program that decides at boot"),
    )
    for path, why, what in needed:
        if not host.exists(path):
            raise Refused(
                problem(
                    "boot-binding.impossible",
                    "devices cannot be bound at boot on this machine",
                    f"{why}, and {what} would not run",
                    "bind them when they are needed: vdesk bind ADDR; the libvirt hook does it by itself: "
                    "vdesk hook install",
                )
            )


def unbind(host: Host, addresses: Sequence[Address], entries: Sequence[Entry]) -> Plan:
    """Off the list, with what shares slot or group; and back to the host now. Raises as `unbind` does."""
    rows = listed(host)
    known = {device.address: device for device in devices(host, names=False)}
    places = {row.address: find_address(row.address) for row in rows}
    named = list(dict.fromkeys(addresses))
    present = [each for each in named if each in known]
    missing = [each for each in named if each not in known and str(each) not in places]
    if missing:
        named_devices(list(known.values()), missing)  # raises
    groups = {known[each].group for each in present} - {None}
    slots = {each.slot_name for each in named}
    gone = []
    for row in rows:
        place = places[row.address]
        device = known.get(place) if place else None
        if place and (place in named or place.slot_name in slots or (device and device.group in groups)):
            gone.append(row)
    back = list(
        dict.fromkeys([*present, *(place for row in gone if (place := places[row.address]) in known and place)])
    )
    plan = (
        giving_back.unbind(host, back, entries) if back else Plan("unbind", "give devices back", data={"devices": []})
    )
    if not gone:
        plan.notes.append("None of these is bound at boot; see: vdesk bind --list")
        return plan
    _off_the_list(host, plan, rows, gone, entries)
    return plan


def _off_the_list(host: Host, plan: Plan, rows: list[Listed], gone: list[Listed], entries: Sequence[Entry]) -> None:
    left = edited(rows, [], gone)
    names = ", ".join(row.address for row in gone)
    change = BootBinding(content(host, LIST), [], gone, display_of(host), f"no longer bind {names} at boot")
    steps = [(entry, step) for entry in entries for step in entry.steps if step.in_force and step.kind in OURS]
    spent = {entry.id for entry, step in steps if step.kind == "boot-binding" and not _stands(step, left)}
    for entry, step in steps:
        if entry.id in spent:
            plan.settles.append((entry.id, step.seq))
            change.emptied += [] if left else _folders(step)
    plan.changes = [change, _reload(), *plan.changes, *rebuild(host, holding=bool(left))]
    plan.notes.append(
        f"Still bound at boot: {', '.join(row.address for row in left)}"
        if left
        else "Nothing is bound at boot any more."
    )


def _stands(step: Step, left: list[Listed]) -> bool:
    """Whether something that this step put onto the list is on it still."""
    added = step.record.get("added")
    kept = {row.address for row in left}
    return isinstance(added, list) and any(isinstance(row, list) and row and row[0] in kept for row in added)


def _folders(step: Step) -> list[str]:
    found = step.record.get("folders") if step.kind == "boot-binding" else None
    return (
        [each for each in found if isinstance(each, str) and not each.startswith("/")]
        if isinstance(found, list)
        else []
    )
