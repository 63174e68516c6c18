"""`create --single-gpu`: a machine that gets the card of the desktop. The hook ends the desktop at its start."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vdesk.host import Host, display
from vdesk.host.pci import Device
from vdesk.model.errors import Refused, WrongUsage, problem
from vdesk.plans.hook_status import own
from vdesk.vm.spec import Request

RULES = ("host-display", "in-use")
"""What the option overrides: it says itself that the desktop gives the card away."""
NO_PICTURE = (
    "While {name} runs, this machine has no picture. The hook ends the desktop before the start, with every "
    "program in it, and what is not saved is lost; it begins the desktop again when the virtual machine ends, also "
    "when it dies. Have another way in for the first try (ssh), and start it from there or from a text console."
)


def check(request: Request) -> None:
    """WrongUsage where there is no card to give."""
    if request.gpu == "none":
        what, why = "--single-gpu with --gpu none", "it gives away the card of the desktop"
        raise WrongUsage(problem("usage.single-gpu", what, why, "leave one of them out"))


def card(host: Host, known: Sequence[Device]) -> Device:
    """The card that the desktop is on; Refused where there is none."""
    cards = [device for device in known if device.is_gpu and not device.is_vfio]
    for each in cards:
        if each.address in display.shown_on(host, known, [each]):
            return each
    raise Refused(
        problem(
            "vm.no-gpu",
            "no card was found that the desktop is on",
            "no output shows a picture, and the machine booted on no card",
            "name the card: --gpu ADDR (vdesk gpu list)",
        )
    )


def announce(host: Host, name: str, say: Callable[[str], None]) -> None:
    """What it means, before anybody agrees to it."""
    say(NO_PICTURE.format(name=name))
    if not own(host).executable:
        say("It needs the hook, which is not installed: sudo vdesk hook install")
