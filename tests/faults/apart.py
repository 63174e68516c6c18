"""A place apart: a process with mounts of its own, where a disk can be full and a folder read-only, without root."""

from __future__ import annotations

import ctypes
import os
import pickle
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000


def apart(action: Callable[[], Result]) -> Result:
    """What the action returns, from a child whose mounts nobody else sees; its failure is the test's."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        found: tuple[bool, object] = False, "no answer"
        try:
            os.close(reader)
            _leave()
            found = True, action()
        except BaseException:
            found = False, traceback.format_exc()
        finally:
            os.write(writer, pickle.dumps(found))
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        fine, result = pickle.loads(file.read())
    os.waitpid(child, 0)
    assert fine, result
    return result  # type: ignore[no-any-return]


def _call(name: str, *words: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*words):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{words}: {os.strerror(number)}")


def _leave() -> None:
    """Into a name space of mounts; who is not root becomes it in a name space of users."""
    user, group = os.geteuid(), os.getegid()
    _call("unshare", NEW_MOUNTS | (NEW_USER if user else 0))
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _call("mount", b"none", b"/", None, RECURSIVE | PRIVATE, None)


def small_disk(place: Path, blocks: int, files: int = 10_000) -> None:
    """Put the folder on a disk of its own of so many pages and files, beside what is in it already."""
    kept = place.with_name(place.name + ".kept")
    shutil.copytree(place, kept, symlinks=True)
    room = sum(-(-each.lstat().st_size // 4096) for each in kept.rglob("*") if each.is_file())
    there = sum(1 for each in kept.rglob("*")) + 1
    options = f"nr_blocks={room + blocks},nr_inodes={there + files},mode=755"
    _call("mount", b"none", os.fsencode(place), b"tmpfs", 0, options.encode())
    shutil.copytree(kept, place, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(kept)


def more_room(place: Path) -> None:
    """The disk is large now."""
    _call("mount", b"none", os.fsencode(place), None, REMOUNT, b"nr_blocks=0,nr_inodes=0")


def read_only(place: Path) -> None:
    """Nothing can be written there, to a folder or to a file."""
    where = os.fsencode(place)
    _call("mount", where, where, None, BIND | RECURSIVE, None)
    _call("mount", b"none", where, None, BIND | REMOUNT | READ_ONLY, None)


def writable(place: Path) -> None:
    """As it was before."""
    _call("umount2", os.fsencode(place), 0)


def over(place: Path, target: str) -> None:
    """Let a folder of this machine be that one."""
    _call("mount", os.fsencode(place), target.encode(), None, BIND | RECURSIVE, None)
