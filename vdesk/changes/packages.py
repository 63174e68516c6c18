"""InstallPackages: packages through the distribution's own package manager, and exactly those away again."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.changes.change import DONE, SKIPPED, Change, Progress, Record
from vdesk.host import Host
from vdesk.host.packages import MANAGERS, Manager, needed_by_others, planned, there, vital
from vdesk.host.runner import Completed
from vdesk.host.signals import to_the_end
from vdesk.model.errors import Refused, VdeskError, problem

SECONDS = 7200.0
HELD = "is held by process"
LOCKED = ("could not get lock", HELD, "waiting for cache lock", "unable to lock", "zypp is locked")
NO_NETWORK = (
    "could not resolve", "temporary failure", "failed to fetch", "failed retrieving", "network is unreachable",
    "could not connect", "connection timed out", "curl error", "failed to download", "download (curl)",
)  # fmt: skip


class InstallPackages(Change):
    """Install `names` by the package manager of `family`. What is there after it and was not before, goes with undo:
    what came along as a dependency too. Configuration that a person may have edited stays, and so does what was only
    brought up to date."""

    kind = "packages"
    one_thing = True

    def __init__(self, family: str, names: Sequence[str]) -> None:
        self.family, self.names = family, list(names)
        self.target, self.summary = " ".join(names), f"install {', '.join(names)}, and what they need"
        self.before: list[str] = []

    @property
    def manager(self) -> Manager:
        """The package manager."""
        return MANAGERS[self.family]

    def preview(self, host: Host) -> str:
        """The command line."""
        return f"$ {by_hand(self.manager, self.names)}\n"

    def record(self, host: Host) -> Record:
        """All that is installed before, and what is about to be: cut off in the middle, no other package is its own."""
        live = host.is_live
        self.before = sorted(there(host, self.manager)) if live else []
        would = planned(host, self.manager, self.names) if live else []
        return {"family": self.family, "names": self.names, "before": self.before, "planned": would}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Download, which may be interrupted; then install, which may not."""
        if not host.is_live:
            return SKIPPED
        ended = _run(host, (*self.manager.download, *self.names), progress)
        if ended.exit_code not in self.manager.fine and self.manager.refresh and not _about(ended, LOCKED):
            _run(host, self.manager.refresh, progress)
            ended = _run(host, (*self.manager.download, *self.names), progress)
        _judge(self.manager, ended, self.names)
        with to_the_end(progress, f"{self.manager.program} ends its work first"):
            ended = _run(host, (*self.manager.install, *self.names), progress)
        _judge(self.manager, ended, self.names)
        return DONE

    def verify(self, host: Host) -> None:
        """Every name is installed."""
        missing = sorted(set(self.names) - there(host, self.manager))
        if missing:
            raise VdeskError(
                problem(
                    "packages.not-there",
                    f"{', '.join(missing)}: not installed, although {self.manager.program} reported success",
                    "the package manager's own list does not have it",
                    f"run it by hand to see more: sudo {by_hand(self.manager, self.names)}",
                )
            )

    def done(self, host: Host) -> Record:
        """What came new; the long lists of before are not needed any more."""
        return {"new": sorted(there(host, self.manager) - set(self.before)), "before": [], "planned": []}

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The command that removes them."""
        gone = _left(host, record)
        return f"$ {' '.join((*MANAGERS[record['family']].remove, *gone))}\n" if gone else ""

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """Nothing that was installed since needs them."""
        gone, manager = _left(host, record), MANAGERS[record["family"]]
        if gone:
            _refuse_needed(host, manager, gone, half_way="new" not in record and bool(manager.mend))

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Remove what came new and is still there; what was cut off is ended first."""
        manager = MANAGERS[record["family"]]
        if not host.is_live:
            return
        if "new" not in record and manager.mend and _left(host, record):
            _run(host, manager.mend, progress)  # its failure shows when the packages are removed
            _refuse_needed(host, manager, _left(host, record))
        gone = _left(host, record)
        if gone:
            with to_the_end(progress, f"{manager.program} ends its work first"):
                ended = _run(host, (*manager.remove, *gone), progress)
            _judge(manager, ended, gone)
        stay = vital(host, manager, sorted(_came(host, record)))
        if stay:
            progress(f"{', '.join(sorted(stay))}: left here, {manager.program} removes it from no machine")


def _refuse_needed(host: Host, manager: Manager, gone: Sequence[str], half_way: bool = False) -> None:
    needed = needed_by_others(host, manager, gone, half_way) if gone else ""
    if needed:
        raise Refused(
            problem(
                "undo.packages-needed",
                "the packages that vdesk installed stay: something that was installed since needs them",
                needed,
                "remove that first, or keep the packages; they do no harm",
            )
        )


def by_hand(manager: Manager, names: Sequence[str]) -> str:
    """The same for a person's shell: what vdesk adds are options against questions that nobody could answer."""
    return " ".join((*manager.shown.split(), *names))


def _left(host: Host, record: Record) -> list[str]:
    """What vdesk brought and is still there, but for what no machine may lose; where it was stopped half-way, what it
    was about to bring and was not there before."""
    if not host.is_live:
        return []
    came = _came(host, record)
    return sorted(came - vital(host, MANAGERS[record["family"]], sorted(came)))


def _came(host: Host, record: Record) -> frozenset[str]:
    now = there(host, MANAGERS[record["family"]])
    if "new" in record:
        return now & set(record["new"])
    return (now - set(record["before"])) & set(record["planned"] if "planned" in record else record["names"])


def _run(host: Host, argv: Sequence[str], progress: Progress) -> Completed:
    return host.run(argv, timeout=SECONDS, changes=True, on_line=progress)


def _about(ended: Completed, words: Sequence[str]) -> bool:
    said = (ended.stderr + ended.stdout).lower()
    return any(each in said for each in words)


def _judge(manager: Manager, ended: Completed, names: Sequence[str]) -> None:
    """Raise with the package manager's own last words, and what helps against that."""
    if ended.exit_code in manager.fine:
        return
    last = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()][-5:]
    cause = "; ".join(last) or "it said nothing"
    what = f"{manager.program} failed with exit code {ended.exit_code}"
    if _about(ended, LOCKED):
        remedy = "another program is installing: let it end (ps -e | grep -E 'apt|dpkg|dnf|zypper|pacman'), then again"
        raise VdeskError(problem("packages.locked", what, "; ".join(dict.fromkeys([*_holder(ended), *last])), remedy))
    if _about(ended, NO_NETWORK):
        remedy = "look whether this machine is online and its package sources are right, then run vdesk install again"
        if manager.program == "pacman":
            remedy = "bring the system up to date with sudo pacman -Syu, then run vdesk install again"
        raise VdeskError(problem("packages.no-download", what, cause, remedy))
    verb = "install" if "install" in ended.argv or "-S" in ended.argv else "remove"
    remedy = f"run it by hand to see more: sudo {by_hand(manager, names)}"
    raise VdeskError(problem("packages.failed", what, cause, remedy if verb == "install" else _by_hand(ended)))


def _holder(ended: Completed) -> list[str]:
    """Who has the lock, as apt says it while it waits: among its output, not among its errors."""
    return [line.strip() for line in ended.stdout.splitlines() if HELD in line][-1:]


def _by_hand(ended: Completed) -> str:
    return f"run it by hand to see more: {' '.join(ended.argv)}"
