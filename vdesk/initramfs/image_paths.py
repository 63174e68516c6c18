"""Where the images of the installed kernels are: as mkinitcpio's presets say, else by their names in /boot."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vdesk.host import Host
from vdesk.initramfs.builders import builder

PRESETS = "etc/mkinitcpio.d"
FALLBACK = "fallback"
"""The preset that a person boots when the other fails; it is built along, and too large for a second one beside it."""
USUAL = ("linux", "linux-lts", "linux-zen")


def image_paths(host: Host) -> list[str]:
    """The initramfs images of the kernels that are installed, relative to the root, sorted."""
    tool = builder(host)
    if tool and tool.name == "mkinitcpio":
        found = [path for path in preset_paths(host) if host.exists(path)]
        if found:  # what else lies in /boot is not built again
            return found
    kernels = [(top, name) for top in ("lib/modules", "usr/lib/modules") for name in host.names(top)]
    versions = {name for _, name in kernels}
    packages = {host.value(f"{top}/{name}/pkgbase") for top, name in kernels} - {""} | set(USUAL)
    names = {f"{start}{version}" for version in versions for start in ("initrd.img-", "initrd-", "initramfs-")}
    names |= {f"initramfs-{version}.img" for version in versions | packages}
    return [f"boot/{name}" for name in host.names("boot") if name in names]


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
