"""The files that a disk image builds on, as its header names them (QEMU: docs/interop/qcow2.txt)."""

from __future__ import annotations

import json
import os
from typing import Any

from vdesk.host.host import Host
from vdesk.host.media import Media
from vdesk.host.qcow2 import UNNAMED, named

DEPTH = 64


def builds_on(host: Host, path: str) -> list[str]:
    """The absolute paths of all the files that the image needs, nearest first: its backing files, and where its data is
    outside. HostError where one of them cannot be read; files of other formats need none."""
    found: list[str] = []
    waiting = [path]
    while waiting and len(found) < DEPTH:
        here = waiting.pop(0)
        place = here.lstrip("/")
        for name in named(Media(here, host.tree.real(place), False, host.stat(place).size, False)):
            below = _absolute(here, name) if name != UNNAMED else ""
            if below and below not in found and below != path:
                found.append(below)
                if host.exists(below.lstrip("/")):
                    waiting.append(below)
    return found


def _absolute(image: str, name: str) -> str:
    """The path that is meant beside the image; empty for what is no file of this machine."""
    if name.startswith("json:"):
        try:
            name = _filename(json.loads(name[5:]))
        except (ValueError, RecursionError):
            return ""
    name = name.removeprefix("file:")
    scheme, colon, _ = name.partition(":")
    if not name or "\0" in name or (colon and "/" not in scheme):
        return ""  # nbd:, https:, rbd:
    return os.path.normpath(os.path.join(os.path.dirname(image), name)).replace("//", "/")


def _filename(given: Any) -> str:
    """The file of a block device in JSON, `file.filename` or nested (qapi/block-core.json, BlockdevRef)."""
    if not isinstance(given, dict):
        return ""
    for key, value in given.items():
        if isinstance(value, str) and key.rpartition(".")[2] == "filename":
            return value
    return next((found for value in given.values() if (found := _filename(value))), "")
