"""libvirt's settings for QEMU (/etc/libvirt/qemu.conf), and what AppArmor lets a machine of libvirt's open."""

from __future__ import annotations

import re

from vdesk.host.host import Host

CONF = "etc/libvirt/qemu.conf"
APPARMOR = "sys/module/apparmor/parameters/enabled"
SETTING = re.compile(r'^\s*(\w+)\s*=\s*(?:"([^"]*)"|(\d+))\s*(?:#.*)?$', re.MULTILINE)
ROOT = ("root", "0", "+0")
# libvirt's virt-aa-helper puts no file below these into a machine's profile (src/security/virt-aa-helper.c).
CLOSED = (
    "/bin/", "/etc/", "/lib/", "/lib64/", "/lost+found/", "/proc/", "/sbin/", "/selinux/", "/sys/", "/usr/bin/",
    "/usr/lib/", "/usr/lib64/", "/usr/local/bin/", "/usr/local/etc/", "/usr/local/lib/", "/usr/local/sbin/",
    "/usr/sbin/", "/usr/share/", "/boot/",
)  # fmt: skip
# What every machine's profile may read (AppArmor's abstractions/libvirt-qemu). Whether virt-aa-helper adds a ROM that
# a definition names is not known.
ROMS = ("/usr/share/vgabios/", "/usr/share/kvm/", "/usr/share/qemu/", "/usr/share/OVMF/", "/usr/share/seabios/")
HIDDEN = re.compile(r"^(?:/home/[^/]+|/root)/\.")


def settings(host: Host) -> dict[str, str]:
    """The settings that are set; empty where the file is not there or not to be read."""
    return {match[1]: match[2] if match[2] is not None else match[3] for match in SETTING.finditer(host.text(CONF))}


def runs_as_root(found: dict[str, str]) -> bool:
    """Whether QEMU runs as root, so that no folder is closed to it."""
    return found.get("user", "") in ROOT


def users(found: dict[str, str]) -> tuple[str, ...]:
    """The names of QEMU's user: as set, else Debian's and Fedora's."""
    return (found["user"].removeprefix("+"),) if found.get("user") else ("libvirt-qemu", "qemu")


def confined(host: Host, found: dict[str, str]) -> bool:
    """Whether AppArmor watches over machines here."""
    return host.value(APPARMOR) == "Y" and found.get("security_driver", "apparmor") not in ("none", "selinux")


def denied(path: str) -> bool:
    """Whether AppArmor keeps a machine from this file, wherever its definition names it."""
    return bool(HIDDEN.match(path)) or (path.startswith(CLOSED) and not path.startswith(ROMS))
