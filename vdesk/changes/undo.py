"""Taking changes back from the journal: in reverse, past a failure, with what is left named."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vdesk.changes import journal as log
from vdesk.changes.change import Progress, kind_of
from vdesk.changes.journal import Entry, Journal, Step
from vdesk.host import Host
from vdesk.model.errors import HostError, Problem, VdeskError, problem
from vdesk.model.record import Record

UNUSABLE = (ValueError, KeyError, TypeError, AttributeError)
"""What a record that makes no sense ends in."""


class Leftover(Record):
    """A step that could not be taken back, and why."""

    entry: int
    step: Step
    problems: tuple[Problem, ...]


def take_back(
    host: Host,
    journal: Journal,
    entry: Entry,
    steps: Iterable[Step],
    progress: Progress,
    reach: Callable[[str], None] = lambda place: None,
) -> list[Leftover]:
    """Revert the steps in the order given, never stopping at the first failure; what is left is returned.

    Interrupts do not reach it: a second Ctrl-C must not leave half of the way back undone."""
    from vdesk.host.signals import undisturbed

    left: list[Leftover] = []
    with undisturbed():
        for step in steps:
            reach("revert")
            problems = _one(host, step, progress)
            reach("reverted")
            if problems:
                left.append(Leftover(entry.id, step, problems))
            _mark(journal, entry, step, log.FAILED if problems else log.UNDONE, left)
    return left


def _one(host: Host, step: Step, progress: Progress) -> tuple[Problem, ...]:
    try:
        kind = kind_of(step.kind)
        kind.can_undo(host, step.record)
        progress(f"back: {step.summary}")
        kind.revert(host, step.record, progress)
    except VdeskError as error:
        return error.problems
    except UNUSABLE as error:
        return (unusable(step, error),)
    return ()


def unusable(step: Step, error: Exception) -> Problem:
    """What is said of a step whose record makes no sense."""
    return problem(
        "journal.damaged",
        f"the journal's record of {step.target} cannot be used",
        f"{type(error).__name__}: {error}",
        "take the change back by hand; its summary is shown by: vdesk history",
    )


def _mark(journal: Journal, entry: Entry, step: Step, state: str, left: list[Leftover]) -> None:
    try:
        journal.mark(entry, step, state)
    except (
        HostError
    ) as error:  # the disk is full: the machine is back, only its book is not; undo again later is harmless
        left.append(Leftover(entry.id, step, error.problems))
