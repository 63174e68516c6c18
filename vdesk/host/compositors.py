"""How a Wayland compositor is kept off a card: each has a setting of its own, which counts from a session's start. They
open every card that they find, so one that is only there for a virtual machine is held all the same."""

from __future__ import annotations

from vdesk.host.drm import cards
from vdesk.host.host import Host
from vdesk.model.address import Address
from vdesk.model.errors import HostError

MUTTER = ("gnome-shell", "mutter", "gnome-kiosk")
RULES = "/etc/udev/rules.d/61-mutter-ignore.rules"
# command -> the variable with the nodes that it may open, colons between them: so no path by address
VARIABLES = {
    "kwin_wayland": "KWIN_DRM_DEVICES",
    "Hyprland": "AQ_DRM_DEVICES",
    "sway": "WLR_DRM_DEVICES",
    "wayfire": "WLR_DRM_DEVICES",
    "labwc": "WLR_DRM_DEVICES",
    "river": "WLR_DRM_DEVICES",
}


def keep_off(host: Host, command: str, card: Address) -> str:
    """How the session of this compositor is ended, and its next one kept off the card; empty where vdesk knows no
    setting of it, or no other card shows a picture: the desktop would have none."""
    nodes = _others(host, card)
    if not nodes:
        return ""
    if command.startswith(MUTTER):
        rule = f'SUBSYSTEM=="drm", KERNELS=="{card}", TAG+="mutter-device-ignore"'
        return (
            "log out of the desktop session that uses this card; to keep it off the card for good, write "
            f"{rule} into {RULES}, and reboot"
        )
    for name, variable in VARIABLES.items():
        if command.startswith(name[:15]):
            return (
                "log out of the desktop session that uses this card; to keep it off the card for good, write "
                f"{variable}={':'.join(nodes)} into /etc/environment, and log in again"
            )
    return ""


def _others(host: Host, card: Address) -> list[str]:
    """The nodes of the cards that stay, where one of them shows a picture; their numbers are those of this boot."""
    try:
        stay = [each for each in cards(host) if each.address not in (card, None)]
    except HostError:
        return []
    return [f"/dev/dri/{each.name}" for each in stay] if any(each.shows for each in stay) else []
