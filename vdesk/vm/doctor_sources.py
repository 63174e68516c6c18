"""Where a machine's failures are written down: its own log, libvirt's messages, the kernel's. On a captured machine the
files of the tree and the recorded commands."""

from __future__ import annotations

import re
from typing import NamedTuple

from vdesk.host import Host
from vdesk.host.kernel_log import kernel_log, printable
from vdesk.model.errors import Absent, HostError
from vdesk.vm import firmware_log

FOLDER = "var/log/libvirt/qemu"
DEFINITIONS = "etc/libvirt/qemu"
DAEMON_LOGS = ("var/log/libvirt/libvirtd.log", "var/log/libvirt/virtqemud.log")
JOURNAL = (
    "journalctl", "-b", "--no-pager", "-o", "cat", "-p", "warning", "-u", "libvirtd", "-u", "virtqemud",
)  # fmt: skip
LIMIT = 64 << 20
LAST = 20_000
"""Lines of each source that are looked at, from the end."""
LINE = 1000
STARTING = ": starting up libvirt version"
TIME = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d{4})?:? ?")
DAEMON_LINE = re.compile(r"^(?:\d+: )?(?:error|warning) : (?:\w+:\d+ : )?")


class Source(NamedTuple):
    """The lines of one source without their times, or None and why they could not be read. `missing`: there is no such
    log, which is no failure of the reading. `since` when the machine was started that the lines speak of."""

    name: str
    lines: tuple[str, ...] | None
    reason: str = ""
    missing: bool = False
    since: str = ""


def machine_log(host: Host, name: str) -> Source:
    """What QEMU wrote since the machine's last start (libvirt appends one start to the other)."""
    path = f"{FOLDER}/{name}.log"
    try:
        text = host.read(path, LIMIT)
    except Absent:
        return Source(f"/{path}", (), "there is none: the machine was never started here", missing=True)
    except HostError as error:
        return Source(f"/{path}", None, error.problems[0].what)
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if STARTING in line]
    since = lines[starts[-1]].partition(STARTING)[0] if starts else ""
    return Source(f"/{path}", _clean(lines[starts[-1] if starts else 0 :]), since=printable(since, 40))


def firmware(host: Host, name: str) -> Source:
    """What the machine's firmware waits for, where it found nothing to start at the last start; no name where nothing
    is kept of it, or this user may not look: it is asked for no less by the machine's own log."""
    words = firmware_log.read(host, name)
    if words is None:
        return Source("", ())
    state, line = firmware_log.last_sign(words)
    lines = [firmware_log.denied(words), line] if state == firmware_log.STUCK else []
    return Source(firmware_log.path(name), tuple(printable(each, LINE) for each in lines if each))


def libvirt_messages(host: Host) -> Source:
    """The warnings and errors of libvirt's daemons in this boot: the journal's, and those of their own log files."""
    lines: list[str] = []
    names, reasons = [], []
    try:
        answer = host.run(JOURNAL, timeout=20.0)
        lines += [line for line in answer.stdout.splitlines() if not line.startswith("-- ")]
        names.append("libvirt's messages")
    except HostError as error:
        reasons.append(error.problems[0].what)
    for path in DAEMON_LOGS:
        try:
            text = host.read(path, LIMIT)
        except Absent:
            continue
        except HostError as error:
            reasons.append(error.problems[0].what)
            continue
        plain = (TIME.sub("", line) for line in text.splitlines())
        lines += [line for line in plain if DAEMON_LINE.match(line)]
        names.append(f"/{path}")
    if not names:
        return Source("libvirt's messages", None, "; ".join(reasons))
    return Source(", ".join(names), tuple(DAEMON_LINE.sub("", line) for line in _clean(lines)))


def kernel_messages(host: Host) -> Source:
    """What the kernel said in this boot."""
    log = kernel_log(host)
    return Source(log.source, log.lines[-LAST:] if log.lines is not None else None, log.reason)


def _clean(lines: list[str]) -> tuple[str, ...]:
    return tuple(printable(TIME.sub("", line), LINE) for line in lines[-LAST:] if line.strip())
