"""A plan: what would have to change, decided but not done."""

from __future__ import annotations

from typing import Any

from vdesk.changes.change import Change
from vdesk.model.finding import Finding


class Plan:
    """What a verb would change. Safety rules do not make a plan: they raise Refused.

    `intro` sentences are said with the plan, `notes` after it is done (what to run next), `final` lists what cannot
    be taken back, `facts` go into the journal for later plans, `settles` names (entry id, seq) of records that this
    plan takes back."""

    def __init__(
        self,
        command: str,
        title: str,
        changes: list[Change] | None = None,
        data: dict[str, Any] | None = None,
        findings: list[Finding] | None = None,
    ) -> None:
        self.command, self.title = command, title
        self.changes = [] if changes is None else changes
        self.data = {} if data is None else data
        self.findings = [] if findings is None else findings
        self.intro: list[str] = []
        self.notes: list[str] = []
        self.final: list[str] = []
        self.facts: dict[str, Any] = {}
        self.settles: list[tuple[int, int]] = []
