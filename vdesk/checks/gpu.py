"""gpu.present, gpu.host-display, and who asks for the rest of gpu.*: one finding per card, with its address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vdesk.checks import gpu_card, gpu_group
from vdesk.checks.groups import isolated
from vdesk.checks.machine import Machine
from vdesk.host import display
from vdesk.host.drm import CLASS
from vdesk.host.groups import Group
from vdesk.host.pci import DEVICES, Device
from vdesk.model.address import Address
from vdesk.model.errors import HostError
from vdesk.model.finding import FAIL, OK, UNKNOWN, WARN, Finding, finding

NO_OUTPUTS = "0302"


class Cards(NamedTuple):
    """The machine, its groups by number, which cards show the desktop and why, and whether devices were asked for by
    name; `hidden` says why the displays could not be seen."""

    machine: Machine
    groups: dict[int, Group]
    shown: dict[Address, display.Shown]
    asked: bool
    hidden: str

    def stays(self, device: Device) -> bool:
        """Whether the card is the host's and another one is there for a virtual machine."""
        return not self.asked and device.address in self.shown and len(self.machine.gpus) > 1

    def group_of(self, device: Device) -> Group | None:
        """The device's group, None without one."""
        return self.groups.get(device.group) if device.group is not None else None


def findings(machine: Machine) -> list[Finding]:
    """gpu.present, then every finding of every card."""
    cards = _cards(machine, machine.gpus, asked=False)
    found = [present(machine)]
    for device in machine.gpus:
        found += _of_card(cards, device)
    return found


def about(machine: Machine, devices: Sequence[Device]) -> list[Finding]:
    """The findings of the devices named, whatever they are."""
    cards = _cards(machine, devices, asked=True)
    return [each for device in devices for each in _of_card(cards, device)]


def _cards(machine: Machine, devices: Sequence[Device], *, asked: bool) -> Cards:
    host, hidden = machine.host, ""
    groups: dict[int, Group] = {}
    shown: dict[Address, display.Shown] = {}
    try:
        host.list(CLASS)
        for device in devices:
            shown |= display.shown_on(host, machine.devices, [device])
    except HostError as error:
        hidden = error.problems[0].what
    try:
        groups = {group.id: group for group in isolated(host, machine.devices)}
    except HostError as error:
        hidden = hidden or error.problems[0].what
    return Cards(machine, groups, shown, asked, hidden)


def _of_card(cards: Cards, device: Device) -> list[Finding]:
    stays = cards.stays(device)
    group = gpu_group.group(cards.machine, device, cards.group_of(device), stays=stays, spare=_spare(cards, device))
    rest = [
        group,
        gpu_group.driver(cards.machine, device, shown=device.address in cards.shown),
        gpu_card.reset(cards.machine, device, stays=stays),
        gpu_card.power(cards.machine, device),
    ]
    if not device.is_gpu:
        return rest
    only = device.address in cards.shown and not stays
    return [
        host_display(cards, device),
        *rest[:2],
        gpu_card.rom(cards.machine, device, stays=stays, only=only),
        *rest[2:],
    ]


def _spare(cards: Cards, device: Device) -> bool:
    """Whether another card can be handed over, so that this one need not be."""
    if cards.asked:
        return False
    others = [each for each in cards.machine.gpus if each.address != device.address]
    groups = [cards.group_of(each) for each in others]
    return any(group is not None and group.viable for group in groups)


def present(machine: Machine) -> Finding:
    """Is there a card for a virtual machine, and one for the desktop."""
    name, cards, evidence = "gpu.present", machine.gpus, f"/{DEVICES}: class 03xx"
    if machine.unseen:
        title = "the devices of this machine could not be listed"
        return finding(name, UNKNOWN, title, cause=machine.unseen, remedy=machine.see_more, evidence=f"/{DEVICES}")
    listed = ", ".join(f"{card.address} {card.name} {card.ids}" for card in cards)
    if not cards:
        return finding(
            name,
            FAIL,
            "there is no graphics card",
            cause="no PCI function of a display class is there",
            remedy="put a card in, or enable it in the firmware setup; a tool that removes it shows as graphics.mode",
            evidence=evidence,
        )
    if len(cards) == 1:
        return finding(
            name,
            WARN,
            f"there is one graphics card: {listed}",
            cause="while a virtual machine has it, this machine shows nothing",
            remedy=gpu_group.SECOND_CARD,
            evidence=f"{evidence}: {cards[0].address}",
        )
    seen = ", ".join(str(card.address) for card in cards)
    return finding(name, OK, f"{len(cards)} graphics cards: {listed}", evidence=f"{evidence}: {seen}")


def host_display(cards: Cards, device: Device) -> Finding:
    """Which card shows the desktop; at least one has to stay for it."""
    name, machine, address = "gpu.host-display", cards.machine, str(device.address)
    if cards.hidden:
        title = "it could not be told whether the desktop is on this card"
        remedy, evidence = machine.see_more, f"/{CLASS}"
        return finding(name, UNKNOWN, title, cause=cards.hidden, remedy=remedy, evidence=evidence, device=address)
    able = [card for card in machine.gpus if not card.is_vfio and card.pci_class[:4] != NO_OUTPUTS]
    shown = cards.shown.get(device.address)
    if not able:
        return finding(
            name,
            WARN,
            "no graphics card is left for the desktop",
            cause="vfio-pci has every card that can show a picture",
            remedy=f"sudo vdesk unbind {address} gives it back; without a card this machine is reached by network only",
            evidence=f"/{device.path}/driver",
            device=address,
        )
    if shown is None and (why := display.doubt(machine.host, device)):
        return finding(
            name,
            UNKNOWN,
            "it could not be told whether the desktop is on this card",
            cause=why,
            remedy="look whether a monitor is on it; with `options nvidia-drm modeset=1` in /etc/modprobe.d, and after "
            "a reboot, its outputs can be seen",
            evidence=f"/{device.path}/driver: {device.driver}; /{CLASS}: no connector of it",
            device=address,
        )
    if shown is None:
        title = "the desktop is not on it: it is free for a virtual machine"
        evidence = f"/{device.path}/driver: {device.driver}" if device.is_vfio else f"/{CLASS}, /{device.path}/boot_vga"
        return finding(name, OK, title, evidence=evidence, device=address)
    if len(able) == 1 and (cards.asked or len(machine.gpus) == 1):
        return finding(
            name,
            WARN,
            "it is the only card that can show the desktop",
            cause=f"{shown.reason}; while a virtual machine has it, this machine shows nothing",
            remedy=gpu_group.SECOND_CARD,
            evidence=shown.evidence,
            device=address,
        )
    return _shared(cards, device, shown)


def _shared(cards: Cards, device: Device, shown: display.Shown) -> Finding:
    """The desktop is on this card, and another one could show it."""
    name, address = "gpu.host-display", str(device.address)
    free = [card for card in cards.machine.gpus if card.address not in cards.shown] if not cards.asked else []
    if free or device.boot_vga:
        title = f"the desktop is on it, it stays with this machine: {shown.reason}"
        return finding(name, OK, title, evidence=shown.evidence, device=address)
    return finding(
        name,
        WARN,
        f"a monitor is in use on it: {shown.reason}",
        cause="every card shows a picture now; the one that is handed over loses it",
        remedy="switch the monitor on it off in the desktop's settings, or plug it into the card that stays",
        evidence=shown.evidence,
        device=address,
    )
