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
    """Counts the steps of this process from `watch` on, and calls `reached` before each with its number and name."""

    def __init__(self, reached: Callable[[int, str], None]) -> None:
        self.reached, self.count, self.inside = reached, 0, 0

    def watch(self) -> None:
        """Begin, in this thread and those that it starts."""
        threading.setprofile(self._look)
        sys.setprofile(self._look)

    @staticmethod
    def done() -> None:
        """Watch no more."""
        sys.setprofile(None)
        threading.setprofile(None)

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


def counted(action: Callable[[], object]) -> list[str]:
    """The names of the steps that the action takes."""
    found: list[str] = []
    steps = Steps(lambda number, name: found.append(name))
    steps.watch()
    try:
        action()
    finally:
        steps.done()
    return found


def stopped_at(wanted: int, action: Callable[[], object], how: signal.Signals = signal.SIGKILL) -> object:
    """Run the action in this process, which gets the signal right before that step."""

    def reached(number: int, name: str) -> None:
        if number == wanted:
            os.kill(os.getpid(), how)

    steps = Steps(reached)
    steps.watch()
    try:
        return action()
    finally:
        steps.done()
