"""boot.loader: which boot loader this machine uses, and whether vdesk can put an argument into it."""

from __future__ import annotations

from vdesk.checks.machine import Machine
from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.model.errors import Denied, HostError
from vdesk.model.finding import INFO, OK, UNKNOWN, WARN, Finding, finding

NAME = "boot.loader"
EFI = "sys/firmware/efi"
INFO_VARIABLE = f"{EFI}/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
GRUB_DEFAULT, GRUB_CFG = "etc/default/grub", "boot/grub/grub.cfg"
BY_HAND = {
    "rpm-ostree": "sudo rpm-ostree kargs --append-if-missing=intel_iommu=on",
    "NixOS": 'boot.kernelParams = [ "intel_iommu=on" ]; in configuration.nix, then: sudo nixos-rebuild boot',
    "Proxmox": "sudo proxmox-boot-tool refresh after editing /etc/kernel/cmdline",
    "kernelstub": 'sudo kernelstub -a "intel_iommu=on"',
    "systemd-boot": "add intel_iommu=on to /etc/kernel/cmdline, then: sudo kernel-install add-all",
    "GRUB with boot loader entries": 'sudo grubby --update-kernel=ALL --args="intel_iommu=on"',
    "GRUB without Debian's tools": "add intel_iommu=on to /etc/default/grub, then: sudo grub-mkconfig -o GRUB.CFG",
    "Limine": "add intel_iommu=on to the entry's cmdline in limine.conf",
    "rEFInd": "add intel_iommu=on to the first line of /boot/refind_linux.conf",
}
MARKS = (
    ("run/ostree-booted", "rpm-ostree"),
    ("etc/NIXOS", "NixOS"),
    ("etc/kernel/proxmox-boot-uuids", "Proxmox"),
    ("etc/kernelstub/configuration", "kernelstub"),
)


def findings(machine: Machine) -> list[Finding]:
    """The one finding."""
    name, evidence = loader(machine.host)
    if name == "GRUB":
        return [finding(NAME, OK, "GRUB, as vdesk can set it up", evidence=evidence)]
    if name in BY_HAND:
        title = f"the boot loader is {name}; vdesk does not edit it"
        if machine.iommu.is_on or machine.iommu.vendor == "amd":
            return [finding(NAME, INFO, f"{title}, and need not", evidence=evidence)]
        cause = "vdesk iommu enable knows GRUB as Debian and Ubuntu have it"
        return [finding(NAME, WARN, title, cause=cause, remedy=f"by hand: {BY_HAND[name]}", evidence=evidence)]
    title, cause = (
        "it could not be told which boot loader this machine uses",
        name or "none of the known ones was found",
    )
    return [finding(NAME, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=evidence)]


def loader(host: Host) -> tuple[str, str]:
    """The loader's name and the file that shows it, in the order in which one overrules another; an empty name when
    none was seen, or the reason why it could not be."""
    for path, name in MARKS:
        if host.exists(path):
            return name, f"/{path} is there"
    booted, evidence = _booted_by(host)
    if booted and booted != "GRUB":
        return booted, evidence
    try:
        return _grub(host, evidence)
    except Denied as error:
        return error.problems[0].what, f"/{GRUB_CFG}"
    except HostError as error:
        return "", error.problems[0].what


def _booted_by(host: Host) -> tuple[str, str]:
    """What the loader of this boot called itself (systemd.io/BOOT_LOADER_INTERFACE: four bytes, then UTF-16)."""
    try:
        text = host.read_bytes(INFO_VARIABLE, 1 << 12)[4:].decode("utf-16-le", "replace")
    except HostError:
        return "", ""
    said = printable(text.rstrip("\0"), 80)
    known = {"systemd-boot": "systemd-boot", "grub": "GRUB", "limine": "Limine", "refind": "rEFInd"}
    name = next((name for word, name in known.items() if said.lower().startswith(word)), "")
    return name, f"/{INFO_VARIABLE}: {said}"


def _grub(host: Host, said: str) -> tuple[str, str]:
    """GRUB as Debian has it, with entries as Fedora has it, or plain; else systemd-boot's entries."""
    entries = any(name.endswith(".conf") for name in host.list("boot/loader/entries"))
    if "grub.cfg" in host.list("boot/grub"):
        if host.exists(GRUB_DEFAULT) and host.which("update-grub"):
            return "GRUB", f"/{GRUB_CFG} and /{GRUB_DEFAULT}" + (f"; {said}" if said else "")
        return "GRUB without Debian's tools", f"/{GRUB_CFG}, and no update-grub"
    if "grub.cfg" in host.list("boot/grub2"):
        if entries or host.which("grubby"):
            return "GRUB with boot loader entries", "/boot/grub2/grub.cfg and /boot/loader/entries"
        return "GRUB without Debian's tools", "/boot/grub2/grub.cfg"
    if entries:
        return "systemd-boot", "/boot/loader/entries"
    return "", f"/boot/grub, /boot/grub2, /boot/loader/entries: nothing{f'; {said}' if said else ''}"
