"""The executor: show, ask, journal, apply, verify, or put back. Dry run lives here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from vdesk import __version__
from vdesk.changes import journal as log
from vdesk.changes.change import Change, Progress
from vdesk.changes.journal import Entry, Journal
from vdesk.changes.plan import Plan
from vdesk.changes.undo import take_back
from vdesk.host import Host
from vdesk.host.lock import locked
from vdesk.host.signals import undisturbed
from vdesk.model import report as state
from vdesk.model.errors import (
    FAILED,
    INTERRUPTED,
    LEFT_OVER,
    HostError,
    NeedsRoot,
    Problem,
    VdeskError,
    WrongUsage,
    problem,
)
from vdesk.model.report import ChangeView, Report


def _silent(text: str) -> None:
    """Progress that nobody watches."""


def _nowhere(place: str, number: int) -> None:
    """A step that nobody stops at."""


class Mode:
    """How a changing command runs. `ask` shows the views and asks; None without a terminal. `reach` is called before
    every step that counts (its name, its number): tests stop the process there."""

    def __init__(
        self,
        dry_run: bool = False,
        yes: bool = False,
        ask: Callable[[Report], bool] | None = None,
        show: Callable[[Report], None] | None = None,
        progress: Progress = _silent,
        reach: Callable[[str, int], None] = _nowhere,
    ) -> None:
        self.dry_run, self.yes, self.ask, self.show = dry_run, yes, ask, show
        self.progress, self.reach = progress, reach


def run(plan: Plan, host: Host, mode: Mode) -> Report:
    """Carry out the plan; the Report says what became of each change. Raises WrongUsage and NeedsRoot before any
    change."""
    report = Report(
        plan.command,
        data=plan.data,
        findings=list(plan.findings),
        changes=[change.view(host) for change in plan.changes],
        notes=list(plan.intro) if not plan.changes or mode.dry_run else [],
    )
    if not plan.changes:
        report.notes += plan.notes
        return report
    if mode.dry_run:
        report.notes += plan.final
        return report
    shown = Report(plan.command, findings=report.findings, changes=report.changes, notes=plan.intro + plan.final)
    if not consent(shown, host, mode):
        report.exit_code, report.data = INTERRUPTED, {}  # what would be true of a machine that was changed
        report.notes.append("nothing was changed")
        return report
    journal = Journal(host)
    journal.prepare()
    with locked(host, log.LOCK):
        for change in plan.changes:
            change.check(host)
        _Run(plan, host, mode, journal, report).carry_out()
    if report.exit_code == 0:
        report.notes += plan.notes
    return report


def consent(shown: Report, host: Host, mode: Mode, root: bool = True) -> bool:
    """Whether to go on: `--yes`, or a yes on the terminal. WrongUsage without a terminal, NeedsRoot without root where
    it is this machine that changes, Refused where root would run or believe what others can write."""
    may_change(host, mode, root)
    if mode.yes or mode.ask is None:
        if mode.show:
            mode.show(shown)
        return True
    agreed = mode.ask(shown)
    host.tree.forget()  # where links led while somebody thought about it
    return agreed


def may_change(host: Host, mode: Mode, root: bool = True) -> None:
    """Raise, before anybody is asked, what `consent` raises."""
    from vdesk.host.trust import refuse_unsafe

    if not mode.yes and mode.ask is None:
        raise WrongUsage(
            problem(
                "usage.confirmation",
                "this command changes the machine and there is no terminal to ask on",
                "without --yes, vdesk changes nothing that nobody has agreed to",
                "look at the plan with --dry-run, then run it with --yes",
            )
        )
    if root and host.needs_root:
        raise NeedsRoot(
            problem(
                "root.needed", "this command needs root", "it changes the machine", "run the same command with sudo"
            )
        )
    refuse_unsafe(host)


class _Run:
    """One journal entry in the making."""

    def __init__(self, plan: Plan, host: Host, mode: Mode, journal: Journal, report: Report) -> None:
        self.plan, self.host, self.mode, self.journal, self.report = plan, host, mode, journal, report
        self.reached = 0

    def carry_out(self) -> None:
        """Make the changes; on failure or interrupt put back what was done."""
        entry = self.journal.begin(self.plan.command, self.plan.facts, __version__)
        try:
            for change, view in zip(self.plan.changes, self.report.changes, strict=True):
                self._one(entry, change, view)
            self._reach("close")
            self._finish(entry, self.plan.settles)
        except KeyboardInterrupt:
            self._put_back(entry, INTERRUPTED, _interrupted())
        except VdeskError as error:
            self._put_back(entry, FAILED, *error.problems)
        except Exception as error:
            self._put_back(entry, FAILED, _bug(error))

    def _finish(self, entry: Entry, settles: list[tuple[int, int]]) -> None:
        """Write down the end, in one line. An interrupt comes too late for that."""
        try:
            with undisturbed():
                self.journal.close(entry, settles)
        except KeyboardInterrupt:
            return  # held back until here: all is done, and written down

    def _one(self, entry: Entry, change: Change, view: ChangeView) -> None:
        self.mode.progress(change.summary)
        record = change.record(self.host)
        self._reach("intent")
        step = self.journal.intend(entry, change.kind, change.target, change.summary, record)
        view.state = state.CHANGE_FAILED
        self._reach("apply")
        if change.apply(self.host, self.mode.progress):
            change.verify(self.host)
            self._reach("done")
            self.journal.mark(entry, step, log.DONE, change.done(self.host))
            view.state = state.DONE
        else:
            self.journal.mark(entry, step, log.SKIPPED)
            view.state = state.SKIPPED

    def _put_back(self, entry: Entry, code: int, *problems: Problem) -> None:
        self.report.errors += problems
        self.report.data = {}
        left = take_back(self.host, self.journal, entry, entry.undoable, self.mode.progress, self._reach)
        self.report.exit_code = LEFT_OVER if left else code
        for step, view in zip(entry.steps, self.report.changes, strict=False):
            failed_here = view.state == state.CHANGE_FAILED
            view.state = state.UNDONE if step.state == log.UNDONE and not failed_here else view.state
        for leftover in left:
            self.report.errors += leftover.problems
        self._reach("close")
        try:
            self._finish(entry, [])
        except HostError as error:  # a full disk: the machine is back all the same, and undo of nothing is harmless
            self.report.errors += error.problems

    def _reach(self, place: str) -> None:
        self.reached += 1
        self.mode.reach(place, self.reached)


def _interrupted() -> Problem:
    return problem(
        "interrupted",
        "the command was interrupted",
        "Ctrl-C, or the end of the terminal",
        "everything it had changed was put back; run it again when you want to",
    )


def _bug(error: Exception) -> Problem:
    return problem(
        "internal",
        f"vdesk itself failed: {type(error).__name__}: {error}",
        "this is a mistake in vdesk, not yours",
        "everything was put back; run the same command with -v and send what it prints",
    )
