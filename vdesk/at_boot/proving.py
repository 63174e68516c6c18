"""Later in a boot that binds: has it reached the desktop, and is there a picture? Then it is confirmed."""

from __future__ import annotations

import time

from ..libvirt_hook.machine import Machine, Trouble, run
from .deciding import boot_of, say
from .listed import DEVICES, LIST, digest, needs_display
from .trial import TRYING, confirmed, load, save, uncounted

DRM = "sys/class/drm"
EVERY_SECONDS = 1.0
STEADY_LOOKS = 10  # in a row: a display manager that dies and is started again is no desktop
TOLD_SECONDS = 60.0
LONGEST_SECONDS = 3600.0  # a person may turn the monitor on late
ASK_SECONDS = 15.0
MANAGER, GRAPHICAL, TEXT = "display-manager.service", "graphical.target", "multi-user.target"
LEVELS = {"2": TEXT, "3": TEXT, "4": TEXT, "5": GRAPHICAL}
UNIT = "systemd.unit"
NAMES = (*LEVELS, UNIT)


def prove(
    machine: Machine, every: float = EVERY_SECONDS, told: float = TOLD_SECONDS, longest: float = LONGEST_SECONDS
) -> None:
    """Look until the boot is good, then write that down; from `told` seconds on, what is missing is written down."""
    text = machine.text(LIST)
    good, said, begun = 0, "", time.monotonic()
    while _on_trial(machine, text) and time.monotonic() < begun + longest:
        shown = needs_display(text)
        why = desktop(machine, shown) or (picture(machine) if shown else "")
        good = 0 if why else good + 1
        if good >= STEADY_LOOKS:
            _write(machine, text, "")
            return
        if why and why != said and time.monotonic() >= begun + told:
            said = why
            _write(machine, text, why)
        time.sleep(every)


def _on_trial(machine: Machine, text: str) -> bool:
    now = load(machine, digest(text))
    return now["phase"] == TRYING and now.get("boot") == boot_of(machine) and "stuck" not in now


def _write(machine: Machine, text: str, why: str) -> None:
    now = load(machine, digest(text))
    if why:
        said, then = f"not confirmed yet: {why}", {**now, "reason": why}
    elif goal_of(machine, needs_display(text))[1]:
        said, then = "this boot is good: what it has bound is bound at the next one too", confirmed(now)
    else:
        said, then = "this boot is good, but has no desktop: it counts for nothing", uncounted(now)
    say(said)
    try:
        save(machine, then)
    except OSError as error:
        say(f"it could not be written down: {error}")


def asked_for(machine: Machine) -> str:
    """The target that the kernel command line asks for, empty when for none; the last word counts (systemd(1))."""
    words = machine.text("proc/cmdline").split()
    found = [LEVELS.get(word) or word.partition(f"{UNIT}=")[2] for word in words if word.partition("=")[0] in NAMES]
    return next((each for each in reversed(found) if each), "")


def goal_of(machine: Machine, shown: bool = True) -> tuple[str, bool]:
    """What the boot has to reach: the display manager, or multi-user.target. And whether that proves the list: a boot
    to text, on a machine that boots to a desktop, has not shown that there is one. Where nothing has to be `shown`, a
    display manager may fail for want of a card."""
    if not shown:
        return TEXT, True
    manager, default = machine.link(f"etc/systemd/system/{MANAGER}"), _asked(machine, "get-default")
    if manager and (asked_for(machine) or default) == GRAPHICAL:
        return MANAGER, True
    return TEXT, not (manager and default == GRAPHICAL)


def desktop(machine: Machine, shown: bool = True) -> str:
    """What of the boot's goal is missing, empty when it is reached."""
    goal, _ = goal_of(machine, shown)
    state = _asked(machine, "is-active", goal)
    return "" if state == "active" else f"{goal} is {state or 'not active'}"


def _asked(machine: Machine, *words: str) -> str:
    """What systemctl says; is-active says it with an exit code too, so only the failure is known then."""
    try:
        return run(machine, ["systemctl", *words], ASK_SECONDS)
    except Trouble:
        return ""


def picture(machine: Machine) -> str:
    """Why no monitor can show anything, empty when one can.

    Connectors of what vfio-pci has are gone, so every one that says `connected` is the host's (drm_sysfs). NVIDIA's
    driver without modeset has none, and without any at all it is the firmware's picture on its own card that counts."""
    found = [name for name in machine.names(DRM) if machine.exists(f"{DRM}/{name}/status")]
    real = [name for name in found if machine.link(f"{DRM}/{name.partition('-')[0]}/device/driver") != "vkms"]
    if any(machine.text(f"{DRM}/{name}/status") == "connected" for name in real):
        return ""
    for address in machine.names(DEVICES):
        folder = f"{DEVICES}/{address}"
        driver = machine.link(f"{folder}/driver")
        firmware = not real and machine.text(f"{folder}/boot_vga") == "1" and "vfio" not in driver
        silent = driver == "nvidia" and machine.text(f"{folder}/class").startswith("0x03")
        if firmware or (silent and not machine.exists(f"{folder}/drm")):
            return ""
    if real:
        return f"no monitor is connected to what the host has left: {', '.join(real)}"
    return "no graphics card is left to the host"
