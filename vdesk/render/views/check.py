"""The findings of `vdesk check`, worst last, because a terminal is read from its end; then the verdict and the next
step."""

from __future__ import annotations

from vdesk.model import finding as level
from vdesk.model.finding import Finding
from vdesk.model.report import Report
from vdesk.render import Output
from vdesk.render.text import Writer

STYLES = {level.OK: "green", level.INFO: "cyan", level.WARN: "yellow", level.UNKNOWN: "magenta", level.FAIL: "bold red"}
ORDER = (level.OK, level.INFO, level.UNKNOWN, level.WARN, level.FAIL)
IOMMU = {
    "on": "the IOMMU is on",
    "on-without-irq-remap": "the IOMMU is on, without interrupt remapping",
    "off-in-kernel": "the firmware has an IOMMU, the kernel does not use it",
    "off-in-firmware": "the firmware shows no IOMMU",
    "no-virtualization": "the processor's virtualization is off or missing",
    "unknown": "the state of the IOMMU could not be told",
}


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
    counts = {name: sum(each.level == name for each in report.findings) for name in ORDER}
    state = IOMMU.get(str(report.data.get("iommu")), "")
    if report.exit_code == 0:
        more = f", with {_count(counts[level.WARN], 'warning')}" if counts[level.WARN] else ""
        out.line(f"This machine is ready for passthrough{more}: {state}.", "bold green")
        return
    bad = _count(counts[level.FAIL], "problem") if counts[level.FAIL] else "something that could not be told"
    out.line(f"This machine is not ready for passthrough: {bad}; {state}.", "bold red")
    first = next((each for each in report.findings if each.level == level.FAIL), None)
    first = first or next((each for each in report.findings if each.level == level.UNKNOWN), None)
    if first is not None:
        out.say("next", first.remedy, "bold")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
