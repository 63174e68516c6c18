"""Writes that the kernel holds back. A FIFO nobody reads blocks its writer as a driver that does not let go does."""

from __future__ import annotations

import fcntl
import os
import pathlib
import time

import pytest

from vdesk.host.sysfs import LiveKernel
from vdesk.host.tree import Tree
from vdesk.model.errors import Absent, Denied, HostError, TimedOut

DEVICE = "sys/bus/pci/devices/0000:01:00.1"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """One device; its `unbind` is held."""
    folder = tmp_path / DEVICE
    (folder / "driver").mkdir(parents=True)
    for name in ("driver_override", "enable"):
        (folder / name).write_text("(null)\n")
    (tmp_path / "sys/bus/pci/drivers_probe").write_text("")
    os.mkfifo(folder / "driver/unbind")
    return tmp_path


def let_go(root: pathlib.Path) -> str:
    """Read what the stuck writer wanted to write: it returns."""
    with open(root / DEVICE / "driver/unbind") as held:
        return held.read()


def wait_for(path: pathlib.Path, text: str) -> None:
    for _ in range(100):
        if path.read_text() == text:
            return
        time.sleep(0.05)
    raise AssertionError(path.read_text())


def test_a_writer_that_is_held_back_does_not_hold_vdesk(root: pathlib.Path) -> None:
    kernel = LiveKernel(Tree(str(root)))
    lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    late = [(f"{DEVICE}/driver_override", "snd_hda_intel"), ("sys/bus/pci/drivers_probe", "0000:01:00.1")]
    started = time.monotonic()
    with pytest.raises(TimedOut, match="unbind") as error:
        kernel.write(f"{DEVICE}/driver/unbind", "0000:01:00.1", 0.1, late)
    assert time.monotonic() - started < 5
    assert "process" in error.value.cause
    assert not kernel.settled("0000:01:00.1") and kernel.settled("0000:01:00.0")
    os.close(lock)
    again = os.open(root / "lock", os.O_RDWR)
    fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the stuck child has not kept the lock
    os.close(again)
    assert (root / DEVICE / "driver_override").read_text() == "(null)\n"
    assert let_go(root) == "0000:01:00.1"
    wait_for(root / DEVICE / "driver_override", "snd_hda_intel")
    wait_for(root / "sys/bus/pci/drivers_probe", "0000:01:00.1")
    assert kernel.settled("0000:01:00.1")


def test_in_time_nothing_is_written_late(root: pathlib.Path) -> None:
    kernel = LiveKernel(Tree(str(root)))
    kernel.write(f"{DEVICE}/driver_override", "vfio-pci\n", 5.0, [("sys/bus/pci/drivers_probe", "x")])
    assert (root / DEVICE / "driver_override").read_text() == "vfio-pci\n"
    assert (root / "sys/bus/pci/drivers_probe").read_text() == ""
    assert kernel.settled("0000:01:00.1")


def test_what_the_kernel_answers_comes_through_the_child(root: pathlib.Path) -> None:
    kernel = LiveKernel(Tree(str(root)))
    with pytest.raises(Absent):
        kernel.write(f"{DEVICE}/bind", "x", 5.0)
    (root / DEVICE / "remove").mkdir()
    with pytest.raises(HostError, match="EISDIR") as error:
        kernel.write(f"{DEVICE}/remove", "x", 5.0)
    assert not isinstance(error.value, Absent | Denied)
    kernel.write(f"{DEVICE}/enable", "1", 5.0)
    assert (root / DEVICE / "enable").read_text() == "1null)\n"


def test_reading_what_waits_for_the_device(root: pathlib.Path) -> None:
    kernel = LiveKernel(Tree(str(root)))
    assert kernel.read(f"{DEVICE}/driver_override", 5.0) == "(null)\n"
    assert kernel.read(f"{DEVICE}/sriov_numvfs", 5.0) is None
    os.mkfifo(root / DEVICE / "sriov_numvfs")
    with pytest.raises(TimedOut, match="read"):
        kernel.read(f"{DEVICE}/sriov_numvfs", 0.1)
    (root / DEVICE / "sriov_numvfs").open("w").close()
    assert kernel.settled("0000:01:00.1")
