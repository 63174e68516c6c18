"""NVIDIA's driver: unbinding a card whose modules are in use waits for ever, unloading them fails instead."""

from __future__ import annotations

from collections.abc import Sequence

from .domain import ADDRESS
from .look import NVIDIA, Fact
from .machine import LOOK_SECONDS, PREPARE_SECONDS, WHOLE_SECONDS, Machine, Trouble, run
from .moves import probe
from .state import NVIDIA_MODULES, NVIDIA_SERVICES, NVIDIA_USERS, State

LOAD_SECONDS, SERVICE_SECONDS = 15.0, 5.0
"""Beside the time of the other changes: a card that comes back slowly takes nothing from what comes after it."""

def plan_nvidia(machine: Machine, state: State, moving: Sequence[Fact]) -> None:
    """Note in the state which services to stop, and which modules to unload: all, when the driver has no other card."""
    cards = {fact["address"] for fact in moving if fact["driver"] == "nvidia"}
    if not cards:
        return
    state.services = [name for name in NVIDIA_SERVICES if name in state.services or _active(machine, name)]
    if {name for name in machine.names(NVIDIA) if ADDRESS.fullmatch(name)} <= cards:
        loaded = [name for name in NVIDIA_MODULES if machine.exists(f"sys/module/{name}")]
        state.modules = [name for name in NVIDIA_MODULES if name in state.modules or name in loaded]


def unload_nvidia(machine: Machine, state: State) -> None:
    """Stop the services and unload the modules that the state names; Trouble when they are in use."""
    for service in state.services:
        run(machine, ["systemctl", "stop", service], machine.left(PREPARE_SECONDS))
        machine.say(f"stopped {service}")
    loaded = [name for name in state.modules if machine.exists(f"sys/module/{name}")]
    for name in loaded:
        count = machine.text(f"sys/module/{name}/refcnt")
        used = int(count) - len(machine.names(f"sys/module/{name}/holders")) if count.isdecimal() else 0
        if used > 0:
            raise Trouble(
                f"the module {name} is in use {used} times, by programs or a console on the card. Log out of the "
                "desktop that uses the card and end CUDA programs, or take the card first: vdesk bind ADDR"
            )
    if loaded:
        run(machine, ["modprobe", "-r", *loaded], machine.left(PREPARE_SECONDS))
        machine.say(f"unloaded {' '.join(loaded)}")


def load_nvidia(machine: Machine, state: State) -> list[str]:
    """Load what was unloaded, and let the driver have its cards; what did not work, in sentences."""
    if not state.modules:
        return []
    with machine.own_time(LOAD_SECONDS):
        return _load(machine, state)


def _load(machine: Machine, state: State) -> list[str]:
    wrong: list[str] = []
    missing = [name for name in reversed(state.modules) if not machine.exists(f"sys/module/{name}")]
    try:
        if missing:
            run(machine, ["modprobe", "-a", *missing], machine.left(WHOLE_SECONDS))
            machine.say(f"loaded {' '.join(missing)}")
    except Trouble as error:
        wrong.append(str(error))  # modprobe -a goes on past one that fails
        if not machine.exists("sys/module/nvidia"):
            return wrong
    for address, fact in list(state.functions.items()):
        if fact["driver"] == "nvidia":
            problem = probe(machine, fact)
            wrong += [problem] if problem else []
            if not problem:
                del state.functions[address]
    left = [name for name in state.modules if not machine.exists(f"sys/module/{name}")]
    state.modules = [name for name in left if name not in NVIDIA_USERS]
    return wrong


def start_services(machine: Machine, state: State) -> list[str]:
    """Start the services that were stopped; what did not work, in sentences."""
    wrong = []
    for service in list(state.services):
        try:
            with machine.own_time(SERVICE_SECONDS):
                run(machine, ["systemctl", "start", service], machine.left(WHOLE_SECONDS))
            machine.say(f"started {service}")
            state.services.remove(service)
        except Trouble as error:
            wrong.append(str(error))
    return wrong


def _active(machine: Machine, service: str) -> bool:
    try:
        return run(machine, ["systemctl", "is-active", service], LOOK_SECONDS) == "active"
    except Trouble:
        return False
