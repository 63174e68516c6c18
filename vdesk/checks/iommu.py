"""firmware.iommu, kernel.iommu, kernel.irq-remapping: does the machine isolate devices, and if not, where is it off."""

from __future__ import annotations

from vdesk.boot import grub_cfg
from vdesk.boot.unread import unread
from vdesk.checks.machine import Machine
from vdesk.host import acpi, cmdline
from vdesk.host.iommu_state import OFF_IN_FIRMWARE
from vdesk.host.iommu_state import UNKNOWN as NOT_KNOWN
from vdesk.host.pci import GROUPS
from vdesk.model.finding import FAIL, INFO, OK, UNKNOWN, WARN, Finding, finding
from vdesk.model.kernel_args import effect, split

MENU = {
    "intel": 'enable "VT-d" (Intel Virtualization Technology for Directed I/O)',
    "amd": 'set "IOMMU" (AMD-Vi) to Enabled, not Auto, and "SVM Mode" to Enabled',
    "other": 'enable "VT-d" (Intel) or "IOMMU" (AMD)',
}
ON = ["intel_iommu=on"]
UNSAFE = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
NAMES = ("iommu", "intel_iommu", "amd_iommu")


def findings(machine: Machine) -> list[Finding]:
    """The three findings."""
    return [firmware(machine), kernel(machine), irq_remapping(machine)]


def firmware(machine: Machine) -> Finding:
    """The ACPI table that describes the IOMMU: there, or not."""
    name, iommu = "firmware.iommu", machine.iommu
    folder = f"/{acpi.TABLES}"
    if iommu.table:
        title = f"the firmware describes an IOMMU ({iommu.table})"
        return finding(name, OK, title, evidence=f"{folder}/{iommu.table} is there")
    if iommu.is_on:
        title = "the kernel has an IOMMU that no table DMAR or IVRS describes"
        return finding(name, INFO, title, evidence=iommu.evidence)
    if iommu.table is None:
        return finding(
            name,
            UNKNOWN,
            "it could not be told whether the firmware has an IOMMU",
            cause=f"{folder} could not be looked into",
            remedy=machine.see_more,
            evidence=iommu.evidence,
        )
    return finding(
        name,
        FAIL,
        "the firmware shows no IOMMU",
        cause="it is switched off in the firmware setup, or the processor or the board has none",
        remedy=_menu(machine),
        evidence=f"{folder} has neither DMAR nor IVRS",
    )


def _menu(machine: Machine) -> str:
    """What to look for in the firmware setup, with the board's name for the manual."""
    value = machine.host.value
    board = " ".join(filter(None, (value("sys/class/dmi/id/board_vendor"), value("sys/class/dmi/id/board_name"))))
    where = f" ({board})" if board and board.isprintable() and len(board) < 80 else ""
    menus = "often below Advanced, CPU, System Agent or Chipset"
    return f"{MENU[machine.iommu.vendor]} in the firmware setup{where}, {menus}; then power off and on"


def kernel(machine: Machine) -> Finding:
    """Whether the kernel uses it: units and groups, not the line `DMAR: IOMMU enabled`."""
    iommu, name = machine.iommu, "kernel.iommu"
    if iommu.is_on:
        return finding(name, OK, f"the IOMMU is on: {_count(iommu.groups, 'group')}", evidence=iommu.evidence)
    if iommu.name == NOT_KNOWN or iommu.table is None or iommu.groups is None:
        return finding(
            name,
            UNKNOWN,
            "it could not be told whether the kernel uses an IOMMU",
            cause=iommu.cause,
            remedy=machine.see_more,
            evidence=iommu.evidence,
        )
    if iommu.name == OFF_IN_FIRMWARE or not iommu.table:
        cause = "the firmware offers none"
        remedy = _menu(machine) + ("" if iommu.vendor == "amd" else f"; then {machine.put_in(ON)}, and reboot")
        return finding(name, FAIL, "the IOMMU is off", cause=cause, remedy=remedy, evidence=iommu.evidence)
    return _off_in_kernel(machine)


def _off_in_kernel(machine: Machine) -> Finding:
    """The table is there and the groups are not: an argument is missing, or one switches it off, or it failed."""
    iommu = machine.iommu
    cause, remedy = "the kernel was booted without intel_iommu=on", enable(machine)
    off = switched_off(machine)
    if iommu.booted is None:
        cause = f"the kernel does not use it; /{cmdline.PATH} could not be read"
    elif off.startswith(("iommu=", "amd_iommu=")):
        cause = f"the kernel was booted with {off}"
        remedy = machine.take_out(off)
    elif off:
        cause = f"the kernel was booted with {off}"
    elif iommu.vendor == "amd":
        cause = "the kernel uses AMD's IOMMU by itself, here it did not"
        remedy = "look why with: journalctl -k -b --grep AMD-Vi; an update of the firmware often helps"
    elif any(value.startswith("on") for value in _intel(iommu.booted)):
        cause = "the kernel was booted with intel_iommu=on and still made no groups"
        remedy = "look why with: journalctl -k -b --grep DMAR; an update of the firmware often helps"
    past = unread(machine.host)
    if past is not None and past.remedy == remedy:
        cause = f"{past.what}; {past.cause}; {past.evidence}"
    title = "the firmware has an IOMMU, the kernel does not use it"
    booted = f"; /{cmdline.PATH}: {' '.join(about(iommu.booted or ())) or 'no argument about it'}"
    return finding("kernel.iommu", FAIL, title, cause=cause, remedy=remedy, evidence=iommu.evidence + booted)


def switched_off(machine: Machine) -> str:
    """The booted argument that turns the IOMMU off, or an empty text."""
    booted, vendor = machine.iommu.booted or (), machine.iommu.vendor
    made = effect(split(" ".join(booted)))
    for word in made.forbids:
        if word.startswith("iommu=") or vendor == "amd":
            return word
    if vendor != "amd" and made.intel is False:
        return f"intel_iommu={cmdline.values(booted, 'intel_iommu')[-1]}"
    return ""


def enable(machine: Machine) -> str:
    """What brings intel_iommu=on into the next boot: vdesk, the loader's own way, or only a reboot where grub.cfg has
    it already."""
    made = grub_cfg.effects(machine.host.text(grub_cfg.PATH)) if machine.loader.reads_grub_cfg else []
    if made and made[0].intel and not made[0].forbids:
        past = unread(machine.host)
        if past is not None:
            return past.remedy
        return f"reboot: /{grub_cfg.PATH} has intel_iommu=on; if nothing changes then: sudo vdesk iommu status"
    return f"{machine.put_in(ON)}, then reboot"


def _intel(booted: tuple[str, ...]) -> list[str]:
    return [word for value in cmdline.values(booted, "intel_iommu") for word in value.split(",")]


def about(booted: tuple[str, ...]) -> list[str]:
    """The arguments that speak of the IOMMU itself, not of modules."""
    return [word for word in booted if word.startswith("iommu.") or word.partition("=")[0] in NAMES]


def irq_remapping(machine: Machine) -> Finding:
    """Without it the kernel hands no device over: a guest could make interrupts of the host's."""
    iommu, name = machine.iommu, "kernel.irq-remapping"
    if not iommu.is_on and iommu.name != NOT_KNOWN:
        title = "interrupt remapping comes with the IOMMU, which is off"
        return finding(name, INFO, title, evidence=iommu.evidence)
    if iommu.irq_remapping:
        return finding(name, OK, "interrupts are remapped", evidence=iommu.irq_evidence)
    if iommu.irq_remapping is None:
        return finding(
            name,
            UNKNOWN,
            "it could not be told whether interrupts are remapped",
            cause="the kernel says so in its log only: " + iommu.irq_evidence,
            remedy=machine.see_more,
            evidence=iommu.irq_evidence,
        )
    if machine.host.value(UNSAFE) == "Y":
        return finding(
            name,
            WARN,
            "interrupts are not remapped, and the kernel was told to hand devices over all the same",
            cause=f"a guest can make interrupts of this machine's: {iommu.irq_evidence}",
            remedy=f"run only guests that you trust; {_remap(machine)}",
            evidence=f"/{UNSAFE}: Y; {iommu.irq_evidence}",
        )
    return finding(
        name,
        FAIL,
        "interrupts are not remapped: the kernel refuses to hand a device over",
        cause=iommu.irq_evidence,
        remedy=_remap(machine),
        evidence=iommu.irq_evidence,
    )


def _remap(machine: Machine) -> str:
    word = next((word for word in machine.iommu.booted or () if word.startswith(("intremap=", "nointremap"))), "")
    if word:
        return machine.take_out(word)
    return 'update the firmware, and look there for "Interrupt Remapping" or "x2APIC opt out"'


def _count(number: int | None, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'} in /{GROUPS}"
