"""kernel.log: what the kernel said of the IOMMU at boot. Evidence for a person; the decision is kernel.iommu's."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.checks.machine import Machine
from vdesk.model.finding import INFO, OK, UNKNOWN, WARN, Finding, finding

NAME = "kernel.log"
SHOWN = 12
PARSED = "DMAR: IOMMU enabled"
KEY_LINES = (
    PARSED,
    "DMAR: IOMMU disabled",
    "DMAR: Disable GFX device mapping",
    "DMAR: Disable integrated GPU device mapping",
    "DMAR: Intel-IOMMU force enabled due to platform opt in",
    "DMAR-IR: Enabled IRQ remapping",
    "DMAR: Intel(R) Virtualization Technology for Directed I/O",
    "AMD-Vi: Interrupt remapping enabled",
)


class Known(NamedTuple):
    """A line that tells of a failure, why it comes, and what helps."""

    words: str
    cause: str
    remedy: str


FIRMWARE_UPDATE = "update the firmware of the board"
KNOWN = (
    Known("DMAR: Initialization failed", "the kernel could not start VT-d", FIRMWARE_UPDATE),
    Known("DMAR: Parse DMAR table failure", "the firmware's DMAR table is broken", FIRMWARE_UPDATE),
    Known("Your BIOS is broken; DMAR", "the firmware's DMAR table is broken", FIRMWARE_UPDATE),
    Known("No DRHD structure found in DMAR table", "the firmware's DMAR table names no unit", FIRMWARE_UPDATE),
    Known("AMD-Vi: IVRS table error", "the firmware's IVRS table is broken", FIRMWARE_UPDATE),
    Known("IVRS invalid checksum", "the firmware's IVRS table is broken", FIRMWARE_UPDATE),
    Known("Failed to initialize IOMMU Hardware", "the kernel could not start AMD's IOMMU", FIRMWARE_UPDATE),
    Known("AMD-Vi: Disable IOMMU on Stoney Ridge", "the kernel leaves it off on this chip", "use another machine"),
    Known(
        "handling fault status reg",
        "a device accesses memory that the IOMMU does not give it",
        "see which device with: journalctl -k -b --grep DMAR; for the integrated graphics:"
        " sudo vdesk iommu enable --igfx-off",
    ),
    Known(
        "Unknown option - ",
        "an argument of the IOMMU is misspelt: there is no intel_iommu=pt, and no amd_iommu=on",
        "sudo vdesk iommu enable --pt where iommu=pt was meant",
    ),
    Known(
        "Disabling IOMMU for graphics",
        "the kernel leaves the integrated graphics out on this chip",
        "nothing to do, unless the integrated graphics is to go to the virtual machine",
    ),
    Known(
        "can't reserve [mem",
        "something of this machine still uses the card's memory, often the boot's framebuffer",
        "make another card the primary one in the firmware setup",
    ),
    Known(
        "from D3cold to D0",
        "a device did not wake up and is dead until the power is off",
        "power the machine off completely and on again",
    ),
    Known(
        "RMRR requirement",
        "the firmware keeps memory for a device, which can then not be handed over",
        "look for an option on shared memory features in the firmware setup, or use another device",
    ),
    Known(
        "have a 1:1 IOMMU mapping",
        "the firmware keeps memory for a device, which can then not be handed over",
        "look for an option on shared memory features in the firmware setup, or use another device",
    ),
)


def findings(machine: Machine) -> list[Finding]:
    """The one finding."""
    return [_finding(machine)]


def _finding(machine: Machine) -> Finding:
    log = machine.log
    if log.lines is None:
        return finding(
            NAME,
            UNKNOWN,
            "the kernel's log could not be read",
            cause=log.reason,
            remedy=f"{machine.see_more}; or join the group systemd-journal or adm",
            evidence=log.source,
        )
    lines = machine.iommu.log or ()
    evidence = f"{log.source}: " + "; ".join(lines[:SHOWN]) if lines else f"{log.source}: no line about the IOMMU"
    failures = [(known, line) for known in KNOWN if (line := log.first(known.words))]
    if failures:
        known, line = failures[0]
        cause = "; ".join(dict.fromkeys(each.cause for each, _ in failures))
        seen = f"{log.source}: " + "; ".join(line for _, line in failures)
        return finding(NAME, WARN, f"the kernel says: {line}", cause=cause, remedy=known.remedy, evidence=seen)
    if log.first(PARSED) and not machine.iommu.is_on:
        return finding(
            NAME,
            WARN,
            f"the kernel says {PARSED}, and there is no group",
            cause="that line only says that intel_iommu=on was understood; it is no sign that an IOMMU works",
            remedy="go by kernel.iommu and firmware.iommu, not by this line",
            evidence=evidence,
        )
    key = [line for line in lines if line.startswith(KEY_LINES)]
    if key:
        return finding(NAME, OK, "the kernel says: " + "; ".join(key), evidence=evidence)
    partly = "" if log.complete else ", but the start of the boot is no longer in it"
    return finding(NAME, INFO, f"the kernel's log has no line that an IOMMU was started{partly}", evidence=evidence)
