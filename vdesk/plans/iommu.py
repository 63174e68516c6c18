"""`iommu enable` and `iommu disable`: what has to change in the boot configuration (GRUB), and what to run after it."""

from __future__ import annotations

from vdesk.boot import by_hand, grub, grub_cfg
from vdesk.boot.detect import Loader, loader
from vdesk.boot.grub_decide import Outcome, decide, refuse_forbidden
from vdesk.boot.grub_defaults import read_chain, settings
from vdesk.boot.grub_edit import command_line
from vdesk.boot.unread import unread
from vdesk.changes.journal import SKIPPED, Journal
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.iommu_state import ON, WITHOUT_IRQ_REMAP, IommuState, state
from vdesk.host.kernel_config import integrated_left_out
from vdesk.host.pci import Device, devices
from vdesk.model.errors import HostError, Refused, problem
from vdesk.model.finding import INFO, WARN, Finding, finding
from vdesk.model.kernel_args import Wanted, effect, kernel_part, split
from vdesk.plans.iommu_disable import disable
from vdesk.plans.iommu_status import status

COMMAND = "iommu enable"
PROXMOX = "Proxmox VE (a server, not a desktop)"
KEEPERS = {
    "grub-mkconfig": "GRUB without Debian's update-grub",
    "grubby": "grubby",
    "nixos": "NixOS",
    "ostree": "rpm-ostree",
    "proxmox": PROXMOX,
    "proxmox-boot-tool": PROXMOX,
    "pbl": "SUSE's update-bootloader",
    "refind": "rEFInd",
    "limine": "Limine",
    "uki": "a unified kernel image",
}
NEXT = ("Reboot for the argument to count: sudo systemctl reboot", "Then look at the result with: vdesk check")


def enable(host: Host, *, igfx_off: bool, pt: bool) -> Plan:
    """The plan that puts `intel_iommu=on` (`on,igfx_off`) and with `pt` also `iommu=pt` into GRUB's configuration.

    Refused for a loader that vdesk does not edit, for `iommu=off` by a person, and where no place is safe."""
    found = state(host)
    wanted = Wanted(found.vendor != "amd", igfx_off and found.vendor != "amd", pt)
    plan = Plan(COMMAND, "Turn the IOMMU on", findings=_findings(host, found, igfx_off))
    plan.data = {"arguments": wanted.words, "vendor": found.vendor, "file": None}
    if not wanted.words:
        return _nothing_for_amd(host, plan)
    used = loader(host)
    _refuse_loader(host, used, wanted)
    outcome = decide(read_chain(host), wanted)
    if outcome.path is None and not _stale(host, outcome, wanted):
        return _nothing_to_change(host, plan, found, wanted)
    _fill(host, plan, outcome, wanted)
    return plan


def _refuse_loader(host: Host, used: Loader, wanted: Wanted) -> None:
    remedy = by_hand.add(host, used, wanted.words)
    if not used.supported:
        raise Refused(
            problem(
                "boot.loader-not-supported",
                _not_edited(used),
                f"{used.evidence} says so; vdesk edits GRUB as Debian and Ubuntu have it"
                if used.name != "unknown"
                else f"{used.evidence}; vdesk edits GRUB as Debian and Ubuntu have it",
                remedy,
            )
        )
    if used.doubt:
        raise Refused(
            problem(
                "boot.loader-in-doubt",
                f"two boot loaders are installed, and which of them is in use cannot be told: GRUB and {used.doubt}",
                f"GRUB was found by {used.evidence}; an argument given to the wrong one would never reach the kernel",
                remedy,
            )
        )


def _not_edited(used: Loader) -> str:
    if used.name == "unknown":
        return "no boot loader was recognised on this machine, so vdesk edits no boot configuration"
    keeper = KEEPERS.get(used.name, used.name)
    return f"this machine's boot configuration is kept by {keeper}, which vdesk does not edit"


def _findings(host: Host, found: IommuState, igfx_off: bool) -> list[Finding]:
    """What a person should know before: firmware off, an argument that this machine does not need."""
    result: list[Finding] = []
    if found.table == "" and found.name not in (ON, WITHOUT_IRQ_REMAP):
        result.append(
            finding(
                "firmware.iommu",
                WARN,
                "The firmware has the IOMMU turned off: the argument will not help before it is turned on there",
                cause="the firmware gives the kernel neither a DMAR nor an IVRS table",
                remedy="turn on VT-d (Intel) or IOMMU (AMD) in the firmware's setup",
                evidence=found.evidence,
            )
        )
    if found.vendor == "amd" and igfx_off:
        title = "igfx_off is left out: it is an argument of Intel's IOMMU only"
        result.append(finding("kernel.cmdline", INFO, title, evidence=found.evidence))
    if found.vendor == "intel" and _on_by_itself(found):
        title = "The argument is not needed: this kernel turns the IOMMU on by itself"
        result.append(finding("kernel.iommu", INFO, title, evidence=found.evidence))
    if found.vendor == "intel" and not igfx_off:
        result += _integrated(host, found)
    if found.vendor == "other":
        title = "Whether this machine has Intel's IOMMU could not be told; intel_iommu=on does nothing elsewhere"
        result.append(finding("kernel.cmdline", INFO, title, evidence=found.evidence))
    return result


def _integrated(host: Host, found: IommuState) -> list[Finding]:
    """What the argument does besides, where the kernel's default leaves the graphics on the root bus untranslated and
    this boot has not changed that (drivers/iommu/intel/iommu.c with Debian's patch, dmar_map_intgpu)."""
    if found.booted is None or effect(split(" ".join(found.booted))).intel is True:
        return []
    seen = integrated_left_out(host)
    graphics = [each.address for each in _devices(host) if each.is_gpu and each.vendor == "8086"]
    mine = next((str(address) for address in graphics if address.bus == 0), "")
    if not (seen and mine):
        return []
    title = (
        f"intel_iommu=on also turns on the translation of the integrated graphics ({mine}), which this kernel leaves"
        " off by default"
    )
    return [finding("kernel.cmdline", INFO, title, evidence=seen)]


def _devices(host: Host) -> list[Device]:
    """The PCI functions; none where they cannot be read."""
    try:
        return devices(host, names=False)
    except HostError:
        return []


def _on_by_itself(found: IommuState) -> bool:
    words = split(" ".join(found.booted or ()))
    return found.name in (ON, WITHOUT_IRQ_REMAP) and found.booted is not None and effect(words).intel is not True


def _nothing_for_amd(host: Host, plan: Plan) -> Plan:
    """AMD: the kernel uses what the firmware offers, unless a person has turned it off."""
    if loader(host).supported:
        refuse_forbidden(command_line(settings(read_chain(host))))
    plan.notes.append(
        "No argument is needed: the kernel uses AMD's IOMMU whenever the firmware has it turned on. Nothing to change."
    )
    return plan


def _nothing_to_change(host: Host, plan: Plan, found: IommuState, wanted: Wanted) -> Plan:
    plan.notes.append(f"Nothing to change: {' '.join(wanted.words)} is configured already.")
    if found.booted is not None and not wanted.met_by(effect(split(" ".join(found.booted)))):
        past = unread(host)
        if past is None:
            plan.notes += NEXT
        else:
            title, cause, remedy, seen = past
            plan.findings.append(finding("kernel.iommu", WARN, title, cause=cause, remedy=remedy, evidence=seen))
    return plan


def _stale(host: Host, outcome: Outcome, wanted: Wanted) -> bool:
    """Whether grub.cfg lacks what is configured: an update-grub that was cut off. Not known counts as lacking."""
    try:
        found = grub_cfg.effects(host.read(grub_cfg.PATH))
    except HostError:
        found = []
    if any(wanted.met_by(each) for each in found):
        return False
    return host.is_live or not _skipped_here(host)


def _skipped_here(host: Host) -> bool:
    """Whether vdesk itself left grub.cfg as it is: on a captured machine no command is run."""
    if not host.exists(grub_cfg.PATH):
        return True
    try:
        entries = [entry for entry in Journal(host).entries() if entry.command == COMMAND]
    except HostError:
        return False
    steps = entries[-1].steps if entries else []
    return any(step.kind == "generated-file" and step.state == SKIPPED for step in steps)


def _fill(host: Host, plan: Plan, outcome: Outcome, wanted: Wanted) -> None:
    expected = grub.Expected.of(outcome.line, wanted, outcome.after)
    summary = f"add {' '.join(wanted.words)} to the kernel's arguments"
    plan.changes = grub.changes(host, outcome.before, outcome.after, expected, summary)
    plan.data["file"] = f"/{outcome.path}" if outcome.path else None
    plan.facts = {"file": outcome.path, "edits": [list(edit) for edit in outcome.edits]}
    if outcome.path is None:
        plan.intro.append(f"The argument is configured already, but /{grub_cfg.PATH} lacks it: it is generated again.")
    if outcome.reason:
        plan.intro.append(f"The argument goes into /{outcome.path}, because {outcome.reason}.")
    for word in outcome.dropped:
        plan.findings.append(_dropped(word, outcome))
    plan.notes += NEXT


def _dropped(word: str, outcome: Outcome) -> Finding:
    now = " ".join(each.plain for each in kernel_part(outcome.line.words) if each.name == "intel_iommu")
    return finding(
        "kernel.cmdline",
        INFO,
        f"pt is dropped from {word}: no kernel knows it there; what was meant is iommu=pt (vdesk iommu enable --pt)",
        evidence=f"/{outcome.path}: {word} becomes {now}",
    )


__all__ = ["disable", "enable", "status"]
