"""A kernel model that misbehaves, as the real one was seen to: errno of drivers/base, and an unbind that hangs."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence

from vdesk.host import Host
from vdesk.host.host import Late
from vdesk.host.kernel_model import DEVICES, KernelModel
from vdesk.host.tree import fail
from vdesk.model.errors import TimedOut

Fault = Callable[["FaultyKernel", str, str], bool]
"""Called with the path and the text of a write; True when it has dealt with it."""


class FaultyKernel(KernelModel):
    """Meets each write whose path ends in `at` and that is for `address` with the fault, `times` times (-1: always)."""

    def __init__(self, host: Host, address: str, at: str, fault: Fault, times: int = 1, after: int = 0) -> None:
        super().__init__(host.tree)
        self.address, self.at, self.fault, self.times, self.after = address, at, fault, times, after
        self.writes: list[tuple[str, str]] = []
        self.late: list[tuple[str, str]] = []
        self.stuck = False

    def write(self, path: str, text: str, seconds: float, late: Late = ()) -> None:
        """The fault where it is due, else what the kernel does."""
        self.writes.append((path.rpartition("/")[2], text.strip()))
        mine = path.endswith(self.at) and (self.address in path or text.strip() == self.address)
        if mine and self.after:
            self.after -= 1
        elif mine and self.times:
            self.times -= 1
            self.late = list(late)
            if self.fault(self, path, text.strip()):
                return
        super().write(path, text, seconds, late)

    def settled(self, address: str) -> bool:
        """As the real one: not while a write to the device has not returned."""
        return not (self.stuck and address == self.address)

    def let_go(self) -> None:
        """The holder is gone: the stuck unbind returns, and its process goes on with what it was told."""
        self.stuck = False
        for path, text in self.late:
            super().write(path, text, 1.0)


def answers(number: int) -> Fault:
    """The kernel answers with an errno."""

    def fault(kernel: FaultyKernel, path: str, text: str) -> bool:
        fail(path, OSError(number, ""))

    return fault


busy, no_device = answers(errno.EBUSY), answers(errno.ENODEV)


def binds_nothing(kernel: FaultyKernel, path: str, text: str) -> bool:
    """The write succeeds and does nothing, as drivers_probe does when the driver refuses."""
    return True


def vanishes(kernel: FaultyKernel, path: str, text: str) -> bool:
    """The device falls off the bus: its entries are gone, the write finds no file."""
    root, device = kernel.tree.root, kernel.tree.resolve(f"{DEVICES}/{kernel.address}")
    driver = os.path.realpath(f"{root}/{device}/driver")
    for link in (f"{root}/{DEVICES}/{kernel.address}", f"{driver}/{kernel.address}"):
        if os.path.islink(link):
            os.unlink(link)
    shutil.rmtree(f"{root}/{device}")
    kernel.tree.forget()
    return False


def hangs(kernel: FaultyKernel, path: str, text: str) -> bool:
    """The driver does not let go: the link is gone already, the writer waits."""
    super(FaultyKernel, kernel).write(path, text, 1.0)
    kernel.stuck = True
    raise TimedOut("/" + path, "the kernel did not return from the write in time; process 4711 waits in it (state D)")


def faulty(host: Host, kernel: FaultyKernel) -> Host:
    """The same machine with that kernel."""
    return Host(host.root, host.runner, kernel)


__all__: Sequence[str] = [
    "FaultyKernel", "binds_nothing", "busy", "faulty", "hangs", "no_device", "vanishes",
]  # fmt: skip
