"""Whoever else builds an initramfs: what a killed vdesk has begun, a person, a package manager."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from collections.abc import Callable
from fcntl import F_SETLK, F_WRLCK, fcntl
from pathlib import Path

import pytest

from tests.faults.played import in_child
from tests.unit.test_boot_image import YES
from tests.unit.test_boot_in_place import Dracut, undone
from vdesk.changes import undoing
from vdesk.host.lock import FLOCK
from vdesk.model.errors import Busy, Refused


@pytest.fixture
def dracut(memory: Path) -> Dracut:
    """Two kernels with an image each."""
    return Dracut(memory)


def test_a_builder_that_outlives_vdesk(dracut: Dracut) -> None:
    """kill -9 of vdesk leaves it writing: the next vdesk touches nothing until it has ended, and names it."""
    dracut.dracut("kill -9 $PPID; touch ROOT/writing; while [ ! -e ROOT/go ]; do sleep 0.02; done")
    assert in_child(lambda: dracut.bind().exit_code) == -9
    until(lambda: (dracut.root / "writing").exists())
    with pytest.raises(Busy, match=r"dracut \(process \d+\)") as raised:
        undone(dracut)
    assert "wait until it has ended" in raised.value.problems[0].remedy
    (dracut.root / "go").touch()
    until(lambda: _is_free(dracut))
    assert undone(dracut) == 0 and dracut.are() == ["old\n", "old\n"] and not dracut.leftovers()


def _is_free(dracut: Dracut) -> bool:
    asked = ["flock", "-n", str(dracut.root / "var/lib/vdesk/lock"), "true"]
    return subprocess.run(asked, check=False).returncode == 0


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and not is_so():
        time.sleep(0.02)


def test_what_is_not_a_builder_does_not_keep_the_lock(dracut: Dracut) -> None:
    """A service that a program begins would hold it until the next boot."""
    dracut.program("systemctl", "sleep 3 > /dev/null 2>&1 & exit 0")
    assert dracut.bind().exit_code == 0 and undone(dracut) == 0


@pytest.mark.parametrize("name", ["dracut", "update-initramf", "mkinitramfs", "mkinitcpio"])
def test_a_builder_of_others(dracut: Dracut, name: str) -> None:
    """Refused before anything is done; undo waits too."""
    assert dracut.bind().exit_code == 0
    (dracut.root / "proc/4711").mkdir(parents=True)
    (dracut.root / "proc/4711/comm").write_text(f"{name}\n")
    with pytest.raises(Refused, match=rf"{name} \(process 4711\)"):
        dracut.unbind()
    report = undoing.undo(dracut.host, None, True, YES)
    assert report.exit_code == 5 and [each.id for each in report.errors] == ["initramfs.busy"]
    (dracut.root / "proc/4711/comm").unlink()
    assert undone(dracut) == 0 and dracut.are() == ["usr\n", "usr\n"]


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_package_manager_at_work(dracut: Dracut) -> None:
    """dpkg's lock is held: its triggers build images."""
    lock = dracut.root / "var/lib/dpkg/lock-frontend"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    argv = ["/usr/bin/python3", "-c", HOLDER, str(lock)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        before = dracut.since()
        with pytest.raises(Refused, match=rf"packages are being .*process {holder.pid}\)"):
            dracut.bind()
        assert dracut.since() == before
        holder.communicate()
    assert dracut.bind().exit_code == 0


def test_the_package_manager_that_waits_for_this_vdesk(dracut: Dracut) -> None:
    """apt removes the package, and its script takes the binding back."""
    lock = dracut.root / "var/lib/dpkg/lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl(handle, F_SETLK, struct.pack(FLOCK, F_WRLCK, os.SEEK_SET, 0, 0, 0))
        assert in_child(lambda: dracut.bind().exit_code) == 0
    finally:
        os.close(handle)
