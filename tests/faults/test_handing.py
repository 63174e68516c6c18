"""What root writes into the folder of another: with whose rights, and what a folder that is swapped meanwhile loses."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.apart import apart, over
from tests.machines.builder import build
from tests.trees import difference, snapshot
from vdesk.cli import run
from vdesk.host.handing import save, save_folder
from vdesk.host.unpack import private_folder, remove_folder
from vdesk.model.errors import HostError, VdeskError

NOBODY = 65534
ROOT = os.geteuid() == 0
ME = NOBODY if ROOT else os.geteuid()
"""Who is behind sudo; where the tests are not root's, nobody is."""


@pytest.fixture
def place(memory: Path) -> Iterator[Path]:
    """A folder of the caller's beside one that is root's alone, with something in it."""
    memory.chmod(0o755)
    (memory / "theirs").mkdir()
    (memory / "roots").mkdir(mode=0o700)
    (memory / "roots/precious").mkdir()
    (memory / "roots/precious/file").write_text("precious")
    if ROOT:
        os.chown(memory / "theirs", ME, ME)
        os.environ.update(SUDO_UID=str(ME), SUDO_GID=str(ME))
    yield memory
    for name in ("SUDO_UID", "SUDO_GID"):
        os.environ.pop(name, None)


def refused(work: Callable[[], object]) -> bool:
    with suppress(VdeskError):
        work()
        return False
    return True


def test_it_is_the_callers(place: Path) -> None:
    assert save(str(place / "theirs/page.html"), b"page")
    assert not save(str(place / "theirs/page.html"), b"other")
    assert save_folder(str(place / "theirs/machine"), {"etc/a/b": b"x"}, {"sys/l": "../etc"}, {"proc/1"})
    assert not save_folder(str(place / "theirs/machine"), {"etc/c": b"x"}, {}, set())
    found = {str(each.relative_to(place / "theirs")): each.lstat() for each in (place / "theirs").rglob("*")}
    assert sorted(found) == ["machine", "machine/etc", "machine/etc/a", "machine/etc/a/b", "machine/proc",
                             "machine/proc/1", "machine/sys", "machine/sys/l", "page.html"]  # fmt: skip
    assert {(each.st_uid, each.st_gid) for each in found.values()} == {(ME, ME if ROOT else os.getegid())}
    assert found["page.html"].st_mode & 0o777 == 0o644 and found["machine"].st_mode & 0o777 == 0o755
    assert (place / "theirs/page.html").read_bytes() == b"page"


def test_a_link_into_a_folder_that_is_not_the_callers(place: Path) -> None:
    """By way of a link of the caller's, root writes nothing where the caller could not."""
    (place / "theirs/link").symlink_to(place / "roots")
    (place / "roots").chmod(0o500)
    root = str(build("debian", place / "captured"))
    before = snapshot(place)
    assert refused(lambda: save(str(place / "theirs/link/page.html"), b"x"))
    assert refused(lambda: save_folder(str(place / "theirs/link/machine"), {"a": b"x"}, {}, set()))
    assert run(["--root", root, "report", "-o", str(place / "theirs/link/page.html")]) == 1
    assert not difference(before, snapshot(place))
    assert run(["--root", root, "report", "-o", str(place / "theirs/page.html")]) == 0
    (place / "roots").chmod(0o700)


def test_where_root_alone_can_write_it_is_roots(place: Path) -> None:
    """As in a shell that `sudo -i` began, whose folder is /root."""

    def write() -> list[tuple[str, int]]:
        folder = place / "roots" / "home"
        folder.mkdir(exist_ok=True)
        over(folder, "/mnt")
        assert save("/mnt/page.html", b"page") and save_folder("/mnt/machine", {"a": b"x"}, {}, set())
        return sorted((each.name, each.lstat().st_uid) for each in Path("/mnt").iterdir())

    assert apart(write) == [("machine", 0), ("page.html", 0)]


class Swapping:
    """Another process, whose folder it is, that swaps every folder that appears there for a link."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.child = os.fork()
        if self.child == 0:
            with suppress(BaseException):
                if ROOT:
                    os.setresgid(NOBODY, NOBODY, NOBODY)
                    os.setresuid(NOBODY, NOBODY, NOBODY)
                end = time.monotonic() + 30
                while time.monotonic() < end:
                    for name in os.listdir(folder):
                        if not os.path.islink(folder / name) and not name.startswith("moved"):
                            with suppress(OSError):
                                os.rename(folder / name, folder / f"moved-{time.monotonic_ns()}")
                                os.symlink(target, folder / name)
            os._exit(0)

    def end(self) -> None:
        os.kill(self.child, 9)
        os.waitpid(self.child, 0)


@pytest.mark.parametrize("sudo", [True, False])
def test_a_folder_swapped_for_a_link(sudo: bool, place: Path) -> None:
    """Neither given away nor emptied: what the link leads to is as it was, with its owners."""
    if not sudo:
        os.environ.pop("SUDO_UID", None)
    files = {f"etc/{number}": b"x" for number in range(300)}
    before = snapshot(place / "roots")
    owners = {each: each.stat().st_uid for each in (place / "roots").rglob("*")}
    swapping = Swapping(place / "theirs", place / "roots/precious")
    try:
        for number in range(15):
            with suppress(HostError):
                save_folder(str(place / f"theirs/machine{number}"), files, {}, set())
    finally:
        swapping.end()
    assert not difference(before, snapshot(place / "roots"))
    assert owners == {each: each.stat().st_uid for each in (place / "roots").rglob("*")}


def test_what_failed_is_taken_away(place: Path) -> None:
    before = snapshot(place / "theirs")
    assert refused(lambda: save_folder(str(place / "theirs/machine"), {"a": b"", "a/b": b""}, {}, set()))
    assert refused(lambda: save_folder(str(place / "theirs/x/machine"), {"a": b""}, {}, set()))
    assert not difference(before, snapshot(place / "theirs"))


# --- the folder that an archive is unpacked in


def test_root_unpacks_where_nobody_else_can_write(place: Path) -> None:
    os.environ.update(TMPDIR=str(place / "theirs"), XDG_RUNTIME_DIR=str(place / "theirs"))
    try:
        folder = private_folder()
    finally:
        del os.environ["TMPDIR"], os.environ["XDG_RUNTIME_DIR"]
    try:
        assert (Path(folder).parent == place / "theirs") is not ROOT
        assert not ROOT or folder.startswith(("/dev/shm/", "/tmp/"))
    finally:
        remove_folder(folder)
    assert not os.path.exists(folder)


def test_a_link_in_the_place_of_an_unpacked_folder(place: Path) -> None:
    (place / "theirs/vdesk-demo-1").symlink_to(place / "roots/precious")
    remove_folder(str(place / "theirs/vdesk-demo-1"))
    assert (place / "roots/precious/file").exists()


def test_a_folder_deeper_than_anything_can_be_open(place: Path) -> None:
    top = place / "theirs/deep"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1900):
        os.mkdir("d", dir_fd=here)
        os.symlink("/", "link", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    remove_folder(str(top))
    assert not top.exists()
