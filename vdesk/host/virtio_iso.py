"""Where the disc with the VirtIO drivers for Windows is: a package's, in the usual folder, beside the Windows disc."""

from __future__ import annotations

import os
import re
import stat

from vdesk.host import media
from vdesk.host.host import Host
from vdesk.host.iso9660 import holds
from vdesk.host.media import Media
from vdesk.model.errors import HostError, VdeskError

PLACES = ("usr/share/virtio-win", "var/lib/libvirt/images")
SOURCE = "https://fedorapeople.org/groups/virt/virtio-win/direct-downloads/stable-virtio/virtio-win.iso"
WINDOWS = re.compile(r"(X64|X86|A64)FRE|CCCOMA|CCSA|CPBA", re.IGNORECASE)
FOLDERS = {"win10": "w10", "win11": "w11"}
"""The guest -> the folder of its drivers, below that of each driver."""
OTHERS = ("w7", "w8", "w8.1", "2k8", "2k8r2", "2k12", "2k12r2", "2k16", "2k19", "2k22", "2k25", "xp", "2k3")
"""Those of other Windows."""
NAME = re.compile(r"virtio-win[-_.\w]*\.iso", re.IGNORECASE)


def find_virtio_iso(host: Host, install: Media, os: str = "") -> Media | None:
    """The disc with the drivers: in the usual folders, then beside the installation disc, where that one's owner or
    root put it there. The first one that has those for the guest, else the first one that is called as its maker calls
    it; None without one."""
    beside = install.path.strip("/").rpartition("/")[0]
    places = [(folder, _names(host, folder)) for folder in (*PLACES, beside)]
    if install.here:
        places.append((beside, _sorted(media.names_beside(install))))
    called: Media | None = None
    named: Media | None = None
    for folder, names in places:
        for name in names:
            try:
                found = media.find(host, f"/{folder}/{name}", "--virtio-iso")
                if folder not in PLACES and not _as_good(host, found, install):
                    continue
                sure = _is_called(found)
                if has_drivers(found, os):
                    return found
            except VdeskError:
                continue
            if sure:
                called = called or found
            named = named or (found if sure is None else None)
    return called or named


def has_drivers(found: Media, os: str = "") -> bool | None:
    """Whether the SCSI driver for the guest (for any without `os`) is on the disc; None for a captured stand-in, and
    for a disc on which no folder of any Windows can be seen."""
    disc = media.read_disc(found)
    if not disc.iso:
        return None
    wanted = [FOLDERS[os]] if os in FOLDERS else [*FOLDERS.values()]
    if any(holds(found, "vioscsi", folder, "amd64", "vioscsi.inf") for folder in wanted):
        return True
    if holds(found, "vioscsi"):
        return False if any(holds(found, "vioscsi", each) for each in (*FOLDERS.values(), *OTHERS)) else None
    return False if disc.names else None


def setup_folder(os: str) -> str:
    """The folder on the disc that Windows Setup's `Load driver` wants for the disk, as Windows writes it."""
    return f"vioscsi\\{FOLDERS[os]}\\amd64"


def _as_good(host: Host, found: Media, install: Media) -> bool:
    """Whether the disc is there by who put the installation disc there, or by root: where others may write too, as in
    /tmp, anybody can lay drivers beside it, or a link. QEMU's user has what libvirt gave it for a running machine."""
    place = found.path if found.here else host.tree.real(found.path[1:], follow=False)
    try:
        there, beside = os.lstat(place), os.stat(install.real)
    except OSError:
        return False
    ours = there.st_uid in (0, beside.st_uid) or media.of_qemu(host, there.st_uid)
    return ours and not stat.S_ISLNK(there.st_mode)


def _names(host: Host, folder: str) -> list[str]:
    try:
        return _sorted(host.list(folder))
    except HostError:
        return []


def _sorted(names: list[str]) -> list[str]:
    """`virtio-win.iso` first, then the newest version."""
    names = [name for name in names if NAME.fullmatch(name)]
    return sorted(names, key=lambda name: (name.lower() == "virtio-win.iso", _version(name)), reverse=True)


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name)[:6])


def _is_called(found: Media) -> bool | None:
    """Whether the volume is called as its maker calls it; None, a second choice, where the file's name alone tells."""
    disc = media.read_disc(found)
    if disc.volume.lower().startswith("virtio-win"):
        return True
    if disc.volume:
        return False if WINDOWS.search(disc.volume) else None
    return disc.iso or disc.blank or found.size < media.ISO_HEAD
