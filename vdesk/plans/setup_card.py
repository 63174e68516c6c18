"""Which card setup would give away, and what this machine loses by that."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from vdesk.host import Host, display
from vdesk.host.claims import UNSTEADY, Claim, claims
from vdesk.host.drm import Card, cards
from vdesk.host.pci import Device, devices, read_device
from vdesk.model.address import find_address
from vdesk.model.errors import HostError, VdeskError
from vdesk.plans import rules
from vdesk.plans.vm_devices import free_cards, slot

NO_OUTPUT = (
    "no output, for it has none: the guest's picture then comes by way of Looking Glass (docs/howto/looking-glass.md)"
)


class Option(NamedTuple):
    """A graphics card: `busy` says why it cannot go (empty: it can), `loses` what this machine has no more while it is
    given away; `held` are the claims that the rules of bind keep it for, and that --force overrides; `doubt` is why a
    person has to name it."""

    device: Device
    busy: str
    loses: str
    held: tuple[Claim, ...] = ()
    desktop: bool = False
    doubt: str = ""

    @property
    def address(self) -> str:
        """`0000:01:00.0`."""
        return str(self.device.address)

    @property
    def shown(self) -> str:
        """Its name, and what speaks against it or is lost by it."""
        about = (self.busy and f"no: {self.busy}") or f"you lose {self.loses}"
        return f"{self.device.name} {self.device.ids}; {about}" + (f"; {self.doubt}" if self.doubt else "")

    def kept(self, force: Collection[str]) -> list[Claim]:
        """What keeps it still, those rules overridden."""
        return [claim for claim in self.held if claim.rule not in force]


def options(host: Host) -> list[Option]:
    """Every card, those that can go first; of those the ones without a doubt, without a monitor on them, and that
    nobody has open, first. `desktop`: the desktop is on it."""
    known = devices(host)
    free, busy = free_cards(host, known)
    lit = {card.address: card.connected for card in _drm(host)}
    found = [
        Option(each, "", _loses(host, known, each), _held(host, known, each), doubt=display.doubt(host, each))
        for each in free
    ]
    found.sort(
        key=lambda each: (bool(each.doubt), bool(lit.get(each.device.address)), bool(each.held), each.device.address)
    )
    return found + [Option(each, why, "", desktop=_shows(host, known, each)) for each, why in busy]


def recommended(found: list[Option]) -> Option | None:
    """The first that can go, and of which it is known that the desktop is not on it."""
    return next((each for each in found if not each.busy and not each.doubt), None)


def unsteady(host: Host, address: str | None) -> str:
    """Why the card at the address is better taken at every boot: what its driver is known for; else empty."""
    place = find_address(address or "")
    card = read_device(host, place) if place else None
    return UNSTEADY.get(card.driver or "", "") if card else ""


def _held(host: Host, known: list[Device], card: Device) -> tuple[Claim, ...]:
    """The claims on the functions of its slot that `create` and `bind` would refuse, and that can be overridden."""
    return tuple(each for each in claims(host, slot(known, card), known) if each.rule in rules.FORCEABLE)


def _shows(host: Host, known: list[Device], card: Device) -> bool:
    return any(each.rule == "host-display" for each in claims(host, slot(known, card), known))


def _drm(host: Host) -> tuple[Card, ...]:
    try:
        return cards(host)
    except HostError:
        return ()


def _loses(host: Host, known: list[Device], card: Device) -> str:
    """Its outputs, and the devices that go with it."""
    parts = []
    its = [one for one in _drm(host) if one.address == card.address]
    outputs = [each for one in its for each in one.connectors]
    if outputs:
        lit = [each.name for each in outputs if each.status == "connected"]
        names = ", ".join(each.name for each in outputs)
        parts.append(f"its outputs {names} ({'a monitor is on ' + ', '.join(lit) if lit else 'no monitor is on them'})")
    elif its:
        parts.append(NO_OUTPUT)
    try:
        along = rules.companions(known, [card])
    except VdeskError:
        along = []
    parts += [f"{each.address} ({each.class_name or each.name})" for each in along]
    return "; ".join(parts) or "nothing else"
