"""Full disks, read-only folders, missing folders, files that cannot be replaced: exit code 1 and everything as before,
or exit code 0 and all of it undone; never half."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.apart import apart, more_room, read_only, small_disk, writable
from tests.faults.played import Played
from tests.trees import Snapshot, difference

# What each writes to: without its own folder nothing is done at all.
TOUCHED = {
    "iommu enable --igfx-off": ("etc", "boot", "var", "var/lib", "etc/default"),
    "bind 01:00.0": ("var", "var/lib"),
    "hook install": ("etc", "var", "var/lib", "etc/libvirt/hooks"),
}
LINES = tuple(TOUCHED)
OWN = ("var/lib/vdesk", "sys/bus/pci/drivers/vfio-pci")


def seen(played: Played) -> Snapshot:
    """All that is not vdesk's own."""
    return {path: entry for path, entry in played.tree().items() if not path.startswith(OWN)}


def put_back(played: Played, before: Snapshot, after: Callable[[], object] = lambda: None) -> None:
    """The machine is as before; and again so after an undo with room, whatever the journal could still say."""
    assert not difference(before, seen(played))
    after()
    ended = played.vdesk("undo", "--all", "--yes", "--json")
    assert ended.code == 0, ended
    assert not difference(before, seen(played))


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("place", ["var/lib", "etc", "boot"])
@pytest.mark.parametrize("scarce", ["blocks", "files"])
def test_a_disk_that_fills_up(scarce: str, place: str, line: str, memory: Path) -> None:
    """From a disk with no room at all to the first that has enough: every write fails once."""
    codes: list[int] = []
    while 0 not in codes:
        number = len(codes)
        assert number < 30
        played = Played(memory / str(number))
        code, errors = apart(partial(_on_a_small_disk, played, place, line, scarce, number))
        codes.append(code)
        assert code == 0 or (code == 1 and set(errors) <= {"host.full", "command.failed"}), errors
        shutil.rmtree(memory / str(number))
    assert (len(codes) > 1) is (place in TOUCHED[line]), codes


def _on_a_small_disk(played: Played, place: str, line: str, scarce: str, number: int) -> tuple[int, list[str]]:
    folder = played.root / place
    small_disk(folder, *((number, 10_000) if scarce == "blocks" else (10_000, number)))
    before = seen(played)
    ended = played.vdesk(*line.split(), "--yes", "--json")
    if ended.code:
        put_back(played, before, lambda: more_room(folder))
        assert played.vdesk(*line.split(), "--yes").code == 0
    assert played.vdesk("undo", "--all", "--yes").code == 0
    assert not difference(before, seen(played))
    return ended.code, ended.errors


def test_undo_on_a_full_disk(memory: Path) -> None:
    """The machine is taken back although its journal cannot say so, or stays and is taken back with room."""

    def tried(number: int) -> int:
        played = Played(memory / str(number))
        before = seen(played)
        for line in LINES:
            assert played.vdesk(*line.split(), "--yes").code == 0
        small_disk(played.root / "var/lib", number)
        ended = played.vdesk("undo", "--all", "--yes", "--json")
        assert ended.code in (0, 5), ended
        assert not difference(before, seen(played))
        more_room(played.root / "var/lib")
        assert played.vdesk("undo", "--all", "--yes").code == 0
        assert not difference(before, seen(played))
        return ended.code

    assert [apart(partial(tried, number)) for number in range(3)][-1] == 0


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("place", ["etc", "boot", "var", "etc/default", "etc/libvirt/hooks"])
def test_a_read_only_folder(place: str, line: str, played: Played) -> None:
    before = seen(played)

    def tried() -> tuple[int, list[str]]:
        read_only(played.root / place)
        ended = played.vdesk(*line.split(), "--yes", "--json")
        assert played.vdesk("check").code in (0, 3), "looking needs no writing"
        if ended.code:
            put_back(played, before, lambda: writable(played.root / place))
        return ended.code, ended.errors

    code, errors = apart(tried)
    if place in TOUCHED[line]:
        assert code == 1 and set(errors) <= {"host.read-only", "command.failed"}, errors
    else:
        assert code == 0


MISSING = ("etc", "etc/default", "etc/libvirt", "boot/grub", "var", "var/lib")


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("place", MISSING)
def test_a_missing_folder(place: str, line: str, played: Played) -> None:
    """A folder that vdesk makes goes with the undo; one that it cannot do without is a refusal."""
    shutil.rmtree(played.root / place)
    before = seen(played)
    ended = played.vdesk(*line.split(), "--yes", "--json")
    assert ended.code in (0, 1, 3), ended
    if ended.code:
        assert ended.errors
        assert not difference(before, seen(played))
    assert played.vdesk("undo", "--all", "--yes").code == 0
    left = difference(before, seen(played))
    assert left.added in ([], ["var"], ["var", "var/lib"], ["var/lib"]) and not left.removed + left.changed, left


@pytest.mark.parametrize("name", ["etc/default/grub", "boot/grub/grub.cfg"])
def test_a_file_that_cannot_be_replaced(name: str, played: Played, tmp_path: Path) -> None:
    """`chattr +i` where this user may and the file system can, a mount over the file elsewhere."""
    before = seen(played)

    def tried() -> tuple[int, list[str]]:
        free = _immutable(played.root / name)
        try:
            ended = played.vdesk("iommu", "enable", "--igfx-off", "--yes", "--json")
            assert not difference(before, seen(played))
        finally:
            free()
        put_back(played, before)
        return ended.code, ended.errors

    code, errors = apart(tried)
    assert code == 1 and errors[0] in ("host.denied", "host.busy", "host.read-only"), errors


def _immutable(path: Path) -> Callable[[], object]:
    """Make it so; how to end it."""
    if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode == 0:
        return partial(subprocess.run, ["chattr", "-i", path], check=True)
    read_only(path)
    return partial(writable, path)
