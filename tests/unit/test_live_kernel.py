"""Writes that the kernel holds back. A FIFO nobody reads blocks its writer as a driver that does not let go does."""

from __future__ import annotations

import fcntl
import os
import pathlib
import signal
import subprocess
import sys
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


def children() -> list[int]:
    """The children of this process (proc(5), /proc/PID/task/TID/children)."""
    return [int(word) for word in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def test_one_child_does_it_all_and_another_what_comes_after_it(root: pathlib.Path) -> None:
    kernel, before = LiveKernel(Tree(str(root))), set(children())
    for text in ("vfio-pci\n", "snd_hda_intel\n"):
        kernel.write(f"{DEVICE}/driver_override", text, 5.0)
        assert kernel.read(f"{DEVICE}/driver_override", 5.0) == text
    (first,) = set(children()) - before
    with pytest.raises(TimedOut, match=f"process {first} waits"):
        kernel.write(f"{DEVICE}/driver/unbind", "0000:01:00.1", 0.1)
    kernel.write(f"{DEVICE}/driver_override", "vfio-pci-of-others\n", 5.0)
    (second,) = set(children()) - before - {first}
    assert let_go(root) == "0000:01:00.1"
    assert kernel.settled("0000:01:00.1")
    assert set(children()) - before == {second}, "the stuck one ends when the kernel lets it"
    os.kill(second, signal.SIGKILL)
    os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
    with pytest.raises(HostError, match="signal 9"):
        kernel.write(f"{DEVICE}/driver_override", "x", 5.0)
    kernel.write(f"{DEVICE}/driver_override", "y", 5.0)
    assert (root / DEVICE / "driver_override").read_text().startswith("y")


def test_the_child_ends_with_its_parent(root: pathlib.Path) -> None:
    """Also where the parent was killed: nobody is there to ask."""
    code = f"""
import os
from vdesk.host.sysfs import LiveKernel
from vdesk.host.tree import Tree
LiveKernel(Tree({str(root)!r})).write("{DEVICE}/driver_override", "x", 5.0)
print(open(f"/proc/self/task/{{os.getpid()}}/children").read(), flush=True)
os.kill(os.getpid(), 9)
"""
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout)
    for _ in range(100):
        if not os.path.exists(f"/proc/{child}/cmdline") or not pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
            return  # gone, or nothing but its exit status
        time.sleep(0.05)
    raise AssertionError(f"{child} is still there")


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
    kernel.write(f"{DEVICE}/driver_override", "1", 5.0)
    assert (root / DEVICE / "driver_override").read_text() == "1null)\n"


@pytest.mark.parametrize("name", ["power/control", "enable"])
def test_waking_a_dead_card_has_an_end(root: pathlib.Path, name: str) -> None:
    kernel, place = LiveKernel(Tree(str(root))), root / DEVICE / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    with pytest.raises(TimedOut):
        kernel.write(f"{DEVICE}/{name}", "on", 0.1)
    with place.open() as held:
        assert held.read() == "on"
    assert kernel.settled("0000:01:00.1")


def test_reading_what_waits_for_the_device(root: pathlib.Path) -> None:
    kernel = LiveKernel(Tree(str(root)))
    assert kernel.read(f"{DEVICE}/driver_override", 5.0) == "(null)\n"
    assert kernel.read(f"{DEVICE}/sriov_numvfs", 5.0) is None
    os.mkfifo(root / DEVICE / "sriov_numvfs")
    with pytest.raises(TimedOut, match="read"):
        kernel.read(f"{DEVICE}/sriov_numvfs", 0.1)
    (root / DEVICE / "sriov_numvfs").open("w").close()
    assert kernel.settled("0000:01:00.1")


def test_the_child_is_not_interrupted(root: pathlib.Path) -> None:
    """Ctrl-C and an end asked for politely are its parent's: what was begun is finished."""
    kernel, before = LiveKernel(Tree(str(root))), set(children())
    kernel.write(f"{DEVICE}/driver_override", "x", 5.0)
    (child,) = set(children()) - before
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(child, number)
    kernel.write(f"{DEVICE}/driver_override", "y", 5.0)
    assert set(children()) - before == {child}
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
