"""The program that binds at boot, on a model of the kernel: boot after boot, with whatever can go wrong in one."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.kernel.booted import IDS, OURS, PORT, before_boot, confirm, drivers, next_boot, overrides, put_text, state
from tests.kernel.hooked import CARD, SOUND, ModelMachine, fails, hangs, machine, nothing, put, small
from tests.kernel.pieces import link, place
from tests.machines.parts import Tree
from vdesk.at_boot import deciding, trial
from vdesk.at_boot.listed import BOOT_DISPLAY, Listed, digest, parse, written
from vdesk.initramfs.program import program

STATE = "var/lib/vdesk/boot/state"


@pytest.fixture
def found(memory: Path) -> ModelMachine:
    """The machine early in its first boot with a list."""
    return machine(memory, before_boot())


def test_bound(found: ModelMachine) -> None:
    deciding.decide(found)
    assert drivers(found) == ["vfio-pci", "vfio-pci"] and overrides(found) == ["vfio-pci", "vfio-pci"]
    assert found.text(f"sys/bus/pci/devices/{CARD}/d3cold_allowed") == "0"
    assert (state(found)["phase"], state(found)[CARD], state(found)["boot"]) == ("trying", "bound", "boot-1")
    assert os.stat(found.place(STATE)).st_mode & 0o777 == 0o644


def test_written_down_before_anything_is_bound(memory: Path) -> None:
    """A boot that hangs in the first write has left its attempt on the disk."""

    def look(at: ModelMachine, path: str, text: str) -> bool:
        put_text(at, "seen", at.text(STATE))  # a file, since this is a child
        return False

    deciding.decide(machine(memory, before_boot(), driver_override=look))
    assert json.loads((memory / "seen").read_text()) == {
        "boot": "boot-1",
        "digest": json.loads((memory / STATE).read_text())["digest"],
        "phase": "trying",
    }


def test_a_boot_without_proof_is_followed_by_one_without_the_binding(found: ModelMachine) -> None:
    deciding.decide(found)
    assert next_boot(found, 2) == "failed"
    assert drivers(found) == ["", "snd_hda_intel"] and overrides(found) == ["", ""]
    assert state(found)["reason"] == trial.UNKNOWN
    assert next_boot(found, 3) == "failed" and drivers(found) == ["", "snd_hda_intel"]


def test_a_proven_list_is_left_out_once(found: ModelMachine) -> None:
    """Two failures in a row end it; a good boot between forgets the first."""
    deciding.decide(found)
    confirm(found)
    assert next_boot(found, 2) == "trying" and drivers(found) == ["vfio-pci", "vfio-pci"]
    assert next_boot(found, 3) == "skipped" and drivers(found) == ["", "snd_hda_intel"]
    assert next_boot(found, 4) == "trying" and drivers(found) == ["vfio-pci", "vfio-pci"]
    confirm(found)
    assert next_boot(found, 5) == "trying"
    assert next_boot(found, 6) == "skipped"
    assert next_boot(found, 7) == "trying"
    assert next_boot(found, 8) == "failed"
    assert next_boot(found, 9) == "failed" and drivers(found) == ["", "snd_hda_intel"]


def test_another_list_is_another_trial(found: ModelMachine) -> None:
    deciding.decide(found)
    assert next_boot(found, 2) == "failed"
    put_text(found, "etc/vdesk/devices", written([Listed(SOUND, OURS)], True))
    assert next_boot(found, 3) == "trying"
    assert drivers(found) == ["", "vfio-pci"] and overrides(found) == ["", "vfio-pci"]


@pytest.mark.parametrize("word", deciding.WITHOUT)
def test_left_out_on_demand(found: ModelMachine, word: str) -> None:
    """For that boot only, and it counts for nothing."""
    assert next_boot(found, 2, f"ro {word} quiet") == ""
    assert drivers(found) == ["", "snd_hda_intel"] and overrides(found) == ["", ""]
    assert next_boot(found, 3) == "trying"


def test_started_again_in_the_same_boot(found: ModelMachine) -> None:
    deciding.decide(found)
    written_once = found.text(STATE)
    deciding.decide(found)
    assert found.text(STATE) == written_once and drivers(found) == ["vfio-pci", "vfio-pci"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"phase": "bogus"}', "\0\xff", '{"phase": ["trying"]}'])
def test_a_state_that_is_none(found: ModelMachine, text: str) -> None:
    """A torn or foreign file counts as no state: the boot is a trial."""
    os.makedirs(found.place("var/lib/vdesk/boot"))
    put_text(found, STATE, text)
    deciding.decide(found)
    assert state(found)["phase"] == "trying"


def test_a_state_that_cannot_be_written(memory: Path) -> None:
    """Nothing is bound that could not be told to have failed: here a folder is where the new file has to be."""
    at = machine(memory, before_boot() | {f"{STATE}.new/x": ""})
    deciding.decide(at)
    assert drivers(at) == ["", "snd_hda_intel"] and overrides(at) == ["", ""]


def test_another_device(memory: Path) -> None:
    """The initramfs has not held it, and nothing is done to it."""
    tree = before_boot(written([Listed(CARD, "10de:1402 1043:8591"), Listed(SOUND, OURS)], True))
    tree[f"{place(CARD, PORT)}/driver_override"] = "(null)\n"
    at = machine(memory, tree)
    deciding.decide(at)
    assert drivers(at) == ["", "vfio-pci"] and overrides(at)[0] == ""
    assert "another device is there now: 8086:1234 1043:8591" in state(at)[CARD]


def test_a_device_that_is_gone(memory: Path) -> None:
    at = machine(memory, before_boot(written([Listed("0000:7f:00.0", OURS), Listed(SOUND, OURS)], True)))
    deciding.decide(at)
    assert state(at)["0000:7f:00.0"] == "no device is there" and at.driver(SOUND) == "vfio-pci"
    assert overrides(at)[0] == "", "held by the initramfs, and not on the list: let go"


def boots_on(tree: Tree, function: str = CARD) -> Tree:
    """The tree of a machine that has booted on that function's card."""
    return tree | {f"{place(function, PORT)}/boot_vga": "1\n"}


def test_an_equal_card_has_moved_there(memory: Path) -> None:
    """The desktop's: the machine has booted on it. Neither it nor its sound is taken, and nothing has failed."""
    at = machine(memory, boots_on(before_boot()))
    deciding.decide(at)
    assert drivers(at) == ["", "snd_hda_intel"] and overrides(at) == ["", ""]
    assert state(at)["phase"] == "armed" and "has booted on this card" in state(at)[CARD]
    assert "has booted on this card" in state(at)[SOUND]


def test_it_was_so_when_it_was_listed(memory: Path) -> None:
    """The desktop's own card, taken with --force host-display."""
    rows = [Listed(CARD, OURS, BOOT_DISPLAY), Listed(SOUND, OURS, BOOT_DISPLAY)]
    at = machine(memory, boots_on(before_boot(written(rows, True))))
    deciding.decide(at)
    assert drivers(at) == ["vfio-pci", "vfio-pci"] and state(at)["phase"] == "trying"


def test_a_moved_card_keeps_the_others_from_nothing(memory: Path) -> None:
    """What is held and not bound is let go, also where another device of the list is bound."""
    rows = [Listed(CARD, OURS), Listed(SOUND, OURS, BOOT_DISPLAY)]
    at = machine(memory, boots_on(before_boot(written(rows, True))))
    deciding.decide(at)
    assert drivers(at) == ["", "vfio-pci"] and overrides(at) == ["", "vfio-pci"]


def test_lists_of_before_are_read_and_keep_their_state() -> None:
    """Without a mark nothing is written otherwise, so what boots have shown still counts."""
    rows = [Listed(CARD, OURS), Listed(SOUND, OURS)]
    assert written(rows, True).splitlines()[2:] == [f"{CARD} {OURS}", f"{SOUND} {OURS}"]
    assert parse(written(rows, True)) == rows
    marked = [Listed(CARD, OURS, BOOT_DISPLAY)]
    assert parse(written(marked, True)) == marked and digest(written(marked, True)) != digest(written(rows[:1], True))
    assert parse(f"{CARD} {OURS} other\n") == []


def test_vfio_takes_nothing(memory: Path) -> None:
    """No module, no IOMMU: both go to their own drivers, and the next boot tries again."""
    at = machine(memory, before_boot(), drivers_probe=refuses_vfio)
    deciding.decide(at)
    assert drivers(at) == ["", "snd_hda_intel"]
    assert state(at)["phase"] == "armed" and "did not take it" in state(at)[SOUND]


def refuses_vfio(at: ModelMachine, path: str, text: str) -> bool:
    return at.text(f"sys/bus/pci/devices/{text}/driver_override") == "vfio-pci"


def test_a_driver_that_came_first(memory: Path) -> None:
    """No initramfs has held it: its driver is asked to let go."""
    tree = {path: content for path, content in small().items() if not path.endswith("writes")}
    for path in list(tree):
        if path.endswith("/vendor"):
            tree |= {path.replace("/vendor", f"/{name}"): f"{text}\n" for name, text in IDS.items()}
    more = {path: content for path, content in before_boot().items() if path.startswith(("etc/", "proc/", "usr/"))}
    at = machine(memory, tree | more)
    deciding.decide(at)
    assert drivers(at) == ["vfio-pci", "vfio-pci"]


def test_a_driver_that_hangs(memory: Path) -> None:
    """Its write blocks in the kernel; the other function is bound, and the boot goes on."""
    at = machine(memory, before_boot(), **{f"at_{CARD}__driver_override": hangs(3)})
    at.patience = 0.5
    deciding.decide(at)
    assert "did not return" in state(at)[CARD] and at.driver(SOUND) == "vfio-pci"


def test_a_driver_that_hangs_is_a_bad_boot(memory: Path) -> None:
    """Whatever else is bound: the next boot is without it."""
    at = machine(memory, before_boot(), **{f"at_{CARD}__driver_override": hangs(3)})
    at.patience = 0.5
    deciding.decide(at)
    assert state(at)["phase"] == "trying" and state(at)["reason"].startswith(f"{CARD}: taking it from no driver")
    time.sleep(3)
    at.faults.clear()
    assert next_boot(at, 2) == "failed" and "did not return" in state(at)["reason"] and "stuck" not in state(at)


def test_only_a_driver_that_hangs(memory: Path) -> None:
    """Nothing is bound, and the next boot does not hang in the same place."""
    devices = written([Listed(CARD, OURS)], True)
    at = machine(memory, before_boot(devices), **{f"at_{CARD}__driver_override": hangs(3)})
    at.patience = 0.5
    deciding.decide(at)
    assert state(at)["phase"] == "trying" and "did not return" in state(at)["reason"]


def test_an_error_while_one_is_bound(memory: Path) -> None:
    """The card goes to its own driver, and keeps no override that would be left on it; its sound is bound."""

    def refuses(at: ModelMachine, path: str, text: str) -> bool:
        if text == CARD and at.text(f"sys/bus/pci/devices/{CARD}/driver_override") == "vfio-pci":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return False

    at = machine(memory, before_boot(), drivers_probe=refuses)
    deciding.decide(at)
    assert drivers(at) == ["", "vfio-pci"] and overrides(at) == ["", "vfio-pci"]
    assert "EIO" in state(at)[CARD] and state(at)["phase"] == "trying"


def test_errors_of_the_kernel(memory: Path) -> None:
    at = machine(memory, before_boot(), driver_override=fails(errno.EINVAL))
    deciding.decide(at)
    assert "EINVAL" in state(at)[CARD] and state(at)["phase"] == "armed"


def with_usb() -> Tree:
    """In the place of the sound a USB controller, which its driver has and no initramfs holds; a disk is on it."""
    folder = place(SOUND, PORT)
    disk = f"{folder}/usb2/2-1/host0/block/sdb"
    tree = before_boot() | {f"{folder}/class": "0x0c0330\n", f"{folder}/driver_override": "(null)\n"}
    tree |= link(f"{folder}/driver", "sys/bus/pci/drivers/xhci_hcd")
    tree |= link(f"sys/bus/pci/drivers/xhci_hcd/{SOUND}", folder)
    return tree | {f"{disk}/uevent": "MAJOR=8\nMINOR=16\nDEVNAME=sdb\nDEVTYPE=disk\n"}


def test_a_usb_controller_is_taken_from_its_driver(memory: Path) -> None:
    at = machine(memory, with_usb())
    deciding.decide(at)
    assert drivers(at) == ["vfio-pci", "vfio-pci"] and state(at)[SOUND] == "bound"


def test_a_usb_controller_with_a_disk_in_use(memory: Path) -> None:
    """Its file system would lose its disk: it stays, and that is no fault of the boot."""
    at = machine(memory, with_usb())
    at.busy_disks.add("dev/sdb")
    deciding.decide(at)
    assert drivers(at) == ["vfio-pci", "xhci_hcd"] and overrides(at) == ["vfio-pci", ""]
    assert state(at)[SOUND] == "the disk /dev/sdb on it is in use by this machine" and state(at)["phase"] == "trying"


def test_an_empty_list(memory: Path) -> None:
    at = machine(memory, before_boot("# nothing\n"), d3cold_allowed=nothing)
    deciding.decide(at)
    assert drivers(at) == ["", "snd_hda_intel"] and not at.exists(STATE)


# --- the file that is installed ---------------------------------------------------------------------------------------


def test_the_installed_program(memory: Path) -> None:
    """One file, alone, by the system's python: it decides on the machine below --root."""
    put(before_boot("# nothing\n"), memory)
    place = memory / "boot"
    place.write_text(program())
    asked = ["/usr/bin/python3", "-I", "-S", str(place), "--root", str(memory)]
    done = subprocess.run([*asked, "decide"], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "") and "the list is empty" in done.stderr
    wrong = subprocess.run([*asked, "reboot"], capture_output=True, text=True, timeout=30, check=False)
    assert wrong.returncode == 2 and "usage" in wrong.stderr


def test_it_imports_nothing_of_vdesk() -> None:
    text = program()
    assert "import vdesk" not in text and "from vdesk" not in text and "from ." not in text
