"""Binding at boot on a real kernel, initramfs and systemd: taken before the card's own driver, and healed by itself."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from .machine import Machine
from .typed import document, driver, levels, override, own_files, typed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]

CARD, SOUND, DISPLAY = "0000:01:00.0", "0000:01:00.1", "0000:00:02.0"
STATE = "/var/lib/vdesk/boot/state"
SAID = "journalctl -b --no-pager -o cat -u 'vdesk-boot*' | grep -v '^[A-Z]'"
SLOW = 1800.0  # update-initramfs on emulated processors


def state(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.get(STATE))
    return found


def wait_for_phase(machine: Machine, phase: str, seconds: float = 240) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if state(machine)["phase"] == phase:
            return state(machine)
        time.sleep(2)
    raise AssertionError(f"{state(machine)}\n{machine.run('journalctl -b -u vdesk-boot* --no-pager').out}")


def bound_at_boot(article: Machine) -> None:
    """Bind now and at every boot, before the card's own drivers, and give all of it back."""
    files = own_files(article)
    typed(article, f"sudo vdesk bind {CARD} --boot --yes", timeout=SLOW)
    assert [driver(article, each) for each in (CARD, SOUND)] == ["vfio-pci", "vfio-pci"]
    assert article.run("ls /boot | grep vdesk").rc == 1
    article.reboot()
    assert [driver(article, each) for each in (CARD, SOUND)] == ["vfio-pci", "vfio-pci"]
    touched = article.run("journalctl -k -b --no-pager | grep -E 'snd_hda_intel 0000:01:00.1|radeon|vdesk'").out
    assert "snd_hda_intel" not in touched and f"vdesk holds {CARD}" in touched
    confirmed = wait_for_phase(article, "confirmed")
    assert confirmed["proven"] == "yes" and confirmed[SOUND] == "bound"
    assert levels(document(article, "vdesk check", expect=3))["boot.binding"] == "ok"
    listed = document(article, "vdesk bind --list")["data"]
    assert [each["state"] for each in listed["devices"]] == ["bound", "bound"]
    assert listed["trial"]["state"] == "confirmed"

    typed(article, f"sudo vdesk unbind {CARD} --boot --yes", timeout=SLOW)
    assert [driver(article, each) for each in (CARD, SOUND)] == ["", "snd_hda_intel"]
    assert override(article, SOUND) == "(null)"
    now = own_files(article)
    assert [each for each in now if "initrd" not in each] == [each for each in files if "initrd" not in each]
    assert "etc/vdesk" not in article.run("for each in /boot/initrd.img-*; do lsinitramfs $each; done").out
    typed(article, "sudo vdesk undo --all --yes")


def test_bound_at_boot(article: Machine) -> None:
    bound_at_boot(article)


def test_the_only_display_heals_by_itself(article: Machine) -> None:
    """The card of the only picture, taken by force: the trial is not confirmed, and the boot after it has a picture."""
    was = driver(article, DISPLAY)
    assert was
    typed(article, f"sudo vdesk bind {DISPLAY} --boot --yes --force host-display", timeout=SLOW)
    article.reboot()
    assert driver(article, DISPLAY) == "vfio-pci"
    assert article.run("ls /sys/class/drm | grep -c card").out.strip() == "0"
    for _ in range(60):
        if "reason" in state(article):
            break
        time.sleep(2)
    assert state(article)["phase"] == "trying" and "no graphics card" in state(article)["reason"]
    assert levels(document(article, "vdesk check", expect=3))["boot.binding"] == "warn"
    assert "bound to vfio-pci" in article.run(SAID).out
    article.reboot()
    assert driver(article, DISPLAY) == was
    assert "nothing is bound in this boot: " in article.run(SAID).out
    typed(article, "vdesk bind --list --no-color")
    assert "connected" in article.run("cat /sys/class/drm/card*/status").out.split()
    failed = document(article, "vdesk check", expect=3)
    finding = next(each for each in failed["findings"] if each["id"] == "boot.binding")
    assert finding["level"] == "warn" and "no graphics card" in finding["cause"]
