"""The findings of `vdesk check`, worst last, because a terminal is read from its end; then the verdict and the next
step."""

from __future__ import annotations

from vdesk.model import finding as level
from vdesk.model.finding import Finding
from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer
from vdesk.render.verdict import ORDER, verdict

STYLES = {level.OK: "green", level.INFO: "cyan", level.WARN: "yellow", level.UNKNOWN: "magenta", level.FAIL: "bold red"}


def check(out: Writer, report: Report, output: Output) -> None:
    """Findings in the order of their level."""
    for name in ORDER:
        for each in report.findings:
            if each.level == name:
                _finding(out, each, output)
    _verdict(out, report)


def _finding(out: Writer, each: Finding, output: Output) -> None:
    where = f" {each.device}" if each.device else ""
    out.say("FAIL" if each.level == level.FAIL else each.level, f"{each.id}{where}: {each.title}", STYLES[each.level])
    if each.level in (level.OK, level.INFO) and not output.verbose:
        if each.level == level.INFO and each.remedy:
            out.say("do", each.remedy, "dim", indent=9)
        return
    for label, text in (("why", each.cause), ("do", each.remedy), ("seen", each.evidence)):
        if text:
            out.say(label, text, "dim", indent=9, body="dim" if label == "seen" else "")


def _verdict(out: Writer, report: Report) -> None:
    out.line()
    ready = report.exit_code == 0
    sentence, step = verdict(report.findings, ready, str(report.data.get("iommu")))
    out.line(sentence, "bold green" if ready else "bold red")
    if step:
        out.say("next", step, "bold")
        out.say("", "or be led through all of it: sudo vdesk setup")
