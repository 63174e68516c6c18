"""The live kernel's sysfs. What the kernel may hold back happens in a child with a deadline: unbinding a held nvidia,
snd_hda_intel or vfio-pci was seen to block its writer, which cannot be ended then; and all that takes the device's lock
blocks behind it, reading driver_override included (drivers/pci/pci-sysfs.c)."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from vdesk.host.host import Late, SysfsWriter
from vdesk.host.tree import Tree, fail
from vdesk.model.errors import Absent, HostError, TimedOut
from vdesk.model.record import Record

MAY_BLOCK = (
    *("unbind", "bind", "drivers_probe", "driver_override", "remove", "rescan", "reset", "sriov_numvfs"),
    "d3cold_allowed",  # it wakes the device first
)
GRACE = 0.5


class _Waiting(Record):
    path: str
    text: str
    deadline: float


class LiveKernel(SysfsWriter):
    """The kernel of this machine."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._waiting: dict[int, _Waiting] = {}

    def write(self, path: str, text: str, seconds: float, late: Late = ()) -> None:
        """One write(2), as sysfs wants it; raises what errno says (Documentation/filesystems/sysfs.rst).

        After a TimedOut the child stays in the kernel; should its write succeed then, it does the writes of `late`."""
        real = self.tree.real(path)
        if path.rpartition("/")[2] not in MAY_BLOCK:
            try:
                _write(real, text)
            except OSError as error:
                fail(path, error)
            return
        after = [(self.tree.real(each), word) for each, word in late]
        deadline = time.monotonic() + seconds

        def work() -> None:
            _write(real, text)
            for each, word in after if time.monotonic() > deadline else ():
                _try(each, word)

        self._in_child(_Waiting(path, text.strip(), deadline), work, keep=-1)

    def read(self, path: str, seconds: float) -> str | None:
        """The content; a page at most, as sysfs has it."""
        real = self.tree.real(path)
        out, into = os.pipe()
        try:
            self._in_child(
                _Waiting(path, "", time.monotonic() + seconds), lambda: _pass_on(real, into), keep=into, read=True
            )
            return os.read(out, 1 << 16).decode(errors="replace")
        except Absent:
            return None
        finally:
            os.close(out)
            os.close(into)

    def settled(self, address: str) -> bool:
        """Whether no child waits in the kernel for the device any more. A child whose deadline has not passed (Ctrl-C
        came first) is waited for: it does no late writes, what it did has to be put back here."""
        for child, waiting in list(self._waiting.items()):
            if address in waiting.path.split("/") or address == waiting.text:
                if self._ended(child, waiting.deadline - time.monotonic()):
                    os.waitpid(child, 0)
                    del self._waiting[child]
                else:
                    return False
        return True

    def _in_child(self, waiting: _Waiting, work: Callable[[], None], keep: int, read: bool = False) -> None:
        child = os.fork()
        if child == 0:
            _child(work, keep)
        self._waiting[child] = waiting
        if not self._ended(child, waiting.deadline - time.monotonic()):
            verb = "read" if read else "write"
            raise TimedOut(
                "/" + waiting.path,
                f"the kernel did not return from the {verb} in time; process {child} waits in it (state D)",
            )
        _, status = os.waitpid(child, 0)
        del self._waiting[child]
        code = os.waitstatus_to_exitcode(status)
        if code > 0:
            fail(waiting.path, OSError(code, os.strerror(code)))
        if code < 0:
            raise HostError("/" + waiting.path, f"the process that asked the kernel was ended by signal {-code}")

    @staticmethod
    def _ended(child: int, seconds: float) -> bool:
        handle = os.pidfd_open(child)
        try:
            return bool(select.select([handle], [], [], max(0.0, seconds) + GRACE)[0])
        finally:
            os.close(handle)


def _write(real: str, text: str) -> None:
    handle = os.open(real, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _try(real: str, text: str) -> None:
    try:
        _write(real, text)
    except OSError:
        return  # nobody is there to be told; the next write may help all the same


def _pass_on(real: str, into: int) -> None:
    handle = os.open(real, os.O_RDONLY | os.O_CLOEXEC)
    os.write(into, os.read(handle, 1 << 12))


def _child(work: Callable[[], None], keep: int) -> None:
    """Work and exit with errno, holding nothing of the parent's: not its lock, not the pipe that its output goes to."""
    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        top = os.sysconf("SC_OPEN_MAX")
        os.closerange(3, keep if keep > 2 else top)
        if keep > 2:
            os.closerange(keep + 1, top)
        work()
        code = 0
    except OSError as error:
        code = error.errno or 1
    finally:
        os._exit(min(code, 255))
