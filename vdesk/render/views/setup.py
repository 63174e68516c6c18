"""`vdesk setup` in words: where the machine stands on the road."""

from __future__ import annotations

from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer

STYLES = {"done": "green", "todo": "bold", "planned": "cyan", "blocked": "yellow", "skipped": "dim"}
WORDS = {"todo": "to do", "blocked": "not yet", "skipped": "left out"}


def setup(out: Writer, report: Report, output: Output) -> None:
    """Every step with its state; for those that are left, what to do."""
    for step in report.data["steps"]:
        state = step["state"]
        out.say(WORDS.get(state, state), f"{step['title']}: {step['why']}", STYLES[state])
        if step["command"] and state in ("todo", "blocked"):
            out.say("do", step["command"], "dim", indent=9)
    out.line()
