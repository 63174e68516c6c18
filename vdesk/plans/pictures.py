"""What has to leave a graphics card before its driver does: the text console, and the boot's framebuffer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vdesk.changes.change import Change
from vdesk.changes.journal import Step
from vdesk.changes.pictures import SwitchConsole, SwitchFramebuffer
from vdesk.host import Host
from vdesk.host.consoles import boot_framebuffers, consoles
from vdesk.host.pci import Device

KINDS = ("console", "framebuffer")


def release(host: Host, devices: Sequence[Device]) -> list[Change]:
    """The changes before the binding of the cards that carry them: the console goes first."""
    cards = [device.address for device in devices if device.is_gpu]
    if not cards:
        return []
    found: list[Change] = [SwitchConsole(each.name, False, str(each.address)) for each in consoles(host, cards)]
    found += [
        SwitchFramebuffer(each.name, each.driver, False, str(each.address)) for each in boot_framebuffers(host, cards)
    ]
    return found


def again(host: Host, devices: Sequence[Device]) -> list[Change]:
    """The changes after the binding: the console goes on where another card has a framebuffer for it."""
    cards = [device.address for device in devices if device.is_gpu]
    found = consoles(host, cards) if cards else []
    return [SwitchConsole(each.name, True, str(each.address)) for each in found if each.elsewhere]


def reversed_step(step: Step, coming_back: Collection[str]) -> list[Change]:
    """The change that takes such a step back for `unbind`, when its card is one of those that come back."""
    record = step.record
    if record.get("address") not in coming_back:
        return []
    if step.kind == "console":
        return [SwitchConsole(record["name"], not record["bound"], record["address"])]
    return [SwitchFramebuffer(record["device"], record["driver"], not record["bound"], record["address"])]
