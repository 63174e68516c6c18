"""The findings of `vdesk check` in one sentence, and the next step."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.model import finding as level
from vdesk.model.finding import Finding

ORDER = (level.OK, level.INFO, level.UNKNOWN, level.WARN, level.FAIL)
IOMMU = {
    "on": "the IOMMU is on",
    "on-without-irq-remap": "the IOMMU is on, without interrupt remapping",
    "off-in-kernel": "the firmware has an IOMMU, the kernel does not use it",
    "off-in-firmware": "the firmware shows no IOMMU",
    "no-virtualization": "the processor's virtualization is off or missing",
    "unknown": "the state of the IOMMU could not be told",
}


def verdict(findings: Sequence[Finding], ready: bool, iommu: str) -> tuple[str, str]:
    """The sentence, and what to do next (empty where the machine is ready); `iommu` is a state of kernel.iommu."""
    counts = {name: sum(each.level == name for each in findings) for name in ORDER}
    state = IOMMU.get(iommu, "")
    if ready:
        more = f", with {_count(counts[level.WARN], 'warning')}" if counts[level.WARN] else ""
        return f"This machine is ready for passthrough{more}: {state}.", ""
    bad = _count(counts[level.FAIL], "problem") if counts[level.FAIL] else "something that could not be told"
    first = next((each for each in findings if each.level == level.FAIL), None)
    first = first or next((each for each in findings if each.level == level.UNKNOWN), None)
    return f"This machine is not ready for passthrough: {bad}; {state}.", first.remedy if first else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
