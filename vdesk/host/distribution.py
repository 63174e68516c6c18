"""Which distribution this is, and what its packages are called (os-release(5))."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.model.errors import HostError

FILES = ("etc/os-release", "usr/lib/os-release")
FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "fedora": "fedora",
    "rhel": "fedora",
    "arch": "arch",
    "suse": "suse",
}
INSTALL = {
    "debian": "sudo apt install",
    "fedora": "sudo dnf install",
    "arch": "sudo pacman -S",
    "suse": "sudo zypper install",
}
PACKAGES = {
    "qemu": {
        "debian": "qemu-system-x86",
        "fedora": "qemu-kvm",
        "arch": "qemu-desktop",
        "suse": "qemu-x86",
    },
    "libvirt": {
        "debian": "libvirt-daemon-system libvirt-clients virt-manager",
        "fedora": "libvirt virt-manager",
        "arch": "libvirt virt-manager dnsmasq",
        "suse": "libvirt virt-manager",
    },
    "firmware": {"debian": "ovmf", "fedora": "edk2-ovmf", "arch": "edk2-ovmf", "suse": "qemu-ovmf-x86_64"},
    "tpm": {"debian": "swtpm swtpm-tools", "fedora": "swtpm swtpm-tools", "arch": "swtpm", "suse": "swtpm"},
    "viewer": {"debian": "virt-viewer", "fedora": "virt-viewer", "arch": "virt-viewer", "suse": "virt-viewer"},
    "images": {"debian": "qemu-utils", "fedora": "qemu-img", "arch": "qemu-img", "suse": "qemu-tools"},
}


class Distribution(NamedTuple):
    """`id`, `version` and `name` as os-release has them, empty where it is not there; `family` is debian, fedora, arch,
    suse, or empty for one whose packages vdesk does not know."""

    id: str
    version: str
    name: str
    family: str

    def as_json(self) -> dict[str, str]:
        """What `check` says of it."""
        return {"id": self.id, "version": self.version, "name": self.name}

    def install(self, what: str) -> str:
        """The command that installs `what` (a key of PACKAGES), or a sentence where the family is not known."""
        names = PACKAGES[what].get(self.family)
        if names is None:
            return f"install {PACKAGES[what]['debian']} (as Debian calls it) with your package manager"
        return f"{INSTALL[self.family]} {names}"


def distribution(host: Host) -> Distribution:
    """The distribution; a file that is not there or not readable leaves every part empty."""
    for path in FILES:
        try:
            fields = _fields(host.read(path, 1 << 16))
        except HostError:
            continue
        like = (fields.get("ID", ""), *fields.get("ID_LIKE", "").split())
        family = next((FAMILIES[name] for name in like if name in FAMILIES), "")
        if not family and any("suse" in name for name in like):
            family = "suse"
        return Distribution(
            fields.get("ID", ""),
            fields.get("VERSION_ID", ""),
            fields.get("PRETTY_NAME") or fields.get("NAME", ""),
            family,
        )
    return Distribution("", "", "", "")


def _fields(text: str) -> dict[str, str]:
    """Shell assignments without substitution: os-release(5) allows nothing else."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        found[name] = printable(" ".join(words), 200)
    return found
