"""kernel.cmdline: what the kernel was booted with that helps, does nothing, or hurts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vdesk.checks.iommu import about, enable, switched_off
from vdesk.checks.machine import BOOT, Machine
from vdesk.host import claims, cmdline
from vdesk.host.iommu_state import OFF_IN_KERNEL
from vdesk.host.leftovers import by_ids
from vdesk.host.pci import Device
from vdesk.host.software import find_version
from vdesk.host.untold import untold
from vdesk.model.finding import FAIL, INFO, OK, UNKNOWN, WARN, Finding, finding

NAME = "kernel.cmdline"
ORDER = (FAIL, WARN, INFO)
INTEL = (
    "on",
    "off",
    "igfx_off",
    "intgpu_off",
    "strict",
    "sp_off",
    "sm_on",
    "sm_off",
    "tboot_noforce",
    "forcedac",
    "nobounce",
)
AMD = (
    "fullflush",
    "off",
    "force_isolation",
    "force_enable",
    "pgtbl_v",
    "irtcachedis",
    "nohugepages",
    "v2_pgsizes_only",
)
GENERIC = (
    "off", "force", "noforce", "merge", "nomerge", "biomerge", "panic", "nopanic", "pt", "nopt", "soft", "usedac",
    "allowdac", "forcedac", "fullflush", "memaper", "noagp", "leak", "calgary",
)  # fmt: skip
RELEASE = "proc/sys/kernel/osrelease"
EVICTS = (6, 0)
NEEDED = {
    claims.ROOT_DISK: "the controller of a disk that this machine uses",
    claims.LAST_INPUT: "its last keyboard or pointer",
    claims.HOST_DISPLAY: "the card that shows the desktop",
}
YES = ("1", "y", "Y", "yes", "on")
ABOUT = ("iommu", "vfio", "acs", "intremap", "nomodeset", "video", "sysfb")


class Wrong(NamedTuple):
    """One thing about the arguments: how bad, which word, what of it, and what helps."""

    level: str
    word: str
    cause: str
    remedy: str


def findings(machine: Machine) -> list[Finding]:
    """The one finding: the worst of what is wrong, with everything else in its cause."""
    booted = machine.iommu.booted
    evidence = f"/{cmdline.PATH}: "
    if booted is None:
        cause = f"/{cmdline.PATH} is not there or could not be read"
        title = "the kernel's arguments could not be read"
        remedy = machine.see_more
        return [finding(NAME, UNKNOWN, title, cause=cause, remedy=remedy, evidence=f"/{cmdline.PATH}")]
    evidence += (
        " ".join(word for word in booted if any(part in word for part in ABOUT)) or "no argument about the IOMMU"
    )
    wrong = sorted(_wrong(machine, booted), key=lambda each: ORDER.index(each.level))
    if wrong:
        worst = wrong[0]
        cause = "; ".join(dict.fromkeys(each.cause for each in wrong))
        remedy = "; ".join(dict.fromkeys(each.remedy for each in wrong if each.level == worst.level))
        return [finding(NAME, worst.level, _title(wrong), cause=cause, remedy=remedy, evidence=evidence)]
    said = about(booted)
    needed = ", and none is needed" if machine.iommu.is_on else ""
    title = f"booted with {' '.join(said)}" if said else f"no argument about the IOMMU{needed}"
    return [finding(NAME, OK, title, evidence=evidence)]


def _title(wrong: list[Wrong]) -> str:
    words = list(dict.fromkeys(each.word for each in wrong if each.level == wrong[0].level))
    return f"the kernel's arguments: {', '.join(words)}"


def _wrong(machine: Machine, booted: tuple[str, ...]) -> Iterator[Wrong]:
    yield from _iommu_off(machine)
    yield from _intel(machine, booted)
    yield from _words(machine, booted, "amd_iommu", AMD, "AMD's IOMMU needs no argument")
    yield from _words(machine, booted, "iommu", GENERIC, "the kernel ignores it")
    yield from _single(machine, booted)
    yield from _by_id(machine, booted)


def _iommu_off(machine: Machine) -> Iterator[Wrong]:
    off = switched_off(machine)
    if off:
        remedy = enable(machine) if off.startswith("intel_iommu=") else machine.take_out(off)
        yield Wrong(FAIL, off, f"{off} switches the IOMMU off", remedy)
    elif machine.iommu.name == OFF_IN_KERNEL and machine.iommu.vendor == "intel" and not _intel_words(machine):
        yield Wrong(WARN, "intel_iommu=on is missing", "this kernel needs intel_iommu=on to use VT-d", enable(machine))


def _intel_words(machine: Machine) -> list[str]:
    values = cmdline.values(machine.iommu.booted or (), "intel_iommu")
    return [word for value in values for word in value.split(",") if word]


def _intel(machine: Machine, booted: tuple[str, ...]) -> Iterator[Wrong]:
    words = _intel_words(machine)
    values = cmdline.values(booted, "intel_iommu")
    by_vdesk = machine.loader.supported and not machine.loader.doubt
    if words and machine.iommu.vendor == "amd":
        word = f"intel_iommu={','.join(words)}"
        remedy = "; ".join(machine.take_out(each) for each in _spelled(booted, "intel_iommu"))
        yield Wrong(INFO, word, f"{word} does nothing on a machine with AMD's IOMMU", remedy)
        return
    if "pt" in words:
        cause = "there is no intel_iommu=pt: iommu=pt was meant, and passthrough to a virtual machine needs neither"
        remedy = "sudo vdesk iommu enable (--pt where iommu=pt is wanted), then reboot"
        yield Wrong(WARN, "intel_iommu=pt", cause, remedy if by_vdesk else _without(machine, values, "pt"))
    for word in words:
        if word != "pt" and not word.startswith(INTEL):
            remedy = _without(machine, values, word)
            yield Wrong(WARN, f"intel_iommu={word}", f"intel_iommu has no value {word}", remedy)
    if "on" in words and "off" in words:
        last = next(word for word in reversed(words) if word in ("on", "off"))
        cause = f"intel_iommu is switched both on and off; the last one wins: {last}"
        remedy = "sudo vdesk iommu enable, then reboot" if by_vdesk else _without(machine, values, "off")
        yield Wrong(WARN, "intel_iommu=on and =off", cause, remedy)


def _without(machine: Machine, values: tuple[str, ...], part: str) -> str:
    """How one part goes from intel_iommu=VALUE; the tools of the loaders know whole arguments only."""
    value = next(each for each in values if part in each.split(","))
    rest = ",".join(each for each in value.split(",") if each != part)
    if not rest:
        return machine.take_out(f"intel_iommu={value}")
    return f"write intel_iommu={rest} in place of intel_iommu={value} where the boot loader keeps it{BOOT}"


def _spelled(booted: tuple[str, ...], name: str) -> list[str]:
    """The arguments of that name as they were written: the tools do not take - and _ for the same."""
    return [word for word in booted if cmdline.values((word,), name)]


def _words(machine: Machine, booted: tuple[str, ...], name: str, valid: tuple[str, ...], why: str) -> Iterator[Wrong]:
    level = WARN if name == "amd_iommu" else INFO
    for argument in _spelled(booted, name):
        for word in argument.partition("=")[2].split(","):
            if word and not word.startswith(valid):
                cause = f"{name} has no value {word}: {why}"
                yield Wrong(level, f"{name}={word}", cause, machine.take_out(argument))


def _single(machine: Machine, booted: tuple[str, ...]) -> Iterator[Wrong]:
    """Arguments that mean the same wherever they stand."""
    for word in booted:
        name, _, value = word.partition("=")
        name = name.replace("-", "_")
        if name == "pcie_acs_override":
            cause = "pcie_acs_override makes groups that the hardware does not keep apart: a guest may reach the host"
            yield Wrong(WARN, word, cause, machine.take_out(word))
        elif word == "nomodeset":
            cause = "nomodeset keeps the graphics drivers from setting a mode: nobody can tell which card shows what"
            yield Wrong(WARN, word, cause, machine.take_out(word))
        elif word == "nointremap" or (name == "intremap" and "off" in value.split(",")):
            cause = f"{word} switches interrupt remapping off, without which no device can be handed over"
            yield Wrong(WARN, word, cause, machine.take_out(word))
        elif name in ("vfio_iommu_type1.allow_unsafe_interrupts", "vfio.enable_unsafe_noiommu_mode") and value in YES:
            cause = f"{word} lets a guest disturb the host, and does not replace a working IOMMU"
            yield Wrong(WARN, word, cause, machine.take_out(word))
        elif _keeps_framebuffer(name, value) and _evicted(machine):
            cause = f"{word} is not needed from kernel 6.0 on: vfio-pci removes the boot's framebuffer itself"
            yield Wrong(INFO, word, cause, machine.take_out(word))


def _keeps_framebuffer(name: str, value: str) -> bool:
    """Whether the argument keeps the firmware's framebuffer from being used."""
    return (name == "video" and value in ("efifb:off", "vesafb:off", "simplefb:off")) or value == "sysfb_init"


def _evicted(machine: Machine) -> bool:
    """Whether vfio-pci takes the firmware's framebuffer away by itself: from 6.0 on, and of VGA cards (class 0300) only
    (drivers/vfio/pci/vfio_pci_core.c, vfio_pci_vga_init). A 3D controller (0302) has none."""
    kernel = find_version(machine.host.value(RELEASE))
    able = all(card.pci_class[:4] in ("0300", "0302") for card in machine.gpus)
    return kernel is not None and kernel[:2] >= EVICTS and able


def _by_id(machine: Machine, booted: tuple[str, ...]) -> Iterator[Wrong]:
    """vfio-pci.ids takes every device of the id."""
    for argument in _spelled(booted, "vfio-pci.ids"):
        value = argument.partition("=")[2]
        level, cause = claimed_by_id(machine, value)
        yield Wrong(level, f"vfio-pci.ids={value}", cause, machine.take_out(argument))


def claimed_by_id(machine: Machine, value: str) -> tuple[str, str]:
    """How bad it is that vfio-pci takes all devices of these `vendor:device,...`, and why."""
    taken = by_ids(value, machine.devices)
    if not taken:
        return INFO, "vfio-pci takes every device of these ids at boot: no device of this machine"
    shown = ", ".join(str(device.address) for device in taken)
    cards = [device for device in taken if device.is_gpu]
    if lost := lost_with(machine, taken):
        return FAIL, f"vfio-pci takes every device of these ids at boot, {lost} among them: {shown}"
    if any(device.boot_vga for device in taken):
        return (
            WARN,
            f"vfio-pci takes every device of these ids at boot, the card of the boot display among them: {shown}",
        )
    if len({device.ids for device in cards}) < len(cards):
        return WARN, f"vfio-pci takes every device of these ids at boot, several equal cards among them: {shown}"
    return WARN, f"vfio-pci takes every device of these ids at boot: {shown}; vdesk bind goes by address"


def lost_with(machine: Machine, taken: list[Device]) -> str:
    """What this machine cannot do without, of what is taken; an empty text where nothing is. What could not be told is
    not counted."""
    if not taken:
        return ""
    unknown = {(each.rule, each.address) for each in untold(machine.host, taken)}
    known = claims.claims(machine.host, taken, machine.devices)
    lost = [each for each in known if each.rule in NEEDED and (each.rule, each.address) not in unknown]
    return " and ".join(dict.fromkeys(f"{NEEDED[each.rule]} ({each.address})" for each in lost))
