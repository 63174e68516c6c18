"""One vdesk at a time: an advisory lock that ends with the process, and with the programs that were given it."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from vdesk.host.host import Host
from vdesk.host.placing import placed
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import Busy, Outlived

FLOCK = "hhqqi"  # struct flock of fcntl(2), on 64 bits: type, whence, start, length, pid
UNLOCKED = fcntl.F_UNLCK


@contextmanager
def locked(host: Host, path: str) -> Iterator[None]:
    """Hold the lock file at `path`; Busy when another process holds it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with placed(host.tree, path, follow=not host.tree.own) as (folder, name):
        handle = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise _busy(host, path) from None
    if isinstance(host.runner, LocalRunner):
        host.runner.lock = (handle,)
    try:
        yield
    finally:
        if isinstance(host.runner, LocalRunner):
            host.runner.lock = ()
        os.close(handle)


@contextmanager
def inherited(host: Host) -> Iterator[None]:
    """Programs that are run inside hold the lock as well, so that it outlives this process when that is killed. For
    those that leave nothing running: a service that they begin would hold it for ever."""
    runner = host.runner
    if not isinstance(runner, LocalRunner):
        yield
        return
    runner.passed = runner.lock
    try:
        yield
    finally:
        runner.passed = ()


def _busy(host: Host, path: str) -> Busy:
    """Who holds the lock: a vdesk, or a program that outlives the one that began it."""
    holders = list(_holders(host.tree.real(path)))
    left = [each for each in holders if not each[1].startswith(("python", "vdesk"))]
    if left and len(left) == len(holders):
        names = ", ".join(f"{command} (process {pid})" for pid, command in left)
        what = "a program that an interrupted vdesk has begun is still at work"
        return Outlived("/" + path, names, f"{what}: {names}")
    return Busy("/" + path, "another vdesk is changing this machine", "another vdesk is at work")


def _holders(real: str) -> Iterator[tuple[int, str]]:
    """Who has the file open: pid and command (proc(5))."""
    wanted = os.path.realpath(real)
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):
        try:
            if any(_opened(f"/proc/{pid}/fd/{each}") == wanted for each in os.listdir(f"/proc/{pid}/fd")):
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                    yield pid, file.read().strip()
        except OSError:
            continue  # it has ended, or is not this user's


def _opened(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def locked_by(host: Host, path: str) -> int:
    """The process that holds a POSIX lock on the whole file, as apt and dpkg take it (fcntl(2), F_GETLK); 0 for none,
    and where that cannot be told."""
    try:
        handle = os.open(host.tree.real(path), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    except OSError:
        return 0
    finally:
        os.close(handle)
    return 0 if kind == UNLOCKED else int(pid)


def own_processes() -> set[int]:
    """This process and those above it: what has begun it waits for it."""
    found, pid = set[int](), os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return found
