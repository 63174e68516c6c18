"""What an undo will do, seen before it does anything: each step in its turn, and what stays, with the reason."""

from __future__ import annotations

from collections.abc import Iterable

from vdesk.changes.change import KINDS, Ahead, kind_of
from vdesk.changes.journal import Entry, Step
from vdesk.changes.undo import UNUSABLE, unusable
from vdesk.host import Host
from vdesk.model import report as state
from vdesk.model.errors import Problem, VdeskError, problem
from vdesk.model.report import ChangeView


def back_views(
    host: Host, chosen: Iterable[Entry], known: Iterable[Entry]
) -> tuple[list[ChangeView], list[Problem]]:
    """What would be taken back, in that order, as changes are shown; what stays is `skipped`, and is a problem too.

    `known` are the entries that there are: what stays may be for one of them."""
    ahead: Ahead = {}
    views: list[ChangeView] = []
    problems: list[Problem] = []
    for entry in chosen:
        for step in entry.undoable:
            view = back_view(host, step)
            found = explained(_foreseen(host, step, view, ahead), entry, step, known)
            if found:
                view.summary, view.state, view.diff = f"{found[0].what} ({found[0].cause})", state.SKIPPED, ""
            views.append(view)
            problems += found
    return views, problems


def back_view(host: Host, step: Step) -> ChangeView:
    """A step as it is shown when it is taken back."""
    try:
        diff = kind_of(step.kind).undo_preview(host, step.record)
    except (VdeskError, *UNUSABLE):
        diff = ""
    return ChangeView(step.kind, step.target, f"take back: {step.summary}", diff)


def _foreseen(host: Host, step: Step, view: ChangeView, ahead: Ahead) -> tuple[Problem, ...]:
    """Why a step will stay, nothing where it will not: then its view has the diff, and it is ahead of the others."""
    try:
        view.diff = kind_of(step.kind).foresee(host, step.record, ahead)
    except VdeskError as error:
        if not any(_same(step, kind, target) for kind, target in ahead):
            return error.problems  # else it is as a change left it that is taken back before
    except UNUSABLE as error:
        return (unusable(step, error),)
    ahead[step.kind, step.target] = step.record
    return ()


def explained(
    problems: tuple[Problem, ...], entry: Entry, step: Step, known: Iterable[Entry]
) -> tuple[Problem, ...]:
    """The same, but where it was later commands of vdesk's that changed the thing since: these go first."""
    later = [
        each
        for each in sorted(known, key=lambda each: each.id, reverse=True)
        if each.id > entry.id and any(other.in_force and _touches(step, other) for other in each.steps)
    ]
    if not later or [each.id for each in problems] != ["undo.changed-since"]:
        return problems
    cause = f"a later command changed it too: entry {later[0].id} ({later[0].command})"
    remedy = (
        f"take that back first with: sudo vdesk undo {later[0].id}; or everything, newest first: sudo vdesk undo --all"
    )
    if len(later) > 1:
        names = ", ".join(f"{each.id} ({each.command})" for each in later)
        way = "; ".join(f"sudo vdesk undo {each.id}" for each in later)
        cause = f"later commands changed it too: entries {names}"
        remedy = f"take these back first, in this order: {way}; or everything, newest first: sudo vdesk undo --all"
    return (problem(problems[0].id, problems[0].what, cause, remedy),)


def _touches(step: Step, other: Step) -> bool:
    """Whether a later change, of whatever kind, is of the same thing."""
    return other.target == step.target or _same(step, other.kind, other.target)


def _same(step: Step, kind: str, target: str) -> bool:
    """Whether another change is of the same thing."""
    return step.kind == kind and (step.target == target or (kind in KINDS and kind_of(kind).one_thing))
