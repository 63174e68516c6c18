"""The first start: the disc's question, and what the firmware says of it on its serial port."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.scenes import changed
from tests.unit.test_vm_golden import GOLDEN
from vdesk.changes.actions import act
from vdesk.changes.executor import Mode
from vdesk.checks.doctor import doctor
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import Domain
from vdesk.model.errors import INTERRUPTED, VdeskError, problem
from vdesk.plans import vm_key, vm_life
from vdesk.plans.vm_install import SHELL as SHELL_NOTE
from vdesk.vm import firmware_log as firmware
from vdesk.vm.firmware_log import ASKED, DENIED, STARTED, STUCK, UNKNOWN, WORKING

XML = (GOLDEN / "defaults.xml").read_text(encoding="utf-8")
# As OVMF was heard: Debian 12's 2022.11, an empty disk and an empty drive.
CLEAR = "\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01H"
DISK = (
    'BdsDxe: failed to load Boot0002 "UEFI QEMU HARDDISK QM00003 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0)'
    ": Not Found\r\n"
)
LOADS = 'BdsDxe: loading Boot0001 "UEFI QEMU DVD-ROM QM00001 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0)\r\n'
DISC = LOADS + LOADS.replace("loading", "starting")
QUESTION = "Press any key to boot from CD or DVD....."
SHELL = (
    'BdsDxe: starting Boot0003 "EFI Internal Shell" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)\r\n'
    f"{CLEAR}\x1b[01;01HUEFI Interactive Shell v2.2\r\nEDK II\r\nUEFI v2.70 (EDK II, 0x00010000)\r\n"
    "\x1b[10;01H\x1b[1m\x1b[33m\x1b[40mShell> \x1b[0m\x1b[37m\x1b[40m"
)
REFUSED = 'BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00001 " from PciRoot(0x0): Access Denied\r\n'
NOTHING = "BdsDxe: No bootable option or device was found.\r\nBdsDxe: Press any key to enter the Boot Manager Menu.\r\n"
MENU = 'BdsDxe: loading Boot0000 "UiApp" from Fv(7CB8BDC9)\r\nBdsDxe: starting Boot0000 "UiApp" from Fv(7CB8BDC9)\r\n'


@dataclass
class Machine:
    """A machine whose firmware says what stands at a second since its start; after a reset, what `again` has."""

    root: Path
    says: dict[int, str]
    again: dict[int, str] = field(default_factory=dict)
    heard: bool = True
    second: float = 0.0
    presses: int = 0
    resets: int = 0
    forgot: list[str] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.second += seconds
        log = self.root / firmware.path("hoth")[1:]
        if self.heard:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as file:
                file.write(self.says.get(round(self.second), "").encode())

    def clock(self) -> float:
        return self.second + 1000 * self.resets

    def press_enter(self, name: str) -> None:
        self.presses += 1

    def reset(self, name: str) -> None:
        self.resets, self.second, self.says = self.resets + 1, 0.0, self.again

    def forget_install(self, name: str, mark: str, uri: str) -> None:
        self.forgot.append(mark)

    def first_start(self) -> str:
        told: Any = vm_key.answer(captured(str(self.root)), self, "hoth", print, self.wait, self.clock)  # type: ignore[arg-type]
        return str(told)


@pytest.mark.parametrize(
    ("says", "told", "most"),
    [
        ({2: CLEAR + DISK, 6: DISC + QUESTION}, ASKED, 9),
        ({2: DISK, 70: DISC + QUESTION}, ASKED, 73),  # a firmware that takes its time
        ({3: DISK + DISC + "Beliebige Taste...."}, STARTED, 17),
        ({}, WORKING, 120),
    ],
)
def test_enter_is_pressed_until_the_disc_has_it(tmp_path: Path, says: dict[int, str], told: str, most: int) -> None:
    machine = Machine(tmp_path, says)
    assert machine.first_start() == told
    assert (machine.presses, machine.resets) == (most, 0)


def test_pressed_blindly_where_nothing_is_heard(tmp_path: Path) -> None:
    """Of a machine that an older vdesk made, or by a user who may not read libvirt's logs."""
    machine = Machine(tmp_path, {1: DISC}, heard=False)
    assert machine.first_start() == UNKNOWN and machine.presses == 15


@pytest.mark.parametrize("end", [SHELL, NOTHING, NOTHING + MENU])
def test_a_key_that_came_too_late(tmp_path: Path, end: str, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(tmp_path, {1: DISK + DISC, 8: end}, {2: DISK, 3: DISC + QUESTION})
    assert machine.first_start() == ASKED
    assert (machine.resets, machine.presses) == (1, 8 + 6)
    assert "begins again" in capsys.readouterr().out
    (tmp_path / firmware.path("hoth")[1:]).unlink()  # as libvirt does at a start
    twice = Machine(tmp_path, {1: DISK + DISC, 8: end}, {8: DISC + end})
    assert twice.first_start() == STUCK and twice.resets == 1


def test_what_secure_boot_refuses_is_not_tried_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {2: DISK + LOADS + REFUSED, 3: NOTHING})
    assert machine.first_start() == DENIED and (machine.presses, machine.resets) == (3, 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", WORKING), (DISK, WORKING), (LOADS, WORKING), (DISC, STARTED), (DISC + QUESTION, ASKED),
        (DISC + DISK + SHELL, STUCK), (NOTHING, STUCK), (NOTHING + MENU, STUCK),
        (SHELL + "FS0:\\> \\EFI\\BOOT\\BOOTX64\r\n" + QUESTION, ASKED),  # somebody typed it
        (SHELL + DISC.replace("DVD-ROM", "HARDDISK"), STARTED),  # restarted since
        ("Press any key to enter the Boot Manager Menu", WORKING),
        (REFUSED + NOTHING, DENIED), (REFUSED, WORKING), (REFUSED + DISC + QUESTION, ASKED),
    ],
)  # fmt: skip
def test_what_comes_last_counts(words: str, told: str) -> None:
    assert firmware.state(words.replace("\r", "")) == told


def notes_after(machine: Machine, told: str) -> list[str]:
    notes = ["Its screen: virt-viewer", SHELL_NOTE]
    domain = Domain("hoth", "0" * 36, "running", True, XML)
    vm_life.after_key(machine, domain, told, notes)  # type: ignore[arg-type]
    return notes


def test_a_later_start_presses_again_only_where_setup_has_not_begun(tmp_path: Path) -> None:
    for told, forgot, said in (
        (ASKED, 1, "got it"), (STARTED, 1, "If its screen"), (UNKNOWN, 1, "If its screen"), (STUCK, 0, "twice"),
        (DENIED, 0, "Secure Boot"),
    ):  # fmt: skip
        machine = Machine(tmp_path, {})
        notes = notes_after(machine, told)
        assert len(machine.forgot) == forgot and len(notes) == 2 and said in notes[1], told


def test_a_machine_that_ended_and_ctrl_c_are_no_failures(tmp_path: Path) -> None:
    class Ended(Machine):
        def press_enter(self, name: str) -> None:
            if self.says:
                raise KeyboardInterrupt
            raise VdeskError(problem("libvirt.refused", "w", "domain is not running", "d"))

    for machine in (Ended(tmp_path, {}), Ended(tmp_path, {1: DISC})):
        said: list[str] = []
        assert vm_key.pressed(captured(str(tmp_path)), machine, "hoth", said.append) == UNKNOWN  # type: ignore[arg-type]
        assert said == ([] if machine.says else ["domain is not running"])


def test_the_definition_keeps_the_words_where_they_are_looked_for() -> None:
    assert f'<serial type="pty">\n      <log file="{firmware.path("hoth")}" append="off" />' in XML


@pytest.fixture
def machine(tmp_path: Path) -> Host:
    for path, text in (
        ("etc/libvirt/qemu/hoth.xml", XML),
        ("var/log/libvirt/qemu/hoth.log", "2026-11-22 10:10:10.100+0000: starting up libvirt version: 9.0.0\n"),
        ("run/vdesk/kernel.log", "[    0.1] kernel: Linux version 6.12\n"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return captured(str(tmp_path))


def test_doctor_hears_the_firmware(machine: Host) -> None:
    log = firmware.path("hoth")[1:]
    assert [each.id for each in doctor(machine, "hoth").findings if each.level == "fail"] == []
    for words, failures in (
        (DISC + DISK + SHELL, ["doctor.efi-shell"]), (NOTHING, ["doctor.efi-shell"]),
        (REFUSED + NOTHING, ["doctor.secure-boot"]), (SHELL + DISC + QUESTION, []),
        (DISC + "Windows: error, black screen, Code 43, freeze\r\n", []),
    ):  # fmt: skip
        with changed(Path(machine.root), {log: words}):
            report = doctor(machine, "hoth")
        assert [each.id for each in report.findings if each.level == "fail"] == failures, words
        assert f"/{log}" in [each["name"] for each in report.data["sources"]]
        assert "\x1b" not in str(report.as_json())


def test_a_start_that_ends_the_desktop_is_asked_about(tmp_path: Path) -> None:
    class Far:
        uri, far, mock = "qemu+ssh://rack/system", True, False
        xml = XML

        def find(self, name: str) -> Domain:
            return Domain(name, "0" * 36, "shut off", False, self.xml)

        def network(self, name: str) -> tuple[bool, bool]:
            return True, True

    libvirt: Any = Far()
    assert not vm_life.start(captured(str(tmp_path)), libvirt, "hoth").ask
    libvirt.xml = (GOLDEN / "single-gpu.xml").read_text(encoding="utf-8")
    plan = vm_life.start(captured(str(tmp_path)), libvirt, "hoth")
    assert plan.ask and any("no picture" in each and "is lost" in each for each in plan.intro)
    ran = act(plan, captured(str(tmp_path)), Mode(yes=False, ask=lambda report: False))
    assert ran.exit_code == INTERRUPTED


def test_words_that_repeat_a_sign_take_no_time() -> None:
    """The guest writes them: a megabyte of one sign is read in a moment."""
    words = "BdsDxe: loading Boot0001 " * 50_000
    begin = time.process_time()
    assert firmware.last_sign(words)[0] == firmware.WORKING
    assert time.process_time() - begin < 1
