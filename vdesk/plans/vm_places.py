"""Where a machine's disks are, and where the system's own files are: what is there is no disk of a machine."""

from __future__ import annotations

from vdesk.host import Host
from vdesk.model.errors import HostError

IMAGES = "/var/lib/libvirt/images"
SUFFIXES = (".img", ".raw", ".qcow2", ".qcow", ".qed", ".vmdk", ".vdi", ".vhd", ".vhdx", ".iso")
SYSTEM = (
    *("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr"),
    *("var/backups", "var/cache", "var/lib", "var/log", "var/mail", "var/spool"),
)
"""Folders of the file hierarchy standard that hold the system's own files (hier(7))."""
OTHERS = ("run/media", "run/user")  # drives that are plugged in (udisks), and what a session mounts


def inside(place: str, folders: tuple[str, ...]) -> bool:
    """Whether a resolved path is one of the folders, or in one."""
    return any(f"{place}/".startswith(f"{each}/") for each in folders)


def of_system(host: Host, path: str) -> bool:
    """Whether an existing file is one of the system's own. A pool of images may lie below /var/lib as well: there the
    name of a disk is enough."""
    place, images = path.strip("/"), IMAGES.strip("/")
    try:
        place, images = host.resolve(place), host.resolve(images)
    except HostError:
        pass
    if inside(place, (images, *OTHERS)) or not inside(place, SYSTEM):
        return False
    return not (inside(place, ("var/lib",)) and place.endswith(SUFFIXES))
