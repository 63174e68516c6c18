"""Where the images of the installed kernels are: as mkinitcpio's presets say, else by their names in /boot, and where
dracut puts them else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vdesk.host import Host
from vdesk.initramfs.builders import builder

PRESETS = "etc/mkinitcpio.d"
FALLBACK = "fallback"
"""The preset that a person boots when the other fails; it is built along, and too large for a second one beside it."""
USUAL = ("linux", "linux-lts", "linux-zen")
MODULES = ("lib/modules", "usr/lib/modules")
DRACUT = ("etc/dracut.conf.d", "usr/lib/dracut/dracut.conf.d")
PARTITIONS = ("boot", "boot/efi", "efi")
ELSEWHERE = re.compile(r"((boot/|boot/efi/|efi/)[^/]+|lib/modules)/[^/]+/initrd|(boot/|boot/efi/|efi/)EFI/Linux/[^/]+")


def image_paths(host: Host) -> list[str]:
    """The initramfs images of the kernels that are installed, relative to the root, sorted."""
    return sorted(images(host))


def images(host: Host) -> dict[str, str]:
    """The same, with the version of the kernel that each is for; empty where that is not told."""
    tool = builder(host)
    if tool and tool.name == "mkinitcpio":
        found = [path for path in preset_paths(host) if host.exists(path)]
        if found:  # what else lies in /boot is not built again
            return dict.fromkeys(found, "")
    kernels = [(top, name) for top in MODULES for name in host.names(top)]
    versions = sorted({name for _, name in kernels})
    if tool and tool.name == "dracut" and _unified(host):
        return dict(_kernels_in_one(host, versions))
    packages: dict[str, set[str]] = {name: set() for name in USUAL}
    for top, name in kernels:
        if package := host.value(f"{top}/{name}/pkgbase"):
            packages.setdefault(package, set()).add(name)
    names = {f"{start}{each}": each for each in versions for start in ("initrd.img-", "initrd-", "initramfs-")}
    names |= {f"initramfs-{name}.img": min(own) if len(own) == 1 else "" for name, own in packages.items()}
    names |= {f"initramfs-{each}.img": each for each in versions}
    more = dict(_elsewhere(host, versions)) if tool and tool.name == "dracut" else {}
    return {f"boot/{name}": names[name] for name in host.names("boot") if name in names} | more


def is_place(host: Host, path: str) -> bool:
    """Whether a path, of a record, is one where an image can be."""
    in_boot = path.startswith("boot/") and "/" not in path.removeprefix("boot/")
    return in_boot or ELSEWHERE.fullmatch(path) is not None or path in preset_paths(host)


def _unified(host: Host) -> bool:
    """Whether dracut makes kernel and initramfs in one file (dracut.conf(5), uefi)."""
    files = [f"{top}/{name}" for top in DRACUT for name in host.names(top) if name.endswith(".conf")]
    texts = [host.text(path) for path in ("etc/dracut.conf", *files)]
    return any(re.search(r"^\s*uefi=[\"']?yes\b", text, re.MULTILINE) for text in texts)


def _kernels_in_one(host: Host, versions: list[str]) -> Iterator[tuple[str, str]]:
    """`linux-VERSION[-MACHINE][-BUILD].efi` on the boot partitions (dracut.sh)."""
    for folder in (f"{top}/EFI/Linux" for top in PARTITIONS):
        for name in host.names(folder):
            fits = [each for each in versions if name.startswith((f"linux-{each}-", f"linux-{each}.efi"))]
            if fits and name.endswith(".efi"):
                yield f"{folder}/{name}", max(fits, key=len)


def _elsewhere(host: Host, versions: list[str]) -> Iterator[tuple[str, str]]:
    """By machine, on the boot partitions, and beside the modules (dracut.sh)."""
    owners = {host.value("etc/machine-id"), "Default"} - {""}
    for version in versions:
        folders = [f"{top}/{owner}/{version}" for top in PARTITIONS for owner in sorted(owners)]
        for folder in (*folders, f"lib/modules/{version}"):
            if host.exists(f"{folder}/initrd"):
                yield f"{folder}/initrd", version


def preset_paths(host: Host) -> list[str]:
    """The images and unified kernel images that mkinitcpio's presets name (mkinitcpio(8), PRESETS), but for fallback
    ones, relative to the root, sorted."""
    files = (f"{PRESETS}/{name}" for name in host.names(PRESETS) if name.endswith(".preset"))
    return sorted({path for file in files for path in _named(host.text(file))})


def _named(text: str) -> Iterator[str]:
    """A preset is shell; a path that is not plainly there is not known."""
    listed = re.findall(r"^PRESETS=\(([^)]*)\)", text, re.MULTILINE)
    for preset in re.findall(r"\w+", listed[-1]) if listed else ():
        for kind in ("image", "uki") if preset != FALLBACK else ():
            given = re.findall(rf"^{preset}_{kind}=([\"']?)/([^\"'\s$]+)\1[ \t]*$", text, re.MULTILINE)
            if given:
                yield given[-1][1]
