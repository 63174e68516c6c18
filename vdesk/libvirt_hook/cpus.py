"""The CPUs of a domain with pinned vCPUs are kept free of this machine's own programs while it runs: AllowedCPUs of
systemd's slices (systemd.resource-control(5)), for this boot only. What cannot be done is logged and stops no start."""

from __future__ import annotations

import os

from .domain import Domain, numbers
from .machine import LOOK_SECONDS, Machine, Trouble, run
from .state import FOLDER, SLICES, State

ONLINE = "sys/devices/system/cpu/online"


def plan_cpus(machine: Machine, state: State, domain: Domain) -> None:
    """Note the domain's CPUs, and what the slices may use now; as another domain has noted it, where one runs, or an
    earlier start of this one that nobody has given back."""
    online = numbers(machine.text(ONLINE))
    pins = [cpu for cpu in domain.pins if cpu in online]
    if not pins or set(pins) >= set(online):
        return
    state.slices = state.slices if state.pins else {}
    state.pins = pins
    for other in [state, *_others(machine, state)]:
        if other.slices:
            state.slices = dict(other.slices)
            return
    try:
        state.slices = {each: _allowed(machine, each) for each in SLICES}
    except Trouble as error:
        state.pins = []
        machine.say(f"the CPUs of the machine are not kept free: {error}")


def keep_cpus(machine: Machine, state: State) -> None:
    """Take the pinned CPUs from the slices."""
    if state.pins:
        _set(machine, _left(machine, [state, *_others(machine, state)]))


def free_cpus(machine: Machine, state: State) -> list[str]:
    """The slices as they were before, or as the domains that still run need them."""
    if not state.pins:
        return []
    others = _others(machine, state)
    wanted = {each: _left(machine, others)[each] for each in SLICES} if others else dict(state.slices)
    wrong = _set(machine, wanted)
    if not wrong:
        state.pins, state.slices = [], {}
    return wrong


def _others(machine: Machine, state: State) -> list[State]:
    """The states of other domains that have CPUs kept free."""
    names = [name for name in machine.names(FOLDER) if name.endswith(".json")]
    found = [State(machine, name.removesuffix(".json")) for name in names if f"{FOLDER}/{name}" != state.path]
    return [each for each in found if each.pins]


def _left(machine: Machine, states: list[State]) -> dict[str, str]:
    taken = {cpu for each in states for cpu in each.pins}
    left = [cpu for cpu in numbers(machine.text(ONLINE)) if cpu not in taken]
    return dict.fromkeys(SLICES, " ".join(map(str, left)))


def _allowed(machine: Machine, unit: str) -> str:
    found = numbers(run(machine, ["systemctl", "show", "--property=AllowedCPUs", "--value", unit], LOOK_SECONDS))
    return " ".join(map(str, found))


def _set(machine: Machine, wanted: dict[str, str]) -> list[str]:
    wrong = []
    for unit, cpus in wanted.items():
        try:
            run(machine, ["systemctl", "set-property", "--runtime", unit, f"AllowedCPUs={cpus}"], LOOK_SECONDS)
        except Trouble as error:
            wrong.append(f"AllowedCPUs of {unit} could not be set: {error}")
            machine.say(wrong[-1])
    if not wrong:
        machine.say(
            f"{', '.join(wanted)} may use the CPUs {next(iter(wanted.values())) or 'of before'} (process {os.getpid()})"
        )
    return wrong
