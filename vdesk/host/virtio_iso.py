"""Where the disc with the VirtIO drivers for Windows is: a package's, in the usual folder, beside the Windows disc."""

from __future__ import annotations

import re

from vdesk.host import media
from vdesk.host.host import Host
from vdesk.host.media import Media
from vdesk.model.errors import HostError, VdeskError

PLACES = ("usr/share/virtio-win", "var/lib/libvirt/images")
SOURCE = "https://fedorapeople.org/groups/virt/virtio-win/direct-downloads/stable-virtio/virtio-win.iso"
WINDOWS = re.compile(r"(X64|X86|A64)FRE|CCCOMA|CCSA|CPBA", re.IGNORECASE)
NAME = re.compile(r"virtio-win[-_.\w]*\.iso", re.IGNORECASE)


def find_virtio_iso(host: Host, install: Media) -> Media | None:
    """The first disc with the drivers: in the usual folders, then beside the installation disc; None without one."""
    beside = install.path.strip("/").rpartition("/")[0]
    places = [(folder, _names(host, folder)) for folder in (*PLACES, beside)]
    if install.here:
        places.append((beside, _sorted(media.names_beside(install))))
    named: Media | None = None
    for folder, names in places:
        for name in names:
            try:
                found = media.find(host, f"/{folder}/{name}", "--virtio-iso")
                sure = _has_drivers(found)
            except VdeskError:
                continue
            if sure:
                return found
            named = named or (found if sure is None else None)
    return named


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


def _has_drivers(found: Media) -> bool | None:
    """Whether the volume is called as its maker calls it; None, a second choice, where the file's name alone tells."""
    disc = media.read_disc(found)
    if disc.volume.lower().startswith("virtio-win"):
        return True
    if disc.volume:
        return False if WINDOWS.search(disc.volume) else None
    return disc.iso or disc.blank or found.size < media.ISO_HEAD
