"""The desktop of a machine with one graphics card: it ends before the card is taken, and begins again after the card is
back. Only for a domain whose mark asks for it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .domain import Domain
from .look import Fact, holders, named_holders, stays
from .machine import LOOK_SECONDS, PREPARE_SECONDS, WHOLE_SECONDS, Machine, Trouble, run
from .state import State

MANAGER = "display-manager.service"
LET_GO_SECONDS = 6.0
BEGIN_SECONDS = 6.0
"""For systemd to hear that the desktop begins, beside the time of the other changes: nobody has a picture otherwise."""


def plan_desktop(machine: Machine, state: State, domain: Domain) -> None:
    """Note whether the display manager runs, and so has to come back."""
    if domain.desktop and not state.desktop:
        try:
            found = run(machine, ["systemctl", "is-active", MANAGER], LOOK_SECONDS)
        except Trouble:
            found = ""
        state.desktop = found == "active"


def stop_desktop(machine: Machine, state: State, domain: Domain, moving: Sequence[Fact]) -> None:
    """End the graphical session, and wait for its programs to let the card go; Trouble naming who does not."""
    if not domain.desktop:
        return
    if state.desktop:
        run(machine, ["systemctl", "stop", MANAGER], machine.left(PREPARE_SECONDS))
        machine.say("the desktop has ended")
    nodes = [node for fact in moving for node in fact["nodes"].split()]
    end = time.monotonic() + LET_GO_SECONDS
    while rows := [row for row in holders(machine, nodes) if stays(row)]:
        if time.monotonic() > end:
            raise Trouble(f"the desktop has ended, and the devices are in use all the same: {named_holders(rows)}")
        time.sleep(0.3)


def start_desktop(machine: Machine, state: State) -> list[str]:
    """Begin the desktop again; why that failed, in a sentence. While a device is not back, it would show nothing."""
    if not state.desktop:
        return []
    try:
        with machine.own_time(BEGIN_SECONDS):
            run(machine, ["systemctl", "--no-block", "start", MANAGER], machine.left(WHOLE_SECONDS))
    except Trouble as error:
        return [f"the desktop did not begin again: {error}; start it with: sudo systemctl start {MANAGER}"]
    machine.say("the desktop begins again")
    state.desktop = False
    return []
