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
BOOTED = "the machine booted on it, and no other card has an output in use"
DOUBT = "it could not be told whether the desktop is on it: NVIDIA's driver without modeset shows no outputs"


class Shown(Record):
    """Why a card counts as the host's display."""

    reason: str
    evidence: str


def shown_on(host: Host, known: Iterable[Device], taken: Iterable[Device]) -> dict[Address, Shown]:
    """The cards of `taken` that the host's picture is on, with the reason. Cards of vfio-pci are nobody's display.

    Without a lit output the boot card counts, unless a card that stays is lit, and its driver says that it is dark
    itself; so does the last one with outputs."""
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
        elif shown is None and _silent(drm, device):
            shown = _boot(drm, device, "the machine booted on it, and its driver does not tell what its outputs show")
        if shown:
            found[device.address] = shown
    return found


def doubt(host: Host, device: Device) -> str:
    """Why it cannot be told that a card is not the host's display, where nothing says that it is; else empty. Another
    card with a picture speaks for it: the desktop is there, and who has this one open is in-use's to say. Where no card
    tells of any output, the one that the machine booted on is the host's."""
    drm = _cards(host)
    outputs = [each for card in drm for each in card.connectors]
    lit = any(each.enabled and each.status != "disconnected" for each in outputs)
    return DOUBT if _silent(drm, device) and outputs and not lit else ""


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


def _silent(drm: Iterable[Card], device: Device) -> bool:
    """Whether nobody tells of its outputs: NVIDIA's driver without modeset shows none, and draws a desktop on them all
    the same."""
    mine = [each for card in drm if card.address == device.address for each in card.connectors]
    return device.driver == "nvidia" and _able(device) and not mine


def _boot(drm: Iterable[Card], device: Device, why: str = BOOTED) -> Shown | None:
    if device.boot_vga:
        return Shown(why, f"/{device.path}/boot_vga: 1")
    for card in drm:
        if card.address == device.address and card.boot_display:
            return Shown(why, f"/{CLASS}/{card.name}/boot_display: 1")
    return None


def _last(device: Device) -> Shown:
    reason = "it is the last card that the host can show a picture on"
    return Shown(reason, f"/{device.path}/class: 0x{device.pci_class}")
