"""The small machine early in a boot with a list of devices, boot after boot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.kernel.hooked import CARD, DISK, SOUND, ModelMachine, small
from tests.kernel.pieces import place
from tests.machines.parts import Tree
from vdesk.at_boot import deciding, moving, trial
from vdesk.at_boot.listed import Listed, written

IDS = {"subsystem_vendor": "0x1043", "subsystem_device": "0x8591"}
OURS = "8086:1234 1043:8591"
LIST = written([Listed(CARD, OURS), Listed(SOUND, OURS)], True)
STATE = "var/lib/vdesk/boot/state"
PORT = "0000:00:01.0"


def before_boot(devices: str = LIST) -> Tree:
    """The small machine as the initramfs leaves it: both functions held, no driver on them."""
    tree: Tree = {}
    for path, content in small().items():
        if path.endswith("/driver") and DISK not in path:
            continue
        tree[path] = content
        if path.endswith("/vendor"):
            tree |= {path.replace("/vendor", f"/{name}"): f"{text}\n" for name, text in IDS.items()}
    for function in (CARD, SOUND):
        tree[f"{place(function, PORT)}/driver_override"] = f"{moving.HOLD}\n"
        tree.pop(f"sys/bus/pci/drivers/snd_hda_intel/{function}", None)
    tree |= {
        "etc/vdesk/devices": devices,
        "proc/cmdline": "ro quiet\n",
        "proc/sys/kernel/random/boot_id": "boot-1\n",
        "proc/sys/kernel/osrelease": "6.1\n",
        "lib/modules/6.1/modules.alias": "alias pci:v00008086d00001234sv* snd_hda_intel\n",
        f"{place(SOUND, PORT)}/modalias": "pci:v00008086d00001234sv00001043sd00008591bc04sc03i00\n",
        "usr/sbin/modprobe": "#!/bin/sh\nexit 0\n",
    }
    return tree


def drivers(at: ModelMachine) -> list[str]:
    return [at.driver(CARD), at.driver(SOUND)]


def overrides(at: ModelMachine) -> list[str]:
    return [at.text(f"sys/bus/pci/devices/{each}/driver_override").replace("(null)", "") for each in (CARD, SOUND)]


def state(at: ModelMachine) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(at.text(STATE))
    return read


def put_text(at: ModelMachine, path: str, text: str) -> None:
    Path(at.place(path)).write_text(text)


def next_boot(at: ModelMachine, number: int, cmdline: str = "ro quiet") -> str:
    """Switch off and on again: the initramfs holds both, the program decides; the phase that it ends in."""
    for function in (CARD, SOUND):
        folder = f"sys/bus/pci/devices/{function}"
        driver = at.driver(function)
        if driver:
            at.model.write(f"{folder}/driver/unbind", function, 1.0)
        put_text(at, f"{folder}/driver_override", f"{moving.HOLD}\n")
    put_text(at, "proc/sys/kernel/random/boot_id", f"boot-{number}\n")
    put_text(at, "proc/cmdline", f"{cmdline}\n")
    deciding.decide(at)
    return str(state(at)["phase"]) if at.exists(STATE) else ""


def confirm(at: ModelMachine) -> None:
    trial.save(at, trial.confirmed({name: str(text) for name, text in state(at).items()}))
