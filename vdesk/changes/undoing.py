"""`vdesk undo`: choose entries, show what would be taken back, ask, take back."""

from __future__ import annotations

from collections.abc import Callable, Collection

from vdesk.changes import journal as log
from vdesk.changes.executor import Mode, consent
from vdesk.changes.journal import Entry, Journal
from vdesk.changes.undo import take_back
from vdesk.changes.undo_views import back_view, back_views, explained
from vdesk.host import Host
from vdesk.host.lock import locked
from vdesk.host.signals import undisturbed
from vdesk.model import report as state
from vdesk.model.errors import (
    INTERRUPTED,
    LEFT_OVER,
    OK,
    Denied,
    HostError,
    NeedsRoot,
    Problem,
    WrongUsage,
    problem,
)
from vdesk.model.report import Report

OF_VMS = frozenset(
    {
        *("domain", "undefine", "firmware-words", "device-attach", "device-detach", "network-autostart"),
        *("disk", "disk-removal", "answers-removal", "volume"),
    }
)
"""Kinds of change that make or unmake a virtual machine and its disks: what `undo --all --keep vms` leaves alone."""


def entries(host: Host) -> list[Entry]:
    """The journal's entries; NeedsRoot when this user may not look into it, Denied where it is a captured machine's:
    no sudo is proposed for that, which would work on this machine once the folder is left out."""
    try:
        return Journal(host).entries()
    except Denied as error:
        if not host.tree.own:
            what = "the journal of this captured machine belongs to another user"
            raise Denied(error.path, error.cause, what) from error
        raise NeedsRoot(
            problem(
                "root.needed", "the journal can be read by root only", error.cause, "run the same command with sudo"
            )
        ) from error


def readable_entries(host: Host) -> list[Entry]:
    """The entries as far as this user may look, for a plan that is only shown: a dry run needs no root."""
    try:
        return Journal(host).entries()
    except Denied:
        return []


def history(host: Host) -> Report:
    """Every entry, oldest first."""
    found = [
        {
            "id": entry.id,
            "time": entry.time,
            "command": entry.command,
            "state": entry.state,
            "changes": [
                {"kind": step.kind, "target": step.target, "summary": step.summary, "state": step.state}
                for step in entry.steps
            ],
        }
        for entry in entries(host)
    ]
    return Report("history", data={"entries": found})


def undo(host: Host, number: int | None, everything: bool, mode: Mode, keep: Collection[str] = ()) -> Report:
    """Take back one entry, or all but the families of `keep`, newest first; by default what was interrupted, else the
    last one in force."""
    from vdesk.changes import choices

    known = entries(host)
    live = _choose(known, number, everything)
    chosen = [entry for entry in live if not _is_kept(entry, keep)]
    stays = ", ".join(f"{entry.id} ({entry.command})" for entry in live if entry not in chosen)
    views, problems = back_views(host, chosen, known)
    report = Report("undo", data={"entries": [entry.id for entry in chosen]}, changes=views)
    report.errors = [*problems, *(damaged(entry) for entry in chosen if entry.damaged)]
    report.exit_code = LEFT_OVER if report.errors else OK
    if not report.changes and not report.errors:
        report.notes.append(f"There is nothing to take back{f' but what is kept: {stays}' if stays else ''}.")
        return report
    kept = [f"Kept: {stays}"] if stays else []
    if mode.dry_run or not report.changes:
        report.notes += kept
        return report
    if not consent(Report("undo", changes=report.changes, notes=[*kept, "Take back:"]), host, mode):
        return Report("undo", INTERRUPTED, notes=["nothing was changed"])
    report = take_all_back(host, chosen, mode, "undo")
    if everything and not keep and not report.errors and choices.forget(host):
        report.notes.append("What was chosen in vdesk setup is forgotten, too.")
    report.notes += kept
    return report


def _choose(found: list[Entry], number: int | None, everything: bool) -> list[Entry]:
    live = [entry for entry in reversed(found) if entry.state not in (log.TAKEN_BACK, log.SPENT, log.SKIPPED)]
    if everything:
        return live
    if number is None:
        return [entry for entry in live if entry.state == log.OPEN] or live[:1]
    if number not in [entry.id for entry in found]:
        raise WrongUsage(
            problem(
                "usage.no-entry", f"there is no entry {number}", "the journal does not have it", "see: vdesk history"
            )
        )
    return [entry for entry in live if entry.id == number]


def _is_kept(entry: Entry, keep: Collection[str]) -> bool:
    of_vms = any(step.kind in OF_VMS for step in entry.steps)
    if entry.command == log.UNKNOWN and not of_vms:
        return bool(set(keep) - {"vms"})  # it may be of what is kept
    return "vms" in keep if of_vms else entry.command.partition(" ")[0].removeprefix("un") in keep


def damaged(entry: Entry) -> Problem:
    """What is said of an entry of which not all can be read."""
    return problem(
        "journal.damaged",
        f"entry {entry.id} of the journal is damaged: not all that it changed can be taken back",
        f"lines of {log.path_of(entry)} are not what vdesk wrote",
        f"look into the file, take back by hand what it names, then move it away: sudo mv {log.path_of(entry)} /root/",
    )


def take_all_back(
    host: Host, chosen: list[Entry], mode: Mode, command: str | None, *, only_open: bool = False
) -> Report:
    """Take the entries back; exit 5 with what is left where something could not be.

    The journal is read again under the lock: another vdesk may have come to its end since they were chosen. With
    `only_open` what it has finished stays."""
    journal = Journal(host)
    report = Report(command, data={"entries": [entry.id for entry in chosen]})
    with locked(host, log.LOCK):
        now = {entry.id: entry for entry in journal.entries()}
        for entry in (now[each.id] for each in chosen if each.id in now):
            if entry.state == log.OPEN or not only_open:
                _entry_back(host, journal, entry, mode, report, now.values())
                report.errors += [damaged(entry)] if entry.damaged else []
    if report.errors:
        report.exit_code = LEFT_OVER
    if any(view.state == state.CHANGE_FAILED for view in report.changes):
        report.notes.append("What is listed as failed is still in force; vdesk undo tries it again.")
    return report


def _entry_back(
    host: Host, journal: Journal, entry: Entry, mode: Mode, report: Report, known: Collection[Entry]
) -> None:
    """Take an entry back, between two lines of the journal; an interrupt waits until it is done with."""
    steps = entry.undoable
    if not steps and entry.damaged:
        return
    views = [back_view(host, step) for step in steps]
    with undisturbed():
        if entry.closed:
            _noted(journal.reopen, entry)  # where that fails (a full disk) the machine comes first
        left = take_back(host, journal, entry, steps, mode.progress)
        failed = [leftover.step.seq for leftover in left]
        for step, view in zip(steps, views, strict=True):
            if step.seq in failed:
                view.state, view.diff = state.CHANGE_FAILED, ""
            else:
                view.state = state.UNDONE
        report.changes += views
        for leftover in left:
            report.errors += explained(leftover.problems, entry, leftover.step, known)
        if not entry.closed:
            report.errors += _noted(journal.close, entry)


def _noted(write: Callable[[Entry], None], entry: Entry) -> tuple[Problem, ...]:
    try:
        write(entry)
    except HostError as error:
        return error.problems
    return ()
