"""The power goes during the trial boot of a binding that takes the only picture: the attempt counts or it does not,
and at most one dark boot follows. $VDESK_LAB_CUTS is how often."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from .cache import log_folder
from .machine import Machine
from .test_boot_binding import DISPLAY, SLOW, STATE, state
from .typed import document, driver, typed

pytestmark = [pytest.mark.lab_long, pytest.mark.timeout(3 * 3600)]

CUTS = int(os.environ.get("VDESK_LAB_CUTS", "8"))
FIRST = 4.0  # s; before that it is the firmware's time


def picture(machine: Machine) -> bool:
    """Whether the kernel has a card with a connected display."""
    return "connected" in machine.run("cat /sys/class/drm/card*/status").out.split()


def cut(machine: Machine, moment: float, own: str) -> dict[str, Any]:
    """Cut the trial boot at that moment; boot until there is a picture, once more where the attempt did not count."""
    machine.run(f"rm {STATE}; sync", check=True)  # as after a new `vdesk bind --boot`
    machine.shutdown()
    machine.cut_boot(moment)
    machine.start()
    machine.wait_settled()
    counted = state(machine)["phase"] == "failed"
    assert driver(machine, DISPLAY) == (own if counted else "vfio-pci")
    assert picture(machine) == counted
    if not counted:
        machine.reboot()
    return {"moment": round(moment, 1), "counted": counted, "phase": state(machine)["phase"]}


def test_power_cuts_in_the_trial(article: Machine) -> None:
    """Halved between too early and late enough, so that most moments are near the one at which it is written down."""
    own = driver(article, DISPLAY)
    typed(article, f"sudo vdesk bind {DISPLAY} --boot --yes --force host-display", timeout=SLOW)
    begin = time.monotonic()
    article.reboot()
    early, late, reports = FIRST, time.monotonic() - begin, []
    for _ in range(CUTS):
        moment = (early + late) / 2
        reports.append(cut(article, moment, own))
        (log_folder() / "trial-cuts.json").write_text(json.dumps(reports, indent=1))
        assert reports[-1]["phase"] == "failed" and picture(article), reports
        early, late = (early, moment) if reports[-1]["counted"] else (moment, late)
    assert {each["counted"] for each in reports} == {True, False}, reports
    finding = next(f for f in document(article, "vdesk check", expect=3)["findings"] if f["id"] == "boot.binding")
    assert finding["level"] == "warn"
    typed(article, "sudo vdesk undo --all --yes", timeout=SLOW)
    assert driver(article, DISPLAY) == own
