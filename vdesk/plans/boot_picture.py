"""What a boot that binds has to show to be a good one, and on which screen: decided and said when the list is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vdesk.host import Host
from vdesk.host.drm import cards
from vdesk.host.pci import Device, devices
from vdesk.model.errors import HostError

NO_OUTPUTS = "0302"  # 3D controllers, of notebooks
UNITS = "etc/systemd/system"
DEFAULT, MANAGER, GRAPHICAL = "default.target", "display-manager.service", "graphical.target"


def shows_a_picture(host: Host, taken: Collection[str]) -> bool:
    """Whether a boot without the functions `taken` has to show a picture to be a good one.

    It has where a monitor is connected now. Where none is, it may be off or asleep (DisplayPort tells no difference),
    so only a machine that keeps no output, or that boots to text, is taken for one without a monitor."""
    return a_monitor(host) or (_keeps_an_output(host, taken) and _has_a_desktop(host))


def a_monitor(host: Host) -> bool:
    """Whether a monitor is connected now, to any card."""
    try:
        return any(card.connected for card in cards(host))
    except HostError:
        return False


def _keeps_an_output(host: Host, taken: Collection[str]) -> bool:
    """A card of a driver, or one without, where the firmware's picture may be."""
    try:
        if any(card.connectors and str(card.address) not in taken for card in cards(host)):
            return True
    except HostError:
        return True
    here = [each for each in devices(host, names=False) if str(each.address) not in taken]
    return any(each.is_gpu and not each.is_vfio and not each.pci_class.startswith(NO_OUTPUTS) for each in here)


def _has_a_desktop(host: Host) -> bool:
    """As systemd's files say it: systemctl is asked on the way up only."""
    folders = (UNITS, "usr/lib/systemd/system", "lib/systemd/system")
    default = next((found for folder in folders if (found := host.link_name(f"{folder}/{DEFAULT}"))), GRAPHICAL)
    return host.link(f"{UNITS}/{MANAGER}") is not None and default == GRAPHICAL


def said_before(host: Host, display: bool) -> list[str]:
    """What is worth knowing where no monitor is connected just now."""
    if a_monitor(host):
        return []
    if display:
        return [
            "No monitor answers now: it may be off or asleep. The next boot has to show a picture on what this machine "
            "keeps, or the one after it is without the binding: switch the monitor on before."
        ]
    return [
        "No monitor is connected, so boots are not asked for a picture: one that reaches multi-user.target is a good "
        "one, also when its screen stays black. Where there is a monitor, switch it on and run the same command again."
    ]


def the_trial(display: bool) -> str:
    """What the next boot is for."""
    if display:
        return (
            "The next boot is a trial: when it reaches the desktop with a picture, the binding stays; when it does "
            "not, the boot after it is without. See with: vdesk bind --list"
        )
    return (
        "The next boot is a trial: when it reaches multi-user.target, the binding stays, with a picture or without; "
        "when it does not, the boot after it is without. See with: vdesk bind --list"
    )


def prompt(host: Host, moving: Sequence[Device]) -> list[str]:
    """Where an encrypted disk's passphrase is asked for, when that is on a card that goes: the firmware's picture on it
    stays, and the text console with it, until another driver has one."""
    names = host.names("sys/class/block")
    encrypted = any(host.value(f"sys/class/block/{name}/dm/uuid").startswith("CRYPT-") for name in names)
    return [
        f"A disk here is encrypted: its passphrase is asked for on the firmware's screen, on {device.address}. Keep a "
        "monitor on that card, or let the firmware begin with the other one (in its setup: the primary display)."
        for device in moving
        if encrypted and device.boot_vga
    ]
