"""Which boot loader gives this machine's kernel its arguments.

The order goes from what rules the others out to what may only lie around: not every installed loader is in use."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.host.distribution import distribution
from vdesk.host.host import Host
from vdesk.model.errors import HostError

EFIVARS = "sys/firmware/efi/efivars"
LOADER_GUID = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
GRUB_CFG = "boot/grub/grub.cfg"
GRUB = ("grub", "proxmox")
"""Loaders with update-grub; those with it and with grub-mkconfig alone read GRUB_CFG."""
PROXMOX = "usr/bin/pveversion"
GRUB_FILES = ("usr/sbin/update-grub", GRUB_CFG, "boot/grub2/grub.cfg", "etc/default/grub", "etc/default/grub.d")
LEFT_BEHIND = {
    "systemd-boot": ("boot/efi/loader/loader.conf", "efi/loader/loader.conf", "boot/loader/loader.conf"),
    "limine": ("etc/default/limine", "boot/limine.conf", "boot/limine/limine.conf", "boot/limine.cfg"),
    "refind": ("boot/refind_linux.conf",),
}


class Loader(NamedTuple):
    """`name` is grub, proxmox, unknown or a key of by_hand.WAYS; `evidence` the file that says so; `supported` whether
    vdesk edits its configuration; `doubt` names the other loader that may be the one in use."""

    name: str
    evidence: str
    supported: bool = False
    doubt: str = ""

    @property
    def reads_grub_cfg(self) -> bool:
        """Whether it takes the arguments from /boot/grub/grub.cfg, where that is there: not what another has left."""
        return self.name in (*GRUB, "grub-mkconfig")


def loader(host: Host) -> Loader:
    """The loader in use, as far as files tell."""
    return _system(host) or _booted(host) or _installed(host)


def _first(host: Host, *paths: str) -> str:
    return next((path for path in paths if host.exists(path)), "")


def _system(host: Host) -> Loader | None:
    """Systems that own their boot configuration, whatever loader reads it."""
    for name, paths in (
        ("ostree", ("run/ostree-booted",)),
        ("nixos", ("etc/NIXOS",)),
        ("proxmox-boot-tool", ("etc/kernel/proxmox-boot-uuids",)),
    ):
        if found := _first(host, *paths):
            return Loader(name, f"/{found}")
    tool = _first(host, "usr/bin/kernelstub", "bin/kernelstub")
    if tool and host.exists("etc/kernelstub"):
        return Loader("kernelstub", f"/{tool} and /etc/kernelstub")
    return None


def _booted(host: Host) -> Loader | None:
    """The loader that started this system, as it told systemd in an EFI variable (the boot loader interface)."""
    if stub := _variable(host, "StubInfo"):
        return Loader("uki", f"EFI variable StubInfo: {stub}")
    text = loader_info(host)
    for word, name in (("systemd-boot", "systemd-boot"), ("limine", "limine"), ("refind", "refind")):
        if word in text.lower():
            kept = name == "systemd-boot" and _is_suse(host)  # update-bootloader looks after it too, and by itself
            return Loader("pbl" if kept else name, f"EFI variable LoaderInfo: {text}")
    if "grub" in text.lower():
        return _grub(host, f"EFI variable LoaderInfo: {text}")
    return None


def loader_info(host: Host) -> str:
    """The name that the loader which started this system gave itself; empty where it gave none."""
    return _variable(host, "LoaderInfo")


def _variable(host: Host, name: str) -> str:
    """The text of an EFI variable of the boot loader interface: four bytes of attributes, then UTF-16."""
    try:
        data = host.read_bytes(f"{EFIVARS}/{name}-{LOADER_GUID}", 1 << 16)
    except HostError:
        return ""
    text = data[4:].decode("utf-16-le", "replace").strip("\0 \n")
    return "".join(char for char in text if char.isprintable())[:80]


def _grub(host: Host, evidence: str) -> Loader:
    """GRUB, by the tools that the distribution gives it."""
    family = distribution(host).family
    if _is_suse(host):
        return Loader("pbl", evidence)
    if family == "fedora" or (host.exists("usr/sbin/grubby") and host.exists("boot/loader/entries")):
        return Loader("grubby", evidence)
    if host.exists(PROXMOX):
        return Loader("proxmox", f"/{PROXMOX}")
    if host.exists("usr/sbin/update-grub") or family == "debian" or not (family == "arch" or _mkconfig(host)):
        return Loader("grub", evidence, supported=True)
    return Loader("grub-mkconfig", evidence)


def _is_suse(host: Host) -> bool:
    return distribution(host).family == "suse" or host.exists("etc/sysconfig/bootloader")


def _mkconfig(host: Host) -> bool:
    return bool(_first(host, "usr/bin/grub-mkconfig", "usr/sbin/grub2-mkconfig", "usr/bin/grub2-mkconfig"))


def _installed(host: Host) -> Loader:
    """By what lies on the disk: GRUB's own files, and those of others, which make it doubtful."""
    others = [Loader(name, f"/{path}") for name, paths in LEFT_BEHIND.items() if (path := _first(host, *paths))]
    grub = _first(host, *GRUB_FILES)
    if not grub:
        return others[0] if others else Loader("unknown", "no boot loader's files were found")
    found = _grub(host, f"/{grub}")
    # Such a loader names itself in an EFI variable at every boot: none there means that it did not start this system.
    told = any(name.startswith("Boot") for name in _names(host))
    if others and found.supported and not told:
        return found._replace(doubt=f"{others[0].name} ({others[0].evidence})")
    return found


def _names(host: Host) -> list[str]:
    try:
        return host.list(EFIVARS)
    except HostError:
        return []
