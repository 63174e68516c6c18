"""JoinGroups: a person into groups of the system, and out of exactly those again (usermod(8), gpasswd(1))."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.changes.change import DONE, SKIPPED, Change, Progress, Record
from vdesk.changes.commands import run_checked
from vdesk.host import Host
from vdesk.host.account import members
from vdesk.model.errors import VdeskError, problem

SECONDS = 60.0


class JoinGroups(Change):
    """Put `user` into `groups`: those of them that are there by then, and that it is not in."""

    kind = "groups"

    def __init__(self, user: str, groups: Sequence[str]) -> None:
        self.user, self.groups = user, list(groups)
        self.target, self.summary = user, f"put {user} into the group{'s' * (len(groups) > 1)} {' and '.join(groups)}"

    def preview(self, host: Host) -> str:
        """The command line."""
        return f"$ {' '.join(_join(self.user, self.groups))}\n"

    def record(self, host: Host) -> Record:
        """Who, and which groups that user is not in before."""
        return {"user": self.user, "joined": [each for each in self.groups if self.user not in _of(host, each)]}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Run usermod."""
        known = members(host)
        wanted = [each for each in self.groups if each in known and self.user not in known[each]]
        if not host.is_live:
            return SKIPPED
        for each in self.groups:
            if each not in known:
                progress(f"there is no group {each} here: left out")
        return run_checked(host, _join(self.user, wanted), SECONDS, progress) if wanted else DONE

    def verify(self, host: Host) -> None:
        """The user is in each of them that is there."""
        known = members(host)
        missing = [each for each in self.groups if each in known and self.user not in known[each]]
        if missing:
            raise VdeskError(
                problem(
                    "groups.not-joined",
                    f"{self.user} is not in the group {', '.join(missing)}",
                    "usermod reported success all the same; the account may come from a directory (LDAP, AD)",
                    f"ask who keeps the accounts; by hand: sudo {' '.join(_join(self.user, missing))}",
                )
            )

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The commands of the way back."""
        return "".join(f"$ {' '.join(argv)}\n" for argv in _leave(host, record))

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Out of those that the user was not in before, and is in now."""
        for argv in _leave(host, record):
            run_checked(host, argv, SECONDS, progress)


def _of(host: Host, group: str) -> frozenset[str]:
    return members(host).get(group, frozenset())


def _join(user: str, groups: Sequence[str]) -> list[str]:
    return ["usermod", "-aG", ",".join(groups), user]


def _leave(host: Host, record: Record) -> list[list[str]]:
    known = members(host)
    return [
        ["gpasswd", "-d", record["user"], each]
        for each in record["joined"]
        if record["user"] in known.get(each, frozenset())
    ]
