"""`vdesk gpu`: every graphics card with what has it, and the mode that the next boot uses."""

from __future__ import annotations

from vdesk.changes.commands import RunCommand
from vdesk.changes.graphics_mode import GraphicsMode
from vdesk.changes.plan import Plan
from vdesk.host import Host, display
from vdesk.host.drm import Card, cards
from vdesk.host.holders import holding
from vdesk.host.option_rom import LIMIT, has_uefi, images
from vdesk.host.pci import Device, devices
from vdesk.host.prime import PROGRAM, Manager, is_suse, is_there, mode, others
from vdesk.host.udev import seats
from vdesk.model.errors import Absent, Denied, HostError, Refused, problem
from vdesk.model.report import Report

MANAGER = "display-manager.service"


def listing(host: Host) -> Report:
    """Every graphics card: the device as in `groups`, `display` (whether the desktop is on it, and why),
    `display_known` (false: it could not be told), `connectors`, `holders` of its nodes, `seat`, `rom`."""
    known = devices(host)
    gpus = [device for device in known if device.is_gpu]
    shown = {device.address: display.shown_on(host, known, [device]).get(device.address) for device in gpus}
    drm, held, places = _cards(host), holding(host, gpus), seats(host)
    rows = []
    for device in gpus:
        mine = [card for card in drm if card.address == device.address]
        why = shown[device.address]
        rows.append(
            {
                **device.as_json(),
                "display": why is not None,
                "display_reason": why.reason if why else display.doubt(host, device) or None,
                "display_known": why is not None or not display.doubt(host, device),
                "connectors": [
                    {"name": each.name, "status": each.status, "enabled": each.enabled}
                    for card in mine
                    for each in card.connectors
                ],
                "seat": next((places[card.name] for card in mine if card.name in places), None),
                "holders": [
                    {"pid": each.pid, "command": each.command, "user": each.user, "node": each.node}
                    for each in held.holders
                    if each.address == device.address
                ],
                "rom": _rom(host, device),
            }
        )
    return Report("gpu list", data={"gpus": rows, "unseen": held.unseen, "mode": _mode(host)})


def _cards(host: Host) -> tuple[Card, ...]:
    try:
        return cards(host)
    except HostError:
        return ()


def _rom(host: Host, device: Device) -> str:
    """`uefi`, `legacy`, `none`, or `unread`: on a live machine the ROM has to be switched on first (gpu rom)."""
    path = f"{device.path}/rom"
    if not host.exists(path):
        return "none"
    try:
        data = b"" if host.is_live else host.read_bytes(path, LIMIT)
    except (Absent, Denied, HostError):
        return "unread"
    found = images(data)
    return ("uefi" if has_uefi(found) else "legacy") if found else "unread"


def _mode(host: Host) -> str | None:
    try:
        return mode(host) if is_there(host) else None
    except HostError:
        return None


def query(host: Host) -> Report:
    """The mode that is chosen for the next boot; Refused where no prime-select is installed."""
    _refuse(host, None)
    gpus = [device for device in devices(host) if device.is_gpu]
    known = devices(host, names=False)
    live = [
        str(device.address)
        for device in gpus
        if display.shown_on(host, known, [device]).get(device.address) is not None
    ]
    report = Report("gpu query", data={"mode": mode(host), "display": live})
    if report.data["mode"] is None:
        report.notes.append(f"No mode was ever chosen: {PROGRAM} has no file of it.")
    return report


def select(host: Host, wanted: str, restart: bool) -> Plan:
    """The plan for a mode. Refused without Ubuntu's prime-select, and without a display manager that is asked to be
    restarted."""
    _refuse(host, wanted)
    was = mode(host)
    plan = Plan("gpu select", f"choose {wanted}", data={"mode": wanted, "was": was})
    if was != wanted:
        plan.changes.append(GraphicsMode(wanted, was))
    if restart:
        plan.changes.append(_restart(host))
        plan.final.append(
            "The restart of the display manager ends the graphical session: every program in it is closed, and what is "
            "not saved is lost. Log in again afterwards."
        )
    if not plan.changes:
        plan.notes.append(f"The mode is {wanted} already. It counts from a boot on; see what is so now: vdesk gpu list")
    elif was != wanted:
        plan.intro.append("The mode counts from the next boot on; modules that it leaves out stay loaded until then.")
    if plan.changes and not restart:
        plan.notes.append(
            "Left to do: sudo systemctl reboot. A desktop that has the card open lets go of it when its session ends: "
            "log out, or run the same command with --restart-display"
        )
    return plan


def _restart(host: Host) -> RunCommand:
    link = host.link(f"etc/systemd/system/{MANAGER}")
    if link is None:
        raise Refused(
            problem(
                "gpu.no-display-manager",
                "there is no display manager to restart",
                f"/etc/systemd/system/{MANAGER} is not there: the desktop was started otherwise",
                "leave --restart-display out; end the desktop's session and start it again",
            )
        )
    # Not waited for: vdesk may itself run in the session that ends.
    argv = ["systemctl", "--no-block", "restart", MANAGER]
    return RunCommand(argv, f"restart the display manager ({link.rpartition('/')[2]}): the graphical session ends")


def _way(host: Host, manager: Manager, wanted: str) -> str:
    """The commands of another program for a mode. Its `integrated` would take the card away from everybody."""
    command = manager.commands[wanted]
    if wanted != "intel" or manager.keeps_off:
        return command
    bind = f"sudo vdesk bind {display.spare(host, devices(host, names=False))} --boot"
    return f"{command}, reboot, then {bind} (its mode integrated would take the card from virtual machines too)"


def _refuse(host: Host, wanted: str | None) -> None:
    if is_there(host):
        return
    found = others(host)
    ways = [_way(host, each, wanted) if wanted else f"{each.name}: {each.mode or 'ask it'}" for each in found]
    if is_suse(host):
        what = "the prime-select of this machine is SUSE's, another program of the same name"
        why = "it has no query, knows offload where others say on-demand, and vdesk does not drive it"
    else:
        what = "there is no prime-select on this machine"
        named = ", ".join(each.name for each in found)
        why = f"what chooses between its cards is {named}" if found else "it is Ubuntu's program (package nvidia-prime)"
    instead = (
        "; ".join(ways) or "no mode has to be chosen where no such program is: vdesk gpu list shows what has the card"
    )
    raise Refused(problem("gpu.no-prime-select", what, why, instead))
