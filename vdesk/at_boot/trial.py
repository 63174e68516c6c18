"""What earlier boots have shown: `/var/lib/vdesk/boot/state`, and what follows for this one.

The first boot with a list is a trial. It is written down, on the disk, before anything is bound; a boot that is found
written down and was never confirmed has failed, whatever happened in it: a hang, a power cut, no picture."""

from __future__ import annotations

import json
import os

from ..libvirt_hook.machine import Machine

STATE = "var/lib/vdesk/boot/state"
ARMED, TRYING, CONFIRMED, SKIPPED, FAILED = "armed", "trying", "confirmed", "skipped", "failed"
UNKNOWN = "it was not seen to get as far as the desktop"

Trial = dict[str, str]
"""phase, digest (of the list), boot (the id of the last boot that decided), proven (`yes` after a confirmed boot),
reason (why not confirmed), stuck (`yes` where a driver hung: no desktop makes that good), and per address what became
of it."""


def read(text: str, digest: str) -> Trial:
    """The state in a text, for this list; armed where there is none, or one of another list."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("digest") != digest:
        return {"phase": ARMED, "digest": digest}
    trial = {str(name): str(value) for name, value in found.items()}
    return trial if trial.get("phase") in (ARMED, TRYING, CONFIRMED, SKIPPED, FAILED) else {**trial, "phase": ARMED}


def after(trial: Trial, boot: str) -> Trial:
    """The state that this boot begins with: `trying` is to bind.

    A list that no boot has proven is off after one failure; a proven one is left out once, and off after two in
    a row."""
    base: Trial = {name: trial[name] for name in trial if name in ("digest", "proven", "once")}
    if trial["phase"] == FAILED:
        return {**trial, "boot": boot}
    if trial["phase"] == TRYING:
        again = trial.get("proven") == "yes" and "once" not in trial
        phase = SKIPPED if again else FAILED
        return {**base, "phase": phase, "boot": boot, "once": "yes", "reason": trial.get("reason") or UNKNOWN}
    return {**base, "phase": TRYING, "boot": boot}


def confirmed(trial: Trial) -> Trial:
    """The state after a boot that has reached what it had to reach."""
    kept = {name: value for name, value in trial.items() if name not in ("once", "reason")}
    return {**kept, "phase": CONFIRMED, "proven": "yes"}


def uncounted(trial: Trial) -> Trial:
    """The state after a boot that shows nothing, neither good nor bad: what it was before, an earlier failure too."""
    kept = {name: value for name, value in trial.items() if name != "reason"}
    return {**kept, "phase": CONFIRMED if trial.get("proven") == "yes" and "once" not in trial else ARMED}


def load(machine: Machine, digest: str) -> Trial:
    """The state on the disk."""
    return read(machine.text(STATE), digest)


def save(machine: Machine, trial: Trial) -> None:
    """Onto the disk, whole or not at all, before this returns. Raises OSError."""
    place = machine.place(STATE)
    folder = os.path.dirname(place)
    os.makedirs(folder, 0o755, exist_ok=True)
    new = f"{place}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        os.write(handle, json.dumps(trial, indent=1, sort_keys=True).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    os.rename(new, place)
    for path in (folder, os.path.dirname(folder)):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
