"""Which graphics card the host needs for its picture: a lit output decides (vdesk.host.drm), then the card that the
machine booted on (boot_vga, boot_display). A text console has no framebuffer and no connector: there boot_vga alone
speaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vdesk.host.drm import CLASS, Card, cards
from vdesk.host.host import Host
from vdesk.host.pci import Device
from vdesk.model.address import Address
from vdesk.model.errors import HostError
from vdesk.model.record import Record

WITHOUT_OUTPUTS = "0302"  # a 3D controller


class Shown(Record):
    """Why a card counts as the host's display."""

    reason: str
    evidence: str


def shown_on(host: Host, known: Iterable[Device], taken: Iterable[Device]) -> dict[Address, Shown]:
    """The cards of `taken` that the host's picture is on, with the reason. Cards of vfio-pci are nobody's display.

    Without a lit output the boot card counts, unless a card that stays is lit; so does the last one with outputs."""
    drm = _cards(host)
    taken = [device for device in taken if device.is_gpu and not device.is_vfio]
    gone = {device.address for device in taken}
    stay = [device for device in known if _able(device) and device.address not in gone]
    lit_elsewhere = any(_lit(drm, device) for device in stay)
    found = {}
    for device in taken:
        shown = _lit(drm, device)
        if shown is None and not lit_elsewhere and _able(device):
            shown = _boot(drm, device) or (None if stay else _last(device))
        if shown:
            found[device.address] = shown
    return found


def spare(host: Host, known: Sequence[Device]) -> str:
    """The address of the one card that the host's picture is not on, `ADDR` where there is not exactly one."""
    gpus = [device for device in known if device.is_gpu]
    free = [each for each in gpus if each.address not in shown_on(host, known, [each])]
    return str(free[0].address) if len(free) == 1 else "ADDR"


def _cards(host: Host) -> tuple[Card, ...]:
    try:
        return cards(host)
    except HostError:
        return ()


def _able(device: Device) -> bool:
    return device.is_gpu and not device.is_vfio and device.pci_class[:4] != WITHOUT_OUTPUTS


def _lit(drm: Iterable[Card], device: Device) -> Shown | None:
    """An output with a mode set whose cable nobody has pulled."""
    for card in drm:
        for output in card.connectors if card.address == device.address else ():
            if output.enabled and output.status != "disconnected":
                where = f"/{CLASS}/{card.name}-{output.name}/enabled: enabled"
                return Shown(f"its output {output.name} shows a picture", where)
    return None


def _boot(drm: Iterable[Card], device: Device) -> Shown | None:
    if device.boot_vga:
        return Shown("the machine booted on it, and no other card has an output in use", f"/{device.path}/boot_vga: 1")
    for card in drm:
        if card.address == device.address and card.boot_display:
            where = f"/{CLASS}/{card.name}/boot_display: 1"
            return Shown("the machine booted on it, and no other card has an output in use", where)
    return None


def _last(device: Device) -> Shown:
    reason = "it is the last card that the host can show a picture on"
    return Shown(reason, f"/{device.path}/class: 0x{device.pci_class}")
