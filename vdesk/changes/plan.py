"""A plan: what would have to change, decided but not done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vdesk.changes.change import Change
from vdesk.model.finding import Finding


@dataclass(eq=False, repr=False)  # each method that is made costs every start time
class Plan:
    """What a verb would change. Safety rules do not make a plan: they raise Refused.

    `intro` sentences are said with the plan, `notes` after it is done (what to run next), `final` lists what cannot
    be taken
    back, `facts` go into the journal for later plans, `settles` names (entry id, seq) of records that this plan
    takes back."""

    command: str
    title: str
    changes: list[Change] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    intro: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    final: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    settles: list[tuple[int, int]] = field(default_factory=list)
