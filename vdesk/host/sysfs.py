"""Writes to the live kernel's sysfs. A write that the kernel may hold back (unbind, probe) happens in a child with a
deadline: unbinding a held nvidia or snd_hda_intel was seen to block its writer, and such a writer cannot be ended."""

from __future__ import annotations

import os
import select
import time

from vdesk.host.host import SysfsWriter
from vdesk.host.tree import Tree, fail
from vdesk.model.errors import HostError, TimedOut

MAY_BLOCK = ("unbind", "bind", "drivers_probe", "remove", "rescan", "reset", "sriov_numvfs")
PROBE = "/sys/bus/pci/drivers_probe"


class LiveKernel(SysfsWriter):
    """The kernel of this machine."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def write(self, path: str, text: str, seconds: float) -> None:
        """One write(2), as sysfs wants it; raises what errno says (Documentation/filesystems/sysfs.rst)."""
        real = self.tree.real(path)
        if path.rpartition("/")[2] in MAY_BLOCK:
            _in_child(real, path, text, seconds)
        else:
            try:
                _write(real, text)
            except OSError as error:
                fail(path, error)


def _write(real: str, text: str) -> None:
    handle = os.open(real, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _in_child(real: str, path: str, text: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    child = os.fork()
    if child == 0:
        _child(real, text, deadline)
    handle = os.pidfd_open(child)
    try:
        ended = bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)
    if not ended:
        raise TimedOut(
            "/" + path,
            f"the kernel did not return from the write within {seconds:.0f} s; process {child} waits in it (state D)",
        )
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code > 0:
        fail(path, OSError(code, os.strerror(code)))
    if code < 0:
        raise HostError("/" + path, f"the writing process was ended by signal {-code}")


def _child(real: str, text: str, deadline: float) -> None:
    """Write and exit with errno. A late success of an unbind is followed by a probe: vdesk has put the rest back."""
    code = 1
    try:
        os.setsid()
        _write(real, text)
        code = 0
        if time.monotonic() > deadline and real.endswith("/unbind"):
            _write(PROBE, text)
    except OSError as error:
        code = error.errno or 1
    finally:
        os._exit(min(code, 255))
