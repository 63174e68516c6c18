"""Which files of a machine are removed with it: a definition is text that others write too, and names any path."""

from __future__ import annotations

import os

from vdesk.host import Host
from vdesk.model.errors import HostError
from vdesk.plans.vm_places import IMAGES, SUFFIXES, SYSTEM, inside

ANSWERS = "-unattended.iso"
"""What the disc with the answers ends in, where vdesk makes it."""


def why_kept(host: Host, path: str) -> str:
    """Why a disk of a machine's definition is not removed, empty where it is."""
    place, images = path.removeprefix("/"), IMAGES.removeprefix("/")
    if path != f"/{place}" or os.path.normpath(path) != path or "\0" in path:
        return "its path is not a plain one"
    folder = place.rpartition("/")[0]
    within = inside(folder, (images,))
    try:
        real = host.resolve(folder)
        expected = host.resolve(images) + folder[len(images) :] if within else folder
    except HostError as error:
        return error.cause
    if real != expected:
        return "a folder on its way is a link"
    if not inside(real, (images,)) and inside(real, SYSTEM):
        return "it is where the system's own files are"
    if not within and not place.endswith(SUFFIXES):
        return f"it is not in {IMAGES}, and not named like a disk"
    return ""


def why_answers_kept(host: Host, path: str) -> str:
    """The same of the disc with the answers, which vdesk makes in one place only."""
    folder, name = os.path.split(path)
    return why_kept(host, path) if (folder, name[-len(ANSWERS) :]) == (IMAGES, ANSWERS) else "vdesk did not make it"
