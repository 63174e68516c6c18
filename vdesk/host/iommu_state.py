"""Whether the IOMMU works, from the kernel's own facts: ACPI tables, /sys/class/iommu, /sys/kernel/iommu_groups.

The log only decides about interrupt remapping, which has no file of its own (drivers/iommu/intel/irq_remapping.c)."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.host import acpi, cmdline
from vdesk.host.cpu import cpu
from vdesk.host.groups import group_ids
from vdesk.host.host import Host
from vdesk.host.kernel_log import KernelLog, kernel_log
from vdesk.host.pci import GROUPS
from vdesk.model.errors import HostError

ON, WITHOUT_IRQ_REMAP = "on", "on-without-irq-remap"
OFF_IN_KERNEL, OFF_IN_FIRMWARE = "off-in-kernel", "off-in-firmware"
NO_VIRTUALIZATION, UNKNOWN = "no-virtualization", "unknown"
UNITS = "sys/class/iommu"
WORDS = ("DMAR", "AMD-Vi", "IOMMU", "iommu: ", "IVRS", "remapping")
NOT_ABOUT_IT = ("Adding to iommu group", "Adding device", "Command line:", "Reserving ")
REMAPPED = ("DMAR-IR: Enabled IRQ remapping", "AMD-Vi: Interrupt remapping enabled")
NOT_REMAPPED = (
    "Not enabling interrupt remapping",
    "Failed to enable irq remapping",
    "AMD-Vi: Disabling interrupt remapping",
    "interrupt remapping will be disabled",
    "This system BIOS has enabled interrupt remapping",
    "No interrupt remapping support",
)
UNIT_VENDORS = {"dmar": "intel", "ivhd": "amd"}


class IommuState(NamedTuple):
    """`name` and `vendor` as the contract has them. `table` is DMAR, IVRS, empty, or None for unknown; `groups` their
    number, None for unknown; `irq_remapping` None where nothing tells; `log` the lines that speak of the IOMMU, None
    where the log could not be read (`log_reason`); `booted` the arguments of this boot, None for unknown."""

    name: str
    vendor: str
    evidence: str
    cause: str
    table: str | None
    units: tuple[str, ...]
    groups: int | None
    irq_remapping: bool | None
    irq_evidence: str
    log: tuple[str, ...] | None
    log_reason: str
    booted: tuple[str, ...] | None
    is_on: bool
    """Whether the kernel isolates devices, whatever the processor can do: what bind needs."""


class _Facts(NamedTuple):
    table: acpi.IommuTable
    units: tuple[str, ...] | None
    groups: int | None
    reason: str

    @property
    def isolates(self) -> bool:
        """Groups without any unit are not an IOMMU's: vfio and mediated devices make such."""
        return bool(self.groups) and self.units != ()


def state(host: Host) -> IommuState:
    """The state of the IOMMU; read once per host. What could not be read leads to `unknown`, not to a guess."""
    if "iommu-state" not in host.memory:
        host.memory["iommu-state"] = _state(host)
    found: IommuState = host.memory["iommu-state"]
    return found


def log_lines(log: KernelLog) -> tuple[str, ...]:
    """The lines of the log that speak of the IOMMU; joining a group is said by sysfs already."""
    return tuple(line for line in log.matching(*WORDS) if not any(word in line for word in NOT_ABOUT_IT))


def _state(host: Host) -> IommuState:
    facts = _facts(host)
    log, booted = kernel_log(host), cmdline.booted(host)
    remapping, because = _irq_remapping(host, facts, log, booted or ())
    name, cause = _decide(facts, cpu(host).virtualization)
    if name == ON and remapping is False:
        name, cause = WITHOUT_IRQ_REMAP, because
    return IommuState(
        name,
        _vendor(host, facts),
        _evidence(facts),
        cause,
        facts.table.name,
        facts.units or (),
        facts.groups,
        remapping,
        because,
        None if log.lines is None else log_lines(log),
        log.reason,
        booted,
        facts.isolates,
    )


def _facts(host: Host) -> _Facts:
    reason = ""
    units: tuple[str, ...] | None = None
    groups = None
    try:
        groups = len(group_ids(host))
        units = tuple(host.list(UNITS)) if host.exists(UNITS) or groups == 0 else None
    except HostError as error:
        reason = error.problems[0].what
    return _Facts(acpi.iommu_table(host), units, groups, reason)


def _decide(facts: _Facts, virtualization: str | None) -> tuple[str, str]:
    """Name and cause, looked for in the processor, the kernel, the firmware."""
    if virtualization == "":
        return NO_VIRTUALIZATION, "the processor shows neither vmx nor svm in /proc/cpuinfo"
    if facts.groups is None:
        return UNKNOWN, facts.reason
    if facts.isolates:
        return ON, ""
    if facts.table.name is None:
        return UNKNOWN, facts.table.reason
    if not facts.table.name:
        return OFF_IN_FIRMWARE, f"the firmware has no table DMAR or IVRS below /{acpi.TABLES}"
    return OFF_IN_KERNEL, f"the firmware describes an IOMMU ({facts.table.name}), but the kernel made no groups with it"


def _vendor(host: Host, facts: _Facts) -> str:
    """By the table, then by the unit; only a firmware without both leaves the processor's word."""
    if facts.table.name:
        return acpi.VENDORS[facts.table.name]
    for unit in facts.units or ():
        if unit[:4] in UNIT_VENDORS:
            return UNIT_VENDORS[unit[:4]]
    return "other" if facts.units else cpu(host).vendor


def _evidence(facts: _Facts) -> str:
    table = {None: "not known", "": "neither DMAR nor IVRS"}.get(facts.table.name, facts.table.name)
    units = "not known" if facts.units is None else ", ".join(facts.units[:8]) or "empty"
    groups = "not known" if facts.groups is None else facts.groups
    return f"/{acpi.TABLES}: {table}; /{UNITS}: {units}; /{GROUPS}: {groups}"


def _irq_remapping(host: Host, facts: _Facts, log: KernelLog, booted: tuple[str, ...]) -> tuple[bool | None, str]:
    """Whether interrupts are remapped, and the line or file that says so."""
    for word in booted:
        if word == "nointremap" or (word.startswith("intremap=") and "off" in word[9:].split(",")):
            return False, f"/{cmdline.PATH} has {word}"
    if line := log.first(*REMAPPED):
        return True, f"{log.source}: {line}"
    if line := log.first(*NOT_REMAPPED):
        return False, f"{log.source}: {line}"
    for unit in facts.units or ():
        capable = _remaps(host.value(f"{UNITS}/{unit}/intel-iommu/ecap"))
        if capable is False:
            return False, f"/{UNITS}/{unit}/intel-iommu/ecap: bit 3 (interrupt remapping) is not set"
    if facts.table.irq_remapping is False:
        return False, f"/{acpi.TABLES}/DMAR: flag INTR_REMAP is not set"
    return None, log.reason or f"{log.source} has no line about interrupt remapping"


def _remaps(ecap: str) -> bool | None:
    """Bit 3 of the extended capability register (VT-d specification 11.4.3)."""
    try:
        return bool(int(ecap, 16) & 8)
    except ValueError:
        return None
