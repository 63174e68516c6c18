"""The power goes at a random moment of a command, again and again: each time the machine boots with a picture, and undo
gives its files back. $VDESK_LAB_CUTS is how often, $VDESK_LAB_SEED which moments."""

from __future__ import annotations

import json
import os
import random
import time

import pytest

from .cache import log_folder
from .machine import Machine
from .test_boot_binding import CARD, SLOW, SOUND
from .typed import driver, own_files, typed

pytestmark = [pytest.mark.lab_long, pytest.mark.timeout(4 * 3600)]

CUTS = int(os.environ.get("VDESK_LAB_CUTS", "20"))
SEED = int(os.environ.get("VDESK_LAB_SEED", "0")) or int(time.time())
# (what is done before, the command that is cut, how long it takes here at most): undo has something to take back.
ENABLE, BIND, UNDO = "vdesk iommu enable --yes", f"vdesk bind {CARD} --boot --yes", "vdesk undo --all --yes"
KINDS = [("", ENABLE, 22.0), (ENABLE, UNDO, 22.0), ("", ENABLE, 22.0), (ENABLE, UNDO, 22.0), ("", BIND, 110.0)]


def kept(machine: Machine) -> list[str]:
    """The machine's files; an image that was built again from the same files has other dates in it."""
    return [each for each in own_files(machine) if "initrd.img" not in each]


def cut(machine: Machine, before: str, command: str, moment: float) -> dict[str, object]:
    """Cut the power that many seconds after the command began; start again, take back what is there."""
    if before:
        machine.run(before, SLOW, check=True)
    machine.run(f"sync; systemd-run --quiet --unit=cut {command}", check=True)
    time.sleep(moment)
    machine.crash()
    machine.start()
    settled = machine.wait_settled()
    grub = machine.run("grub-script-check /boot/grub/grub.cfg; ls /boot", check=True).out
    shown = "connected" in machine.run("cat /sys/class/drm/card*/status").out.split()
    undo = machine.run("vdesk undo --all --yes --no-color", SLOW)
    return {
        "command": command, "moment": round(moment, 1), "settled": settled, "picture": shown,
        "boot": grub.split(), "undo": undo.rc, "said": undo.out.splitlines()[-3:],
    }  # fmt: skip


def test_power_cuts(article: Machine) -> None:
    choice, reports = random.Random(SEED), []
    files = kept(article)
    for number in range(CUTS):
        before, command, longest = KINDS[number % len(KINDS)]
        report = cut(article, before, command, choice.uniform(0.5, longest))
        reports.append(report)
        (log_folder() / "cuts.json").write_text(json.dumps({"seed": SEED, "cuts": reports}, indent=1))
        assert report["undo"] == 0 and report["picture"], report
        assert kept(article) == files, report
        assert [driver(article, each) for each in (CARD, SOUND)] == ["", "snd_hda_intel"], report
    article.reboot()
    assert "etc/vdesk" not in article.run("for each in /boot/initrd.img-*; do lsinitramfs $each; done").out
    typed(article, "sudo vdesk history")
