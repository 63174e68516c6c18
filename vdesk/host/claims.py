"""What the host uses of a device in a way that a safety rule refuses: disks, the default route, the display, the last
keyboard or pointer, open nodes. One claim per rule and reason; the rules' names are those of `vdesk bind --force`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vdesk.host import display, inputs, network, storage
from vdesk.host.host import Host
from vdesk.host.pci import Device
from vdesk.model.address import Address
from vdesk.model.record import Record

if TYPE_CHECKING:
    from vdesk.host.holders import Holder

HOST_DISPLAY, ROOT_DISK, HOST_NETWORK = "host-display", "root-disk", "host-network"
LAST_INPUT, IN_USE = "last-input", "in-use"
HARMLESS = ("pcieport", "pci-stub")  # drivers that leave the DMA of their group to others (driver_managed_dma)
# `bind` stops these before and starts them on the way back (a process's comm is cut to 15 signs).
SERVICES = ("nvidia-persiste", "nvidia-powerd")
DESKTOPS = (
    "gnome-shell",
    "kwin_",
    "Xorg",
    "X",
    "Xwayland",
    "sway",
    "Hyprland",
    "cosmic-comp",
    "weston",
    "mutter",
    "cinnamon",
    "labwc",
    "wayfire",
    "river",
)
UNSTEADY = {"amdgpu": "amdgpu has a long record of crashes when a card is taken from it or given back"}
"""Drivers of cards that are better bound at boot, before such a driver has them."""
UNREADABLE = "it could not be told {what}: /{path} could not be read"
AS_ROOT = "run the same command as root, or capture the machine again as root"
SOUND_SERVERS = ("pipewire", "wireplumber", "pulseaudio")


class Claim(Record):
    """The host's claim on a function: the rule that keeps it, why, what helps, and the file it rests on."""

    rule: str
    address: Address
    reason: str
    remedy: str
    evidence: str


def claims(host: Host, devices: Sequence[Device], known: Sequence[Device] | None = None) -> list[Claim]:
    """Every claim on the functions, were they taken together; what vfio-pci has already is not the host's any more.

    `known` are all functions of the machine, read when not given."""
    taken = [device for device in devices if not device.is_vfio]
    if known is None:
        from vdesk.host.pci import devices as every

        known = every(host, names=False)
    return [
        *_display(host, known, taken),
        *_disks(host, taken),
        *_network(host, taken),
        *_inputs(host, taken),
        *held(host, taken),
        *_untold(host, taken),
    ]


def blockers(host: Host, devices: Sequence[Device]) -> dict[int, tuple[Device, ...]]:
    """Group number -> the members that keep their group with the host: display, disks, network, each judged alone;
    and bridges with a driver that does not leave the group's DMA to others, which cannot move (lpc_ich).

    No process is looked at, it costs a few files. `devices` are all functions of the machine."""
    able = [device for device in devices if device.group is not None and not device.is_vfio and not device.is_bridge]
    kept = {claim.address for claim in (*_disks(host, able), *_network(host, able))}
    kept |= {claim.address for claim in _untold(host, able) if claim.rule in (ROOT_DISK, HOST_NETWORK)}
    for device in able:
        if device.is_gpu and device.address in display.shown_on(host, devices, [device]):
            kept.add(device.address)
    found: dict[int, tuple[Device, ...]] = {}
    endpoints = {device.group for device in devices if not device.is_bridge}
    for device in devices:
        keeps = device.address in kept or (device.is_bridge and device.group in endpoints and in_the_way(device))
        if keeps and device.group is not None:
            found[device.group] = (*found.get(device.group, ()), device)
    return found


def in_the_way(device: Device) -> bool:
    """Whether the device keeps its group from being viable where it stays: its driver claims the group's DMA."""
    return bool(device.driver) and not device.is_vfio and device.driver not in HARMLESS


def held(host: Host, devices: Iterable[Device]) -> list[Claim]:
    """`in-use` of the functions: open nodes (also those of vfio-pci: a running VM), and virtual functions in use."""
    from vdesk.host.holders import holding, virtual_functions

    devices = list(devices)
    found = []
    for device in devices:
        count = 0 if device.is_vfio else virtual_functions(host, device)
        if count:
            path = f"/{device.path}/sriov_numvfs"
            reason, remedy = f"it has {count} virtual functions in use", f"take them away first: echo 0 > {path}"
            found.append(Claim(IN_USE, device.address, reason, remedy, f"{path}: {count}"))
    for holder in holding(host, devices).holders:
        if holder.command not in SERVICES:
            who = f"{holder.command} (pid {holder.pid}, user {holder.user}) has {holder.node} open"
            found.append(Claim(IN_USE, holder.address, who, _let_go(host, holder), holder.evidence))
    return found or _held_module(host, devices)


def _held_module(host: Host, devices: Sequence[Device]) -> list[Claim]:
    """`in-use` of NVIDIA cards whose modules nobody seems to hold, and which are in use all the same."""
    from vdesk.host.consoles import consoles
    from vdesk.host.holders import foreign_uses, nvidia_modules, other_nvidia

    cards = [device for device in devices if device.driver == "nvidia"]
    if not cards or other_nvidia(host, [device.address for device in cards]):
        return []
    for module in nvidia_modules(host):
        uses = foreign_uses(host, module) if module != "nvidia" else 0  # that one's services are stopped before
        if module == "nvidia_drm" and uses:
            uses -= len(consoles(host, [card.address for card in cards]))  # it leaves before
        if uses:
            path = f"/sys/module/{module}/refcnt"
            reason = f"the module {module} is in use ({uses}), by a text console or a program that cannot be seen"
            remedy = "run vdesk as root to see programs; move the text console to the other card"
            return [Claim(IN_USE, cards[0].address, reason, remedy, f"{path}: {uses} beside its modules")]
    return []


def _let_go(host: Host, holder: Holder) -> str:
    """What makes this program close the device: its service is stopped, or the program ended."""
    command, stop = holder.command, f"kill {holder.pid}"
    if holder.service:
        whose = f"--user -M {holder.user}@ " if holder.own else ""
        stop = f"systemctl {whose}stop {holder.service}"
    if command.startswith("qemu-"):
        return "shut the virtual machine down first: vdesk list"
    if command.startswith(SOUND_SERVERS):
        return f"a sound server mostly lets go by itself when its card goes; or stop it before: {stop}"
    if command.startswith(DESKTOPS):
        from vdesk.host.compositors import keep_off

        if way := keep_off(host, command, holder.address):
            return way
        return "log out of the desktop session that uses this card, or keep that session off the card, then try again"
    return f"{'stop its service' if holder.service else 'end it'}, or make it use another card: {stop}"


def _untold(host: Host, taken: Iterable[Device]) -> list[Claim]:
    """What cannot be told to be free, because the file that would tell could not be read."""
    from vdesk.host.untold import untold

    return [
        Claim(each.rule, each.address, UNREADABLE.format(what=each.what, path=each.path), AS_ROOT, f"/{each.path}")
        for each in untold(host, taken)
    ]


def _display(host: Host, known: Sequence[Device], taken: Sequence[Device]) -> list[Claim]:
    remedy = "make the other card the primary one in the firmware's setup and put the monitor on it, then boot again"
    shown = display.shown_on(host, known, taken) if any(device.is_gpu for device in taken) else {}
    return [Claim(HOST_DISPLAY, address, why.reason, remedy, why.evidence) for address, why in shown.items()]


def _disks(host: Host, taken: Sequence[Device]) -> list[Claim]:
    places: dict[Address, list[storage.Use]] = {}
    wanted = {device.address for device in taken if not device.is_bridge}
    for use in storage.uses(host) if wanted else []:
        for address in use.functions & wanted:
            places.setdefault(address, []).append(use)
    return [Claim(ROOT_DISK, address, *disk_words(used)) for address, used in sorted(places.items())]


def disk_words(used: Sequence[storage.Use]) -> tuple[str, str, str]:
    """Reason, remedy and evidence where the host uses what is behind a device."""
    parts = list(dict.fromkeys(f"{use.place} on {use.node}" for use in used))
    shown = ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")
    remedy = "unmount what is on it (swapoff for swap); a disk that the system runs from cannot be given away"
    return f"the host's disk is behind it: {shown}", remedy, used[0].evidence


def _network(host: Host, taken: Sequence[Device]) -> list[Claim]:
    found: dict[Address, Claim] = {}
    wanted = {device.address for device in taken if not device.is_bridge}
    for route in network.routes(host) if wanted else []:
        for address in route.functions & wanted:
            found.setdefault(address, Claim(HOST_NETWORK, address, *network_words(route)))
    return list(found.values())


def network_words(route: network.Route) -> tuple[str, str, str]:
    """Reason, remedy and evidence where a default route goes over a device."""
    reason = f"the host's default route goes over it ({route.interface})"
    remedy = "connect the host by another interface first, or accept that it loses the network"
    return reason, remedy, route.evidence


def _inputs(host: Host, taken: Sequence[Device]) -> list[Claim]:
    found = []
    wanted = frozenset(device.address for device in taken if not device.is_bridge)
    for use, device, address in inputs.last(host, wanted) if wanted else []:
        reason = f"{device.name} is on it, and the host has no other {use}"
        remedy = f"put a {use} on a port of another controller first, or reach the machine by network (ssh)"
        found.append(Claim(LAST_INPUT, address, reason, remedy, f"/{inputs.DEVICES}: {device.sysfs}"))
    return found
