"""The one result of every command, from which text and JSON are rendered."""

from __future__ import annotations

from typing import Any

from vdesk.model.errors import FAILED, NOT_READY, OK, VdeskError, rules
from vdesk.model.errors import Problem as Problem
from vdesk.model.finding import Finding

PLANNED, DONE, SKIPPED, UNDONE, CHANGE_FAILED = "planned", "done", "skipped", "undone", "failed"


class ChangeView:
    """One change as it is shown: kind, target, one line, its preview, and what became of it."""

    def __init__(self, kind: str, target: str, summary: str, diff: str = "", state: str = PLANNED) -> None:
        self.kind, self.target, self.summary, self.diff, self.state = kind, target, summary, diff, state

    def as_json(self) -> dict[str, Any]:
        """The change with the keys of the contract."""
        return {
            "kind": self.kind,
            "target": self.target,
            "summary": self.summary,
            "diff": self.diff,
            "state": self.state,
        }


class Report:
    """What a command found, changed and refused; `notes` are sentences for a person, said after the result."""

    def __init__(
        self,
        command: str | None,
        exit_code: int = OK,
        data: dict[str, Any] | None = None,
        findings: list[Finding] | None = None,
        changes: list[ChangeView] | None = None,
        errors: list[Problem] | None = None,
        notes: list[str] | None = None,
    ) -> None:
        self.command, self.exit_code = command, exit_code
        self.data, self.findings, self.changes = data or {}, findings or [], changes or []
        self.errors, self.notes = errors or [], notes or []

    @property
    def status(self) -> str:
        """`ok`, `failed`, `refused` or `not-ready`, as the contract maps it from the exit code."""
        if self.exit_code == OK:
            return "ok"
        if self.exit_code == NOT_READY:
            return "refused" if self.errors else "not-ready"
        return "failed"

    def as_json(self) -> dict[str, Any]:
        """The envelope of the contract."""
        return {
            "vdesk": 1,
            "command": self.command,
            "status": self.status,
            "exit_code": self.exit_code,
            "data": self.data,
            "findings": [each.as_json() for each in self.findings],
            "changes": [each.as_json() for each in self.changes],
            "errors": [each._asdict() for each in self.errors],
        }


def from_error(command: str | None, error: VdeskError, **more: Any) -> Report:
    """The Report of a command that ended in `error`."""
    return Report(command, error.exit_code or FAILED, errors=list(error.problems), **more)


__all__ = ["ChangeView", "Problem", "Report", "from_error", "rules"]
