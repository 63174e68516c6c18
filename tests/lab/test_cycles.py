"""The card to vfio-pci and back, again and again: the same state after it, nothing leaks, and what it costs beside the
other programs that do this. $VDESK_LAB_CYCLES is how often: few in everyday runs, 200 to be sure."""

from __future__ import annotations

import json
import os
import statistics

import pytest

from .cache import log_folder
from .machine import Machine
from .typed import driver, override, own_files

pytestmark = pytest.mark.timeout(7200)

CYCLES = int(os.environ.get("VDESK_LAB_CYCLES", "3"))
ROUNDS = int(os.environ.get("VDESK_LAB_ROUNDS", "5"))
GPU, SOUND = "0000:01:00.0", "0000:01:00.1"
CYCLE = f"vdesk bind {GPU} --yes >/dev/null && vdesk unbind {GPU} --yes >/dev/null"
# Caches first: what is left is what somebody holds.
HELD = """sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1
read files rest < /proc/sys/fs/file-nr
slab=$(awk '/SUnreclaim/ {print $2}' /proc/meminfo)
echo "$files $slab $(ls /proc | grep -c '^[0-9]') $(cat /sys/module/vfio_pci/refcnt)"
"""
NODE = "pci_0000_01_00_1"
BESIDE = {
    "click": ("python3 -c 'import click'", "python3 -c 'import click'"),
    "vdesk": (f"vdesk bind {SOUND} --only --yes", f"vdesk unbind {SOUND} --yes"),
    "driverctl": (f"driverctl set-override {SOUND} vfio-pci", f"driverctl unset-override {SOUND}"),
    "virsh": (f"virsh -q nodedev-detach {NODE}", f"virsh -q nodedev-reattach {NODE}"),
}


def held(machine: Machine) -> dict[str, int]:
    """What the machine holds: open files, kernel memory that cannot be reclaimed (kB), processes, uses of vfio."""
    names = ("files", "slab", "processes", "vfio_pci")
    return dict(zip(names, map(int, machine.run(HELD, check=True).out.split()), strict=True))


def state(machine: Machine) -> list[str]:
    """The two functions as sysfs has them, and the machine's files."""
    links = machine.run("ls -l /sys/bus/pci/drivers/*/ | sed 's/.* 0000:/0000:/' | grep ^0000 | sort", check=True).out
    places = [f"{driver(machine, each)} {override(machine, each)}" for each in (GPU, SOUND)]
    return [*places, *links.splitlines(), *own_files(machine)]


@pytest.mark.lab
def test_bind_and_unbind_again_and_again(article: Machine) -> None:
    article.run(CYCLE, check=True)  # loads vfio-pci, which stays
    before, first = state(article), held(article)
    took = []
    for _ in range(CYCLES):
        took.append(article.agent.run(CYCLE, 300).check().seconds)
    last = held(article)
    report = {"cycles": CYCLES, "before": first, "after": last, "seconds": took}
    (log_folder() / "cycles.json").write_text(json.dumps(report, indent=1))
    assert state(article) == before
    assert driver(article, SOUND) == "snd_hda_intel" and driver(article, GPU) == ""
    assert last["vfio_pci"] == first["vfio_pci"]
    assert last["files"] - first["files"] < 64, report
    assert abs(last["processes"] - first["processes"]) < 20, report  # the kernel's workers come and go
    assert last["slab"] - first["slab"] < 2048 + 4 * CYCLES, report
    article.run("vdesk undo --all --yes", check=True)
    assert state(article) == before


@pytest.mark.lab_long
def test_beside_others(article: Machine) -> None:
    """Each once a round, so that all share the slow moments; the first round is not counted."""
    times: dict[str, list[float]] = {}
    for number in range(ROUNDS + 1):
        for name, pair in BESIDE.items():
            for way, command in zip(("bind", "back"), pair, strict=True):
                reply = article.run(command, check=True)
                if number:
                    times.setdefault(f"{name} {way}", []).append(reply.seconds)
            assert driver(article, SOUND) == "snd_hda_intel", name
    found = {name: statistics.median(each) for name, each in times.items()}
    (log_folder() / "beside.json").write_text(json.dumps(found, indent=1))
    article.transcript.note(json.dumps(found))
    for way in ("bind", "back"):
        assert found[f"vdesk {way}"] - found[f"click {way}"] < found[f"driverctl {way}"], found
