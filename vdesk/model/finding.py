"""Findings: what a check saw, at which level, on which evidence, and what to do about it."""

from __future__ import annotations

from typing import Any

from vdesk.model.record import Record

OK, INFO, WARN, FAIL, UNKNOWN = "ok", "info", "warn", "fail", "unknown"
LEVELS = (OK, INFO, WARN, FAIL, UNKNOWN)


class Finding(Record):
    """One answer of a check; `evidence` names the file, line or command that it rests on."""

    id: str
    level: str
    title: str
    cause: str = ""
    remedy: str = ""
    evidence: str = ""
    device: str = ""

    def as_json(self) -> dict[str, Any]:
        """The finding with the keys of the contract; `device` only where it speaks of one card."""
        keys = self._asdict()
        if not self.device:
            del keys["device"]
        return keys


def finding(
    id: str, level: str, title: str, *, cause: str = "", remedy: str = "", evidence: str, device: str = ""
) -> Finding:
    """A Finding that is complete: every one has evidence, and all but ok and info say why and what helps."""
    if level not in LEVELS:
        raise ValueError(f"{id}: no such level: {level}")
    if not (title and evidence):
        raise ValueError(f"{id}: a finding needs a title and its evidence")
    if level in (WARN, FAIL, UNKNOWN) and not (cause and remedy):
        raise ValueError(f"{id}: a finding of level {level} needs a cause and a remedy")
    return Finding(id, level, title, cause, remedy, evidence, device)
