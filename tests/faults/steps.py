"""Every step that a command takes: each call that changes a file, runs a program, writes to sysfs or asks libvirt to
change something. A test stops the process right before any of them, without a change to vdesk."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from vdesk.host.kernel_model import KernelModel

# Without fsync: for a process that is killed it makes no difference (the lab's power cuts are another matter).
CHANGING = {
    "chmod", "chown", "fchmod", "fchown", "fork_exec", "ftruncate", "link", "mkdir", "remove", "rename", "replace",
    "rmdir", "symlink", "truncate", "unlink", "write",
}  # fmt: skip
LOOKING = ("sync_folder", "_get_devnull")  # functions that open what they do not write
ASKING = {
    "virDomainDefineXMLFlags", "virDomainUndefineFlags", "virDomainCreate", "virDomainDestroyFlags",
    "virDomainShutdownFlags", "virDomainSetMetadata", "virDomainAttachDeviceFlags", "virDomainDetachDeviceFlags",
    "virNetworkCreate", "virNetworkDestroy", "virNetworkSetAutostart",
}  # fmt: skip
MODULES = ("posix", "_posixsubprocess", "libvirtmod")
KERNEL = KernelModel.write.__code__  # a write to sysfs is one step: what the model does for it is the kernel's doing
SELF = KernelModel.restore.__code__


class Steps:
    """Counts the steps of this process, and calls `reached` before each with its number and name. The first is what
    first changes a file (`early`: also what programs and libvirt are asked to do before that)."""

    now: Steps | None = None

    def __init__(self, reached: Callable[[int, str], None], early: bool = False) -> None:
        self.reached, self.early, self.count, self.inside = reached, early, 0, 0

    def watch(self) -> None:
        """Begin. Looking at every call is slow, so before the first change only Python's own audit events are."""
        if Steps.now is None:
            sys.addaudithook(_audited)
        Steps.now = self
        if self.early:
            self._closely()

    def done(self) -> None:
        """Watch no more."""
        sys.setprofile(None)
        threading.setprofile(None)
        self.early = True

    def first(self, name: str) -> None:
        """The first change is about to happen."""
        if not self.early:
            self.early = True
            self._closely()
            self._step(name)

    def _closely(self) -> None:
        threading.setprofile(self._look)
        sys.setprofile(self._look)

    def _look(self, frame: FrameType, event: str, arg: object) -> None:
        if frame.f_code in (KERNEL, SELF) and event in ("call", "return"):
            if event == "call" and not self.inside:
                self._step("sysfs")
            self.inside += 1 if event == "call" else -1
        elif event == "c_call" and not self.inside and self._changes(frame, arg):
            self._step(getattr(arg, "__name__", ""))

    @staticmethod
    def _changes(frame: FrameType, arg: object) -> bool:
        name, module = getattr(arg, "__name__", ""), getattr(arg, "__module__", "")
        if module == "posix" and name == "open":
            flags = frame.f_locals.get("flags", os.O_WRONLY)
            return frame.f_code.co_name not in LOOKING and bool(flags & (os.O_WRONLY | os.O_RDWR))
        return (name in CHANGING or name in ASKING) and module in MODULES

    def _step(self, name: str) -> None:
        self.count += 1
        self.reached(self.count, name)


def _audited(event: str, words: tuple[object, ...]) -> None:
    if Steps.now is not None and not Steps.now.early and event in ("open", "os.mkdir"):
        name, flags = event.rpartition(".")[2], words[-1] if event == "open" else os.O_WRONLY
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) and words[0] != os.devnull:
            Steps.now.first(name)


def counted(action: Callable[[], object], early: bool = False) -> list[str]:
    """The names of the steps that the action takes."""
    found: list[str] = []
    steps = Steps(lambda number, name: found.append(name), early)
    steps.watch()
    try:
        action()
    finally:
        steps.done()
    return found


def stopped_at(
    wanted: int, action: Callable[[], object], how: signal.Signals = signal.SIGKILL, early: bool = False
) -> object:
    """Run the action in this process, which gets the signal right before that step."""

    def reached(number: int, name: str) -> None:
        if number == wanted:
            os.kill(os.getpid(), how)

    steps = Steps(reached, early)
    steps.watch()
    try:
        return action()
    finally:
        steps.done()
