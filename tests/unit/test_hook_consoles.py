"""The hook with a card that the host's text console or the firmware's framebuffer is on, and what belongs at boot."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import (
    CARD,
    OWN,
    PORT,
    SOUND,
    STATE,
    call,
    domain,
    drivers,
    fails,
    hangs,
    log,
    machine,
    nothing,
    small,
    written,
)
from tests.kernel.pieces import function, place
from tests.machines.parts import Tree
from tests.trees import Snapshot, difference, snapshot
from tests.unit.test_bind_consoles import CONSOLE, EFI, IOMEM, SIMPLE, console, firmware, framebuffer

OTHER = "0000:00:02.0"
BIND = "sys/class/vtconsole/vtcon0/bind"
UNBOUND = f"sys/bus/platform/drivers/{EFI}/unbind {EFI}.0"


def carrying(driver: str = "", *more: Tree) -> Tree:
    """The small machine with its own card for the desktop; the console is on what the pieces say."""
    tree = small(driver) | function(OTHER, "030000", group="2", driver="i915") | console()
    for each in more:
        tree |= each
    return tree


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_console_of_a_driver(elsewhere: bool, memory: Path) -> None:
    """It lets go before anything moves, and comes back after everything has; where it can it goes on elsewhere."""
    fbs = framebuffer(0, place(CARD, PORT)) | (framebuffer(1, place(OTHER)) if elsewhere else {})
    found = machine(memory, carrying("nouveau", fbs))
    before = snapshot(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    said = written(found)
    assert said[0] == f"{BIND} 0" and (said[-1] == f"{BIND} 1") == elsewhere
    assert found.text(f"{CONSOLE}/bind") == str(int(elsewhere)) and drivers(found) == ["vfio-pci", "vfio-pci"]
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert written(found)[-1] == f"{BIND} 1"
    _as_before(memory, before, f"{CONSOLE}/bind")


def _as_before(memory: Path, before: Snapshot, *rewritten: str) -> None:
    """What the hook writes has no newline in the model's files, and is what it was for the kernel."""
    left = difference(before, snapshot(memory), OWN)
    cold = {f"{place(each, PORT)}/d3cold_allowed" for each in (CARD, SOUND)}
    assert not left.added and not left.removed and set(left.changed) <= {*cold, *rewritten}
    assert all((memory / path).read_text().strip() == "1" for path in left.changed)
    assert not (memory / STATE).exists()


@pytest.mark.parametrize("driver", [EFI, SIMPLE, "vesa-framebuffer"])
def test_the_boot_framebuffer(driver: str, memory: Path) -> None:
    fb = framebuffer(0, f"sys/devices/platform/{driver}.0")
    found = machine(memory, carrying("", firmware(driver), fb, {"proc/iomem": IOMEM.format(CARD)}))
    before = snapshot(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    unbound = f"sys/bus/platform/drivers/{driver}/unbind {driver}.0"
    assert written(found)[:2] == [f"{BIND} 0", unbound]
    assert not found.exists(f"sys/devices/platform/{driver}.0/driver")
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert written(found)[-2:] == [unbound.replace("unbind", "bind"), f"{BIND} 1"]
    _as_before(memory, before, f"{CONSOLE}/bind")


def test_what_is_on_another_card_stays(memory: Path) -> None:
    boot: Tree = {f"{place(OTHER)}/boot_vga": "1\n"}
    fb = framebuffer(0, f"sys/devices/platform/{EFI}.0") | framebuffer(1, place(CARD, PORT))
    found = machine(memory, carrying("nouveau", firmware(), fb, boot))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert not [each for each in written(found) if "vtconsole" in each or "platform" in each]


def test_a_card_that_is_bound_already_carries_nothing(memory: Path) -> None:
    found = machine(memory, carrying("vfio-pci", framebuffer(0, place(CARD, PORT))))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert not [each for each in written(found) if "vtconsole" in each]


def test_a_console_that_hangs(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its lock is held by a driver that hangs: the start fails in time, and nothing else was touched."""
    found = machine(memory, carrying("nouveau", framebuffer(0, place(CARD, PORT))), vtcon0__bind=hangs(4))
    before = snapshot(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    assert f"writing 0 to /{BIND} did not return within 3 s" in capfd.readouterr().err
    assert drivers(found) == ["nouveau", "snd_hda_intel"]
    time.sleep(2.5)  # for the kernel to return from both writes
    assert found.text(f"{CONSOLE}/bind") == "1", "what the kernel does after all is taken back"
    assert not difference(before, snapshot(memory), OWN).removed


def test_the_kernel_has_removed_the_framebuffer(memory: Path) -> None:
    """vfio-pci of 6.0 and later does that; or a driver has its memory: neither keeps anything in the state."""
    boot: Tree = {f"{place(CARD, PORT)}/boot_vga": "1\n"}
    found = machine(memory, carrying("", firmware(), boot))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    os.unlink(found.place(f"sys/bus/platform/devices/{EFI}.0"))
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert not found.exists(STATE) and "until the next boot" in log(found)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EIO])
def test_a_framebuffer_that_does_not_come_back(number: int, memory: Path) -> None:
    """EBUSY: a graphics driver shows its picture there. Anything else is told, and tried again at the next release."""
    boot: Tree = {f"{place(CARD, PORT)}/boot_vga": "1\n"}
    found = machine(memory, carrying("", firmware(), boot))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    found.faults = {f"{EFI}/bind": fails(number)}
    assert call(found, "release", domain(CARD, SOUND)) == (number != errno.EBUSY)
    assert found.exists(STATE) == (number != errno.EBUSY) and drivers(found) == ["", "snd_hda_intel"]
    found.faults = {}
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert not found.exists(STATE) and found.exists(f"sys/devices/platform/{EFI}.0/driver") == (number != errno.EBUSY)


def test_a_failed_prepare_gives_the_picture_back(memory: Path) -> None:
    boot: Tree = {f"{place(CARD, PORT)}/boot_vga": "1\n"}
    fb = framebuffer(0, f"sys/devices/platform/{EFI}.0")
    found = machine(memory, carrying("", firmware(), boot, fb), drivers_probe=nothing)
    before = snapshot(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    found.faults = {}
    assert call(found, "release", domain(CARD, SOUND), extra="failed") == 0
    _as_before(memory, before, f"{CONSOLE}/bind")


HOSTILE = {"consoles": ["../../x", "vtcon0/../x", 7], "framebuffers": ["efi-framebuffer.0 ../x", "x y", None]}


def test_a_state_with_paths_in_it(memory: Path) -> None:
    import json

    found = machine(memory, carrying("nouveau", framebuffer(0, place(CARD, PORT))))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    state = json.loads(found.text(STATE)) | HOSTILE
    Path(found.place(STATE)).write_text(json.dumps(state))
    written(found)
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert all("vtconsole" not in each and "platform" not in each for each in written(found))
