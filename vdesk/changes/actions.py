"""What a command does that leaves nothing to take back later, such as starting a machine: shown, asked, done, and put
back only when a later step of the same command fails. The journal keeps no record of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vdesk.changes.change import Progress
from vdesk.changes.executor import Mode, consent
from vdesk.host import Host
from vdesk.model import report as state
from vdesk.model.errors import FAILED, INTERRUPTED, LEFT_OVER, VdeskError, problem
from vdesk.model.report import ChangeView, Report

Do = Callable[[Progress], None]


@dataclass
class Action:
    """One step: what is shown, how it is done, and how it is put back when a later one fails.

    After a `final` one nothing is put back any more: what came before is in use."""

    kind: str
    target: str
    summary: str
    do: Do
    undo: Do | None = None
    final: bool = False


@dataclass
class Actions:
    """The steps of a command. `ask` whether a person has to agree first, and `here` whether it is this machine that
    changes, so that root is needed; `notes` are said when all is done."""

    command: str
    steps: list[Action]
    data: dict[str, Any] = field(default_factory=dict)
    intro: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ask: bool = False
    here: bool = True


def act(actions: Actions, host: Host, mode: Mode) -> Report:
    """Do the steps in order; a dry run shows them."""
    views = [ChangeView(step.kind, step.target, step.summary) for step in actions.steps]
    report = Report(actions.command, data=actions.data, changes=views, notes=list(actions.intro))
    if mode.dry_run or not views:
        report.notes += actions.notes if not views else []
        return report
    if not actions.ask:
        from vdesk.host.trust import refuse_unsafe

        refuse_unsafe(host)
    elif not consent(Report(actions.command, changes=views, notes=actions.intro), host, mode, actions.here):
        return Report(actions.command, INTERRUPTED, changes=views, notes=["nothing was changed"])
    done: list[tuple[Action, ChangeView]] = []
    try:
        for step, view in zip(actions.steps, views, strict=True):
            mode.progress(step.summary)
            view.state = state.CHANGE_FAILED
            step.do(mode.progress)
            view.state = state.DONE
            done = [] if step.final else [*done, (step, view)]
    except KeyboardInterrupt:
        report.errors.append(
            problem("interrupted", "interrupted", "Ctrl-C", "run the same command again when you want to")
        )
        _put_back(done, report, INTERRUPTED, mode.progress)
    except VdeskError as error:
        report.errors += error.problems
        if any(each.id == "libvirt.timeout" for each in error.problems):
            report.exit_code = LEFT_OVER  # it may still happen there, so what it needs stays
        else:
            _put_back(done, report, FAILED, mode.progress)
    else:
        report.notes += actions.notes
    return report


def _put_back(done: list[tuple[Action, ChangeView]], report: Report, code: int, progress: Progress) -> None:
    report.exit_code = code
    for step, view in reversed(done):
        if step.undo is None:
            continue
        try:
            step.undo(progress)
            view.state = state.UNDONE
        except VdeskError as error:
            report.errors += error.problems
            report.exit_code = LEFT_OVER
