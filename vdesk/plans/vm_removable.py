"""Which files of a machine are removed with it: a definition is text that others write too, and names any path."""

from __future__ import annotations

import os

from vdesk.host import Host
from vdesk.model.errors import HostError
from vdesk.plans.vm_disks import IMAGES

SUFFIXES = (".img", ".raw", ".qcow2", ".qcow", ".qed", ".vmdk", ".vdi", ".vhd", ".vhdx", ".iso")
SYSTEM = (
    *("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "usr"),
    *("var/backups", "var/cache", "var/lib", "var/log", "var/mail", "var/spool"),
)
"""Folders of the file hierarchy standard that hold the system's own files (hier(7))."""
ANSWERS = "-unattended.iso"
"""What the disc with the answers ends in, where vdesk makes it."""


def why_kept(host: Host, path: str) -> str:
    """Why a disk of a machine's definition is not removed, empty where it is."""
    place, images = path.removeprefix("/"), IMAGES.removeprefix("/")
    if path != f"/{place}" or os.path.normpath(path) != path or "\0" in path:
        return "its path is not a plain one"
    folder = place.rpartition("/")[0]
    inside = f"{folder}/".startswith(f"{images}/")
    try:
        real = host.resolve(folder)
        expected = host.resolve(images) + folder[len(images) :] if inside else folder
    except HostError as error:
        return error.cause
    if real != expected:
        return "a folder on its way is a link"
    own = f"{real}/".startswith(f"{images}/")
    if not own and any(f"{real}/".startswith(f"{each}/") for each in SYSTEM):
        return "it is where the system's own files are"
    if not inside and not place.endswith(SUFFIXES):
        return f"it is not in {IMAGES}, and not named like a disk"
    return ""


def why_answers_kept(host: Host, path: str) -> str:
    """The same of the disc with the answers, which vdesk makes in one place only."""
    folder, name = os.path.split(path)
    return why_kept(host, path) if (folder, name[-len(ANSWERS) :]) == (IMAGES, ANSWERS) else "vdesk did not make it"
