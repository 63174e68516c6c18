"""What others do meanwhile: a second vdesk, a clock that jumps back, a journal that is torn or damaged, a link where a
file was."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.cases import CREATE
from tests.faults.daemon import Daemon
from tests.faults.played import Played, in_child
from tests.faults.steps import counted, stopped_at
from tests.trees import Snapshot, difference
from vdesk.changes import recovery, undoing
from vdesk.changes.executor import Mode
from vdesk.model.report import Report

OWN = ("var/lib/vdesk", "sys/bus/pci/drivers/vfio-pci")
JOURNAL = "var/lib/vdesk/journal"
BIND = ("bind", "01:00.0", "--yes", "--json")
GRUB = "etc/default/grub"


def seen(played: Played) -> Snapshot:
    """All that is not vdesk's own."""
    return {path: entry for path, entry in played.tree().items() if not path.startswith(OWN)}


class Paused:
    """A vdesk that stands still before a step of a command, as one that waits for the kernel does."""

    def __init__(self, played: Played, step: int, *words: str) -> None:
        self.child = os.fork()
        if self.child == 0:
            code = 99
            with suppress(BaseException):
                code = int(str(stopped_at(step, lambda: played.vdesk(*words).code, signal.SIGSTOP)))
            os._exit(code)
        assert os.WIFSTOPPED(os.waitpid(self.child, os.WUNTRACED)[1])

    def go_on(self) -> int:
        """Let it come to its end; the exit code."""
        os.kill(self.child, signal.SIGCONT)
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


# --- two vdesk at once


@pytest.mark.parametrize("line", ["bind 02:00.0 --yes", "bind 02:00.0", "iommu enable --yes", "undo --all --yes"])
def test_two_at_once(line: str, played: Played) -> None:
    """The second changes nothing, says so, and does not take the first for one that was killed."""
    steps = counted(lambda: played.vdesk(*BIND))
    assert played.vdesk("undo", "--yes").code == 0
    played.forget()
    first = Paused(played, len(steps) * 2 // 3, *BIND)
    before = seen(played)
    second = played.vdesk(*line.split(), "--json")
    assert (second.code, second.errors) == (1, ["host.busy"])
    assert not difference(before, seen(played))
    assert first.go_on() == 0
    assert [each["state"] for each in json.loads(played.vdesk("history", "--json").out)["data"]["entries"]] == ["done"]


def test_one_ends_while_the_other_asks(played: Played) -> None:
    """What was open when the question was put, and is finished when it is answered, stays."""
    before = seen(played)
    assert in_child(lambda: stopped_at(30, lambda: played.vdesk(*BIND).code)) == -9
    path = max((played.root / JOURNAL).iterdir())

    def meanwhile(shown: Report) -> bool:
        path.write_bytes(path.read_bytes() + b'{"closed":true}\n')
        return True

    half = seen(played)
    report = recovery.finish_interrupted(played.host(), Mode(ask=meanwhile), "bind")
    assert report is not None and report.exit_code == 0 and report.changes == []
    assert not difference(half, seen(played))
    assert undoing.undo(played.host(), None, True, Mode(yes=True)).exit_code == 0
    assert not difference(before, seen(played))


# --- a clock that jumps back


def test_the_clock_jumps_back_between_commands(played: Played) -> None:
    """What is newest is said by the number of an entry, not by its time."""
    before = seen(played)
    assert played.vdesk("iommu", "enable", "--yes").code == 0
    first = played.root / JOURNAL / "000001.jsonl"
    first.write_text(re.sub(r'"time":"\d+', '"time":"2999', first.read_text()))
    middle = seen(played)
    assert played.vdesk(*BIND).code == 0
    assert played.vdesk("undo", "--yes").code == 0
    assert not difference(middle, seen(played))
    assert played.vdesk("undo", "--yes").code == 0
    assert not difference(before, seen(played))


@pytest.mark.parametrize("files", [[GRUB], ["boot/grub/grub.cfg"], [GRUB, "boot/grub/grub.cfg"]])
def test_files_from_the_future(files: list[str], played: Played) -> None:
    before = seen(played)
    for name in files:
        os.utime(played.root / name, (time.time() + 10**8, time.time() + 10**8))
    assert played.vdesk("iommu", "enable", "--yes").code == 0
    for name in files:
        os.utime(played.root / name, (0, 0))
    assert played.vdesk("undo", "--yes").code == 0
    assert not difference(before, seen(played))


def test_the_clock_jumps_back_while_a_disk_is_made(played: Played, libvirtd: Daemon) -> None:
    """Killed there, its disk seems older than the intent to make it: not taken for vdesk's own, and named."""
    words = (*CREATE.split(), "--connect", libvirtd.test, "--yes")
    names = counted(lambda: played.vdesk(*words))
    assert played.vdesk("undo", "--yes").code == 0
    played.forget()
    disk = played.root / "var/lib/libvirt/images/hoth.img"
    before = seen(played)
    made = next(number for number in range(1, len(names)) if _killed_with(played, number, words, disk))
    assert made
    os.utime(disk, (0, 0))
    ended = played.vdesk("undo", "--yes", "--json")
    assert (ended.code, ended.errors) == (5, ["undo.disk-used"])
    disk.unlink()
    assert played.vdesk("undo", "--yes").code == 0
    assert not difference(before, seen(played))


def _killed_with(played: Played, number: int, words: tuple[str, ...], disk: Path) -> bool:
    assert in_child(lambda: stopped_at(number, lambda: played.vdesk(*words).code)) == -9
    if not disk.exists():
        assert played.vdesk("undo", "--yes").code == 0
    return disk.exists()


# --- a journal that is torn, or damaged


TAILS = {
    "nothing": b"",
    "half a line": b'{"seq":1,"state":"inte',
    "a line without its end": b'{"seq":0,"state":"done"}',
    "zeros, as a file system leaves them": b"\0" * 600,
    "nonsense": b"\xff\xfe{]\n",
    "lines that say nothing": b"{}\nnull\n[]\n7\n",
}


@pytest.mark.parametrize("tail", TAILS)
def test_a_torn_journal(tail: str, played: Played) -> None:
    """Killed in each of its writes: the record that was under way is not whole, and what it announces not done."""
    (played.root / "sys/bus/pci/drivers/vfio-pci").mkdir()
    before = seen(played)
    names = counted(lambda: played.vdesk(*BIND))
    played.vdesk("undo", "--yes")
    for number in (number for number, name in enumerate(names, 1) if name == "write"):
        played.forget()
        assert in_child(lambda number=number: stopped_at(number, lambda: played.vdesk(*BIND).code)) == -9  # type: ignore[misc]
        (path,) = (played.root / JOURNAL).iterdir()
        written = path.read_bytes()
        path.write_bytes(written + TAILS[tail])
        assert played.vdesk("bind", "02:00.0", "--json").code in (2, 3)
        foreign = not written and tail not in ("nothing", "zeros, as a file system leaves them")
        assert played.vdesk("undo", "--yes").code == (5 if foreign else 0)
        assert not difference(before, seen(played))


def test_an_empty_and_a_foreign_file_in_the_journal(played: Played) -> None:
    (played.root / JOURNAL).mkdir(parents=True)
    (played.root / JOURNAL / "000007.jsonl").write_bytes(b"")
    (played.root / JOURNAL / "notes.txt").write_text("mine")
    before = seen(played)
    assert played.vdesk(*BIND).code == 0
    assert sorted(each.name for each in (played.root / JOURNAL).iterdir())[1] == "000008.jsonl"
    assert played.vdesk("undo", "--all", "--yes").code == 0
    assert not difference(before, seen(played))


# --- a link where a file was


def test_a_link_to_where_the_file_really_is(played: Played) -> None:
    """What a person keeps elsewhere is edited there; the link stays a link, before and after the undo."""
    (played.root / "srv").mkdir()
    (played.root / GRUB).rename(played.root / "srv/grub")
    (played.root / GRUB).symlink_to("../../srv/grub")
    before = seen(played)
    assert played.vdesk("iommu", "enable", "--yes").code == 0
    assert sorted(difference(before, seen(played)).changed) == ["boot/grub/grub.cfg", "srv/grub"]
    assert played.vdesk("undo", "--yes").code == 0
    assert not difference(before, seen(played))


def test_a_link_put_there_since(played: Played) -> None:
    """Its content is not what vdesk wrote: it stays, and so does what it leads to."""
    assert played.vdesk("iommu", "enable", "--yes").code == 0
    (played.root / "etc/other").write_text("another's\n")
    (played.root / GRUB).unlink()
    (played.root / GRUB).symlink_to("../other")
    ended = played.vdesk("undo", "--yes", "--json")
    assert (ended.code, ended.errors) == (5, ["undo.changed-since"])
    assert (played.root / "etc/other").read_text() == "another's\n"
    assert (played.root / GRUB).is_symlink()


@pytest.mark.parametrize("target", ["nowhere", "/etc/libvirt", "50-vdesk", "../../../../../../etc/passwd"])
def test_a_link_at_a_new_file_s_place(target: str, played: Played) -> None:
    """The hook's place is taken by a link that leads to nothing, to a folder, to itself, to another's file."""
    place = played.root / "etc/libvirt/hooks/qemu.d/50-vdesk"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    before = seen(played)
    ended = played.vdesk("hook", "install", "--yes", "--json")
    assert ended.code in (0, 1, 3) and (ended.code == 0 or ended.errors)
    assert (ended.code, ended.errors) == ((3, ["file.link"]) if target in ("nowhere",) else (ended.code, ended.errors))
    if ended.code:
        assert not difference(before, seen(played))
    assert played.vdesk("undo", "--all", "--yes").code == 0
    assert not difference(before, seen(played))


def test_a_link_where_the_hook_was(played: Played) -> None:
    """What `hook remove` would take away is a link by now: it stays."""
    place = played.root / "etc/libvirt/hooks/qemu.d/50-vdesk"
    assert played.vdesk("hook", "install", "--yes").code == 0
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")
    before = seen(played)
    ended = played.vdesk("hook", "remove", "--yes", "--json")
    assert (ended.code, ended.errors) == (3, ["file.link"])
    assert not difference(before, seen(played))
