"""What `vdesk doctor` found, worst last, because a terminal is read from its end."""

from __future__ import annotations

from vdesk.model import finding as level
from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer
from vdesk.render.verdict import ORDER
from vdesk.render.views.check import STYLES


def doctor(out: Writer, report: Report, output: Output) -> None:
    """Every finding with its reason, what helps, and the line that it rests on."""
    data = report.data
    out.say("machine", f"{data['name']}, last started {data['started'] or 'at an unknown time'}", "bold")
    for name in ORDER:
        for each in report.findings:
            if each.level == name:
                out.say("FAIL" if name == level.FAIL else name, f"{each.id}: {each.title}", STYLES[name])
                _more(out, each, output)


def _more(out: Writer, each: level.Finding, output: Output) -> None:
    for label, text in (("why", each.cause), ("do", each.remedy)):
        if text:
            out.say(label, text, "dim", indent=9)
    if each.level not in (level.OK, level.INFO) or output.verbose:
        for line in each.evidence.split("; ") if each.id == "doctor.unknown" else (each.evidence,):
            out.say("seen", line, "dim", indent=9, body="dim")
