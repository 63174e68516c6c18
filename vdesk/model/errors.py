"""What can go wrong, as data: every error has an id, what happened, why, and what helps (docs/errors.md)."""

from __future__ import annotations

from collections.abc import Iterable

from vdesk.model.record import Record

OK, FAILED, USAGE, NOT_READY, NEEDS_ROOT, LEFT_OVER, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class Problem(Record):
    """One error as a person and the JSON envelope see it."""

    id: str
    what: str
    cause: str
    remedy: str


def problem(id: str, what: str, cause: str, remedy: str) -> Problem:
    """A Problem whose four parts are all there; ValueError is a mistake in vdesk itself."""
    if not (id and what and cause and remedy):
        raise ValueError(f"an error needs an id, what, cause and remedy: {id!r} {what!r} {cause!r} {remedy!r}")
    return Problem(id, what, cause, remedy)


class VdeskError(Exception):
    """An error that a user or a machine caused; the command line turns it into text or JSON and an exit code."""

    exit_code = FAILED

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(each.what for each in problems))
        self.problems = problems


class WrongUsage(VdeskError):
    """The request itself is wrong (exit 2)."""

    exit_code = USAGE


class Refused(VdeskError):
    """A safety rule refused, or the host is not ready (exit 3)."""

    exit_code = NOT_READY


class NeedsRoot(VdeskError):
    """The change needs root (exit 4)."""

    exit_code = NEEDS_ROOT


class HostError(VdeskError):
    """The machine answered a read, a write or a command with an error; `path` is what was asked."""

    id = "host.error"
    remedy = "look at the path named, and at the kernel's log with: journalctl -k -b"

    def __init__(self, path: str, cause: str, what: str = "") -> None:
        super().__init__(problem(self.id, what or f"{path}: {cause}", cause, self.remedy))
        self.path, self.cause = path, cause


class Absent(HostError):
    """What was asked for does not exist."""

    id = "host.absent"
    remedy = "check that the file is there; on a captured machine, capture it again"


class Denied(HostError):
    """It exists, but this user may not read or write it."""

    id = "host.denied"
    remedy = "run the same command with sudo"


class GroupsUnknown(HostError):
    """Which devices share an IOMMU group cannot be told: nothing is decided without that (exit 3)."""

    id = "host.groups-unreadable"
    exit_code = NOT_READY
    remedy = "run the same command with sudo; a captured machine has to be captured again, as root"


class Busy(HostError):
    """The kernel says that the thing is in use (EBUSY, EAGAIN)."""

    id = "host.busy"
    remedy = "close what uses it and run the same command again"


class Outlived(Busy):
    """A program that a killed vdesk has begun still has its lock."""

    remedy = "wait until it has ended, then run the same command again; see it with: ps -ef"


class Full(HostError):
    """The file system has no room, for bytes or for one more file (ENOSPC, EDQUOT)."""

    id = "host.full"
    remedy = "make room, and run the same command again; where it is full: df -h; df -i"


class ReadOnly(HostError):
    """The file system takes no writes (EROFS)."""

    id = "host.read-only"
    remedy = "mount it writable; why it is not is seen with: findmnt -o TARGET,OPTIONS; journalctl -k -b"


class Untrusted(HostError):
    """A captured tree holds something there that is not followed: a link out of it, a device, a file too large."""

    id = "host.untrusted"
    remedy = "capture the machine again; only regular files and links inside the tree are read"


class TimedOut(HostError):
    """The machine did not answer within the time limit."""

    id = "host.timeout"
    remedy = "see which process is stuck (state D) with: ps -eo pid,stat,wchan:32,args"


def rules(problems: Iterable[Problem]) -> tuple[str, ...]:
    """The names of the safety rules among the problems, without their `rule.`."""
    return tuple(each.id.removeprefix("rule.") for each in problems if each.id.startswith("rule."))
