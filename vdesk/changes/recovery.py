"""What an interrupted vdesk left: an entry whose intent is written and whose end is not."""

from __future__ import annotations

from vdesk.changes import journal as log
from vdesk.changes.executor import Mode, consent
from vdesk.changes.journal import Entry, Journal
from vdesk.host import Host
from vdesk.host.lock import locked
from vdesk.model.errors import INTERRUPTED, HostError, Refused, WrongUsage, problem
from vdesk.model.report import Report

OF_A_FOLDER = "take it back with vdesk undo --yes, and the same --root before it"


def interrupted(host: Host) -> list[Entry]:
    """The open entries; none where this user may not look into the journal."""
    try:
        return Journal(host).interrupted()
    except HostError:
        return []


def finish_interrupted(host: Host, mode: Mode, command: str | None) -> Report | None:
    """Take back what an interrupted command left, asking first; None when there is nothing, or in a dry run."""
    found = interrupted(host)
    if not found or mode.dry_run:
        return None
    from vdesk.changes.undo_views import back_views
    from vdesk.changes.undoing import take_all_back

    with locked(host, log.LOCK):
        pass  # Busy while the vdesk is at work whose entry it is: nobody is asked about that
    names = ", ".join(f"{entry.id} ({entry.command}, {entry.time})" for entry in found)
    shown = Report(
        command,
        changes=back_views(host, found, found)[0],
        notes=[f"vdesk was interrupted before it had finished entry {names}.", "This is taken back first:"],
    )
    try:
        agreed = consent(shown, host, mode)
    except WrongUsage:
        raise Refused(
            problem(
                "journal.open",
                f"an interrupted change waits to be taken back: entry {names}",
                "vdesk, or the machine, was stopped in the middle of it",
                "take it back with: sudo vdesk undo --yes" if host.tree.own else OF_A_FOLDER,
            )
        ) from None
    if not agreed:
        return Report(command, INTERRUPTED, notes=["nothing was changed"])
    report = take_all_back(host, found, mode, command, only_open=True)
    report.notes.insert(0, f"The interrupted entry {names} was taken back first.")
    return report
