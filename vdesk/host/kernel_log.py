"""The kernel's messages of this boot. They are evidence, never the decision: a line can be lost, and an
argument that was parsed is not an IOMMU that works (drivers/iommu/intel/iommu.c, intel_iommu_setup)."""

from __future__ import annotations

import re
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.model.errors import Absent, HostError

CAPTURED = "run/vdesk/kernel.log"
COMMANDS = (
    ("journalctl", "-k", "-b", "--no-pager", "-o", "short-monotonic"),
    ("dmesg",),
)
LIMIT = 16 << 20
LINE = 400
_PREFIX = re.compile(r"(?:<\d+>)?\s*(?:\[[ \d.]+\])?(?:\[ *[TC]\d+\])?\s*(?:(?:\S+ )?kernel: )?")


class KernelLog(NamedTuple):
    """The messages without time stamps and host name, or None and why they could not be read. `complete` is False where
    the start of the boot has been overwritten: a line that is not there then proves nothing."""

    lines: tuple[str, ...] | None
    source: str
    reason: str = ""
    complete: bool = False

    def matching(self, *words: str) -> tuple[str, ...]:
        """The lines that hold one of the words, each once, in order."""
        return tuple(dict.fromkeys(line for line in self.lines or () if any(word in line for word in words)))

    def first(self, *words: str) -> str:
        """The first line that holds one of the words, or an empty text."""
        return next(iter(self.matching(*words)), "")


def kernel_log(host: Host) -> KernelLog:
    """This boot's messages; read once per host. Without permission there are no lines and a reason."""
    if "kernel-log" not in host.memory:
        host.memory["kernel-log"] = _captured(host) or _commands(host)
    found: KernelLog = host.memory["kernel-log"]
    return found


def printable(text: str, limit: int = LINE) -> str:
    """`text` in one line, with what a terminal could take for a command replaced; cut at `limit` characters."""
    return "".join(sign if sign.isprintable() else " " if sign in "\n\t" else "\ufffd" for sign in text[:limit])


def _captured(host: Host) -> KernelLog | None:
    if host.is_live:
        return None
    try:
        return _parsed(host.read(CAPTURED, LIMIT), f"/{CAPTURED}")
    except Absent:
        return None
    except HostError as error:
        return KernelLog(None, f"/{CAPTURED}", error.problems[0].what)


def _commands(host: Host) -> KernelLog:
    reasons = []
    for argv in COMMANDS:
        shown = " ".join(argv)
        try:
            answer = host.run(argv, timeout=20.0)
        except HostError as error:
            reasons.append(error.problems[0].what)
            continue
        log = _parsed(answer.stdout, shown)
        if answer.exit_code == 0 and log.lines:
            return log
        said = answer.stderr.strip().splitlines()
        reasons.append(f"{shown}: {printable(said[0]) if said else 'no messages, not permitted for this user'}")
    return KernelLog(None, "the kernel's log", "; ".join(reasons))


def _parsed(text: str, source: str) -> KernelLog:
    lines = tuple(_message(line) for line in text.splitlines() if line.strip() and not line.startswith("-- "))
    return KernelLog(lines, source, "", any(line.startswith(("Linux version ", "Command line:")) for line in lines))


def _message(line: str) -> str:
    match = _PREFIX.match(line)
    return printable(line[match.end() if match else 0 :])
