"""boot.loader: which boot loader this machine uses, and whether vdesk can put an argument into it."""

from __future__ import annotations

from vdesk.boot import by_hand
from vdesk.boot.detect import loader
from vdesk.checks.machine import Machine
from vdesk.model.finding import INFO, OK, UNKNOWN, WARN, Finding, finding

NAME = "boot.loader"
WORDS = ["intel_iommu=on"]


def findings(machine: Machine) -> list[Finding]:
    """The one finding."""
    return [_finding(machine)]


def _finding(machine: Machine) -> Finding:
    found = loader(machine.host)
    if found.name == "unknown":
        title, cause = "it could not be told which boot loader this machine uses", found.evidence
        return finding(NAME, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=found.evidence)
    needless = machine.iommu.is_on or machine.iommu.vendor == "amd"
    if found.supported and not found.doubt:
        return finding(NAME, OK, "GRUB, as vdesk can set it up", evidence=found.evidence)
    if found.supported:
        title = f"GRUB is set up here, but {found.doubt} may be the loader in use"
        cause = "both lie on the disk, and neither named itself at the last boot"
        remedy = "see which one booted with: bootctl status"
        return finding(NAME, WARN, title, cause=cause, remedy=remedy, evidence=found.evidence)
    title = f"the boot loader is {found.name}; vdesk does not edit it"
    if needless:
        return finding(NAME, INFO, f"{title}, and need not", evidence=found.evidence)
    cause = "vdesk iommu enable knows GRUB as Debian and Ubuntu have it"
    remedy = by_hand.add(machine.host, found, WORDS)
    return finding(NAME, WARN, title, cause=cause, remedy=remedy, evidence=found.evidence)
