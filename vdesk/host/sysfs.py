"""The live kernel's sysfs. What the kernel may hold back happens in a child with a deadline: unbinding a held nvidia,
snd_hda_intel or vfio-pci was seen to block its writer, which cannot be ended then; and all that takes the device's lock
blocks behind it, reading driver_override included (drivers/pci/pci-sysfs.c).

One child does it all, for as long as it answers: a fork for each write cost more than what the kernel does."""

from __future__ import annotations

import json
import os
import select
import time
from typing import Any, NoReturn

from vdesk.host.host import Late, SysfsWriter
from vdesk.host.signals import undisturbed
from vdesk.host.tree import Tree, fail
from vdesk.model.errors import Absent, HostError, TimedOut
from vdesk.model.record import Record

MAY_BLOCK = (
    *("unbind", "bind", "drivers_probe", "driver_override", "remove", "rescan", "reset", "sriov_numvfs"),
    *("d3cold_allowed", "control", "enable"),  # they wake the device first, or take its lock
)
GRACE = 0.5


class _Waiting(Record):
    path: str
    text: str
    deadline: float


class _Child(Record):
    """A child that does what it is asked; it ends when `ask` is closed."""

    pid: int
    ask: int
    answer: int


class LiveKernel(SysfsWriter):
    """The kernel of this machine."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._idle: _Child | None = None
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
        waiting = _Waiting(path, text.strip(), time.monotonic() + seconds)
        self._in_child(waiting, real, text, [(self.tree.real(each), word) for each, word in late])

    def read(self, path: str, seconds: float) -> str | None:
        """The content; a page at most, as sysfs has it."""
        try:
            return self._in_child(_Waiting(path, "", time.monotonic() + seconds), self.tree.real(path), None, [])
        except Absent:
            return None

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

    def _in_child(self, waiting: _Waiting, real: str, text: str | None, late: list[tuple[str, str]]) -> str:
        """Ask the child for a write, or with no `text` for a read, and return what was read."""
        serving, self._idle = self._idle or _forked(), None
        child = serving.pid
        self._waiting[child] = waiting
        try:
            _send(serving.ask, (real, text, waiting.deadline, late))
            left = max(0.0, waiting.deadline - time.monotonic()) + GRACE
            answered = bool(select.select([serving.answer], [], [], left)[0])
            answer = _receive(serving.answer) if answered else None
        except BrokenPipeError:
            answered, answer = True, None
        except BaseException:
            _let_go(serving)
            raise
        if not answered:
            _let_go(serving)
            verb = "read" if text is None else "write"
            raise TimedOut(
                "/" + waiting.path,
                f"the kernel did not return from the {verb} in time; process {child} waits in it (state D)",
            )
        del self._waiting[child]
        if answer is None:
            _let_go(serving)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            raise HostError("/" + waiting.path, f"the process that asked the kernel was ended by signal {-code}")
        self._idle = serving
        code, found = answer
        if code:
            fail(waiting.path, OSError(code, os.strerror(code)))
        return str(found)

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


def _read(real: str) -> str:
    handle = os.open(real, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, 1 << 12).decode(errors="replace")
    finally:
        os.close(handle)


def _send(pipe: int, message: object) -> None:
    data = json.dumps(message).encode()
    data = len(data).to_bytes(4, "big") + data
    while data:
        data = data[os.write(pipe, data) :]


def _receive(pipe: int) -> Any:
    """The next message, None when the other side is gone."""
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        more = os.read(pipe, 1 << 16)
        if not more:
            return None
        data += more
    return json.loads(data[4:])


def _let_go(child: _Child) -> None:
    """Nothing more is asked of the child: it ends when the kernel lets it."""
    os.close(child.ask)
    os.close(child.answer)


def _forked() -> _Child:
    theirs, ask = os.pipe()
    answer, into = os.pipe()
    with undisturbed():  # an interrupt in the child before it serves would put back what is its parent's to put back
        pid = os.fork()
        if pid == 0:
            _serve(theirs, into)
    os.close(theirs)
    os.close(into)
    return _Child(pid, ask, answer)


def _serve(asked: int, into: int) -> NoReturn:
    """Do what is asked until nobody is there to ask, holding nothing of the parent's: not its lock, not the pipe that
    its output goes to."""
    try:
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        low, high = sorted((asked, into))
        os.closerange(3, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, os.sysconf("SC_OPEN_MAX"))
        while (request := _receive(asked)) is not None:
            _send(into, _done(*request))
    except OSError:
        pass  # whoever asked is gone
    finally:
        os._exit(0)


def _done(real: str, text: str | None, deadline: float, late: list[tuple[str, str]]) -> tuple[int, str]:
    """errno, or 0 and what was read."""
    try:
        if text is None:
            return 0, _read(real)
        _write(real, text)
    except OSError as error:
        return error.errno or 1, ""
    for each, word in late if time.monotonic() > deadline else ():
        _try(each, word)
    return 0, ""
