"""The hook's phases on a model of the kernel: what is taken, what goes back, and what a failure leaves."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import (
    CARD,
    DISK,
    NET,
    OVERRIDE,
    OWN,
    PORT,
    SOUND,
    STATE,
    UUID,
    ModelMachine,
    call,
    domain,
    drivers,
    log,
    machine,
    process,
    small,
    written,
)
from tests.kernel.pieces import function
from tests.trees import difference, snapshot

# --- the way there and back -------------------------------------------------------------------------------------------


def test_taken_and_given_back(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory)
    before = snapshot(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"]
    assert written(found) == [
        f"devices/{SOUND}/d3cold_allowed 0",
        f"devices/{SOUND}/driver_override vfio-pci",
        f"devices/{SOUND}/driver/unbind {SOUND}",
        f"drivers_probe {SOUND}",
        f"devices/{CARD}/d3cold_allowed 0",
        f"devices/{CARD}/driver_override vfio-pci",
        f"drivers_probe {CARD}",
    ]
    for phase in ("start", "started", "reconnect", "attach"):
        assert call(found, phase, domain(CARD, SOUND)) == 0
    assert call(found, "stopped", domain(CARD, SOUND)) == 0
    assert written(found) == []
    assert call(found, "release", domain(CARD, SOUND), extra="destroyed") == 0
    assert written(found) == [
        f"devices/{CARD}/driver_override none",
        f"devices/{CARD}/driver/unbind {CARD}",
        f"devices/{CARD}/driver_override",
        f"devices/{CARD}/d3cold_allowed 1",
        f"devices/{SOUND}/driver_override snd_hda_intel",
        f"devices/{SOUND}/driver/unbind {SOUND}",
        f"drivers_probe {SOUND}",
        f"devices/{SOUND}/driver_override",
        f"devices/{SOUND}/d3cold_allowed 1",
    ]
    moved = difference(before, snapshot(memory), OWN)
    attributes = [f"sys/devices/pci0000:00/{PORT}/{each}/d3cold_allowed" for each in (CARD, SOUND)]
    assert (moved.added, moved.removed) == ([], []) and set(moved.changed) <= set(attributes)
    assert sorted(os.listdir(found.place("run/vdesk/hook"))) == ["lock"]
    assert capfd.readouterr() == ("", "")
    assert call(found, "release", domain(CARD, SOUND)) == 0 and written(found) == []


def test_companions_go_along(memory: Path) -> None:
    """The other function of the slot is not in the domain, and bridges stay."""
    found = machine(memory)
    assert call(found, "prepare", domain(CARD)) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"] and found.driver(PORT) == "pcieport"
    assert [found.driver(DISK), found.driver(NET)] == ["ahci", "e1000e"]
    assert call(found, "release", domain(CARD)) == 0
    assert drivers(found) == ["", "snd_hda_intel"]


def test_companions_of_the_slot_with_groups_of_their_own(memory: Path) -> None:
    """What a host driver has goes along; a function without a driver harms nobody, and stays."""
    alone, idle = "0000:01:00.2", "0000:01:00.3"
    tree = small() | function(alone, "0c0330", PORT, group="21", driver="xhci_hcd", **OVERRIDE)
    tree |= function(idle, "0c8000", PORT, group="22", **OVERRIDE) | {"sys/bus/pci/drivers/xhci_hcd": None}
    found = machine(memory, tree)
    assert call(found, "prepare", domain(CARD)) == 0
    assert [found.driver(alone), found.driver(idle)] == ["vfio-pci", ""]
    assert call(found, "release", domain(CARD)) == 0
    assert found.driver(alone) == "xhci_hcd"


def test_state_is_written_before_and_is_private(memory: Path) -> None:
    found = machine(memory, at_drivers_probe=_state_is_there)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    info = os.stat(found.place(STATE))
    assert (info.st_mode & 0o777, os.stat(found.place("run/vdesk/hook")).st_mode & 0o777) == (0o600, 0o700)
    kept = json.loads(found.text(STATE))
    assert kept["functions"][SOUND]["driver"] == "snd_hda_intel" and kept["functions"][CARD]["driver"] == ""


def _state_is_there(found: ModelMachine, path: str, text: str) -> bool:
    assert text in found.text(STATE)
    return False


def test_bound_at_boot_stays(memory: Path) -> None:
    found = machine(memory, small("vfio-pci"))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert f"devices/{CARD}/d3cold_allowed 0" in written(found)
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["vfio-pci", "snd_hda_intel"]
    assert f"devices/{CARD}/d3cold_allowed 1" in written(found)


def test_an_override_of_somebody_is_given_back(memory: Path) -> None:
    tree = small() | {f"sys/devices/pci0000:00/{PORT}/{SOUND}/driver_override": "snd_hda_intel\n"}
    found = machine(memory, tree)
    assert call(found, "prepare", domain(SOUND)) == 0
    assert call(found, "release", domain(SOUND)) == 0
    assert found.text(f"sys/bus/pci/devices/{SOUND}/driver_override") == "snd_hda_intel"


# --- interrupted, repeated, out of order ------------------------------------------------------------------------------


def test_release_without_prepare(memory: Path) -> None:
    found = machine(memory)
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert written(found) == [] and not found.exists("var/log/vdesk")


def test_release_of_a_machine_that_lost_its_mark(memory: Path) -> None:
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert call(found, "release", domain(CARD, SOUND, mark="")) == 0
    assert drivers(found) == ["", "snd_hda_intel"]


@pytest.mark.parametrize("number", range(1, 8))
def test_half_done_prepare(number: int, memory: Path) -> None:
    """The hook is killed after its Nth write: the release that libvirt calls then puts back what was done."""
    found = machine(memory)

    def killed(machine: ModelMachine, path: str, text: str) -> bool:
        if len(machine.text("writes").splitlines()) > number:
            os.kill(parent, 9)
        return False

    parent = os.fork()
    if parent == 0:
        parent = os.getpid()
        found.faults = {"": killed}
        call(found, "prepare", domain(CARD, SOUND))
        os._exit(0)
    os.waitpid(parent, 0)
    time.sleep(0.3)  # the child that was writing ends by itself
    assert found.exists(STATE)
    found.faults = {}
    assert call(found, "release", domain(CARD, SOUND), extra="failed") == 0
    assert drivers(found) == ["", "snd_hda_intel"] and not found.exists(STATE)
    for each in (CARD, SOUND):
        assert found.text(f"sys/bus/pci/devices/{each}/driver_override") in ("(null)", "")


def test_second_prepare_remembers_the_first(memory: Path) -> None:
    """No release came in between (the daemon crashed): what was taken then still goes back."""
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    written(found)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert written(found) == []
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["", "snd_hda_intel"]


def test_second_prepare_of_a_card_that_may_sleep_again(memory: Path) -> None:
    """Somebody has set d3cold_allowed meanwhile: what is remembered is still how it was at first."""
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    found.real_write(f"sys/bus/pci/devices/{SOUND}/d3cold_allowed", "1")
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["", "snd_hda_intel"]


def test_a_driver_that_goes_meanwhile(memory: Path) -> None:
    """Between the look and the unbind: nothing is left to unbind, and the function goes back to what was seen."""
    found = machine(memory)

    def gone(machine: ModelMachine, path: str, text: str) -> bool:
        machine.real_write(path, text)
        return False

    found.faults = {f"{SOUND}/driver/unbind": gone}
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    found.faults = {}
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["", "snd_hda_intel"]


def test_another_machine_leaves_the_first_its_devices(memory: Path) -> None:
    """libvirt calls prepare of a second machine with the same card, then refuses to start it."""
    found = machine(memory)
    other = domain(CARD, SOUND, uuid=UUID[:-1] + "2", name="other")
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert call(found, "prepare", other) == 0
    assert call(found, "release", other, extra="failed") == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"]
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["", "snd_hda_intel"]


def test_a_running_machine_keeps_its_devices(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory, small() | process(77, "qemu-system-x86", "/dev/vfio/8"))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert call(found, "release", domain(CARD, SOUND)) == 1
    assert "is in a running virtual machine: qemu-system-x86 (pid 77, user desk)" in capfd.readouterr().err
    assert drivers(found) == ["vfio-pci", "vfio-pci"] and found.exists(STATE)


def test_what_somebody_moved_meanwhile_stays(memory: Path) -> None:
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    for path, text in ((f"{CARD}/driver_override", "ahci"), (f"{CARD}/driver/unbind", CARD)):
        found.real_write(f"sys/bus/pci/devices/{path}", text)
    found.real_write("sys/bus/pci/drivers_probe", CARD)
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["ahci", "snd_hda_intel"] and "somebody has given it to ahci" in log(found)


def test_a_device_that_is_gone(memory: Path) -> None:
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    os.unlink(found.place(f"sys/bus/pci/devices/{CARD}"))
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert found.driver(SOUND) == "snd_hda_intel" and not found.exists(STATE)


BROKEN = {
    "empty": "",
    "cut": "{",
    "another shape": "[]",
    "an address that is a path": '{"functions": {"../x": FACT}, "modules": [], "services": []}',
    "a driver that is a path": '{"functions": {"0000:01:00.1": FACT}, "modules": [], "services": []}',
}
FACT = '{"address": "%s", "driver": "%s", "override": "", "d3cold": "1", "class": "0x040300", "group": "8"}'


@pytest.mark.parametrize("name", BROKEN)
def test_a_state_that_cannot_be_used(name: str, memory: Path) -> None:
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    with open(found.place(STATE), "w") as file:
        fact = FACT % (("../x", "ahci") if "address" in name else (SOUND, "../ahci"))
        file.write(BROKEN[name].replace("FACT", fact))
    written(found)
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"] and written(found) == [] and "cannot be used" in log(found)
