"""What a killed hook or daemon has left, given back by a person: the release, while the machine is off."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import CARD, SOUND, STATE, UUID, call, domain, drivers, log, machine, process, small, written
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


@pytest.mark.parametrize("uuid", ["", "../../etc/x", "*", UUID + "\n"])
def test_by_hand_for_what_is_no_uuid(uuid: str, memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory)
    assert by_hand(found, uuid) == 1 and "no uuid of a virtual machine" in capfd.readouterr().err
    assert written(found) == []
