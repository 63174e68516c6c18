"""What a killed hook or daemon has left, given back by a person: the release, while the machine is off."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import CARD, SOUND, STATE, UUID, call, domain, drivers, log, machine, process, small, written
from tests.machines.parts import Link, Tree
from vdesk.libvirt_hook.phases import by_hand
from vdesk.libvirt_hook.state import own_folder


def test_given_back_by_hand(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a killed libvirtd never released, and once more: there is nothing then."""
    found = machine(memory, small() | process(78, "qemu-system-x86"))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    other = UUID[:-1] + "2"
    (memory / "proc/78/cmdline").write_bytes(f"qemu\0-uuid\0{other}\0-name\0{UUID}\0".encode())
    for _ in range(2):
        assert by_hand(found, UUID) == 0 and f"nothing is taken for {UUID}" in capfd.readouterr().out
        assert drivers(found) == ["", "snd_hda_intel"] and not found.exists(STATE)
    assert f"{UUID} give-back: {SOUND}: vfio-pci -> snd_hda_intel" in log(found)


def test_not_by_hand_while_it_runs(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nor while another phase is at work."""
    found = machine(memory, small() | process(78, "qemu-system-x86"))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    (memory / "proc/78/cmdline").write_bytes(f"qemu\0-uuid\0{UUID}\0".encode())
    assert by_hand(found, UUID) == 1 and "the virtual machine runs (process 78)" in capfd.readouterr().err
    (memory / "proc/78/cmdline").write_bytes(b"")
    lock = own_folder(found)
    found.started = time.monotonic() - 60
    assert by_hand(found, UUID) == 1 and "are being moved just now" in capfd.readouterr().err
    os.close(lock)
    assert drivers(found) == ["vfio-pci", "vfio-pci"] and found.exists(STATE)


def qemu(pid: int, uid: str, program: str) -> Tree:
    """A process with the words of the machine's QEMU."""
    status = f"Name:\tx\nUid:\t{uid}\n" if uid else ""
    tree: Tree = {f"proc/{pid}/cmdline": f"{program}\0-uuid\0{UUID}\0", f"proc/{pid}/status": status}
    return tree | {f"proc/{pid}/exe": Link(f"../../{program}"), program: ""}


SAME = "1000\t0\t0\t0"  # somebody who runs a program that becomes root
REAL, OWN = "usr/bin/qemu-system-x86_64", "home/desk/bin/qemu-system-x86_64"


@pytest.mark.parametrize(
    ("uid", "program", "runs"),
    [
        ("64055\t64055", "usr/bin/x", True),
        ("0\t0", "usr/bin/x", True),
        ("1000\t1000", REAL, True),
        ("1000\t1000", "usr/libexec/qemu-kvm", True),
        ("1000\t1000", "nix/.qemu-system-x86_64-wrapped", True),
        ("", "usr/bin/x", True),
        ("1000\t1000", "usr/bin/sleep", False),
        (SAME, "usr/bin/sudo", False),
        ("4242\t4242", "usr/bin/x", False),
    ],
)
def test_whose_process_it_is(uid: str, program: str, runs: bool, memory: Path) -> None:
    """Words that anybody can give a process of theirs keep nothing from being given back."""
    tree = small() | qemu(78, uid, program)
    found = machine(memory, tree | {"etc/passwd": "libvirt-qemu:x:64055:64055::/:/bin/false\n"})
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert by_hand(found, UUID) == (1 if runs else 0)
    assert found.exists(STATE) is runs


def test_a_program_of_another_s_is_no_qemu(memory: Path) -> None:
    """Whatever it is called; only root can lay one out that is not its own."""
    found = machine(memory, small() | qemu(78, "1000", OWN))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    if os.geteuid() == 0:
        os.chown(memory / OWN, 1000, 1000)
    assert by_hand(found, UUID) == (1 if os.geteuid() else 0)


@pytest.mark.parametrize("uuid", ["", "../../etc/x", "*", UUID + "\n"])
def test_by_hand_for_what_is_no_uuid(uuid: str, memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory)
    assert by_hand(found, uuid) == 1 and "no uuid of a virtual machine" in capfd.readouterr().err
    assert written(found) == []
