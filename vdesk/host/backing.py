"""The files that a disk image builds on, as its header names them (QEMU: docs/interop/qcow2.txt)."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

from vdesk.host import media
from vdesk.host.host import Host

QCOW2 = b"QFI\xfb"
HEAD = 64 << 10
"""The header, its extensions and the backing file's name lie in the first cluster, of 64 KiB by default."""
NAME_LIMIT = 1023
DEPTH = 64
DATA_FILE = 0x44415441
V2_LENGTH = 72


def builds_on(host: Host, path: str) -> list[str]:
    """The absolute paths of all the files that the image needs, nearest first: its backing files, and where its data is
    outside. HostError where one of them cannot be read; files of other formats need none."""
    found: list[str] = []
    waiting = [path]
    while waiting and len(found) < DEPTH:
        here = waiting.pop(0)
        image = media.Media(here, host.tree.real(here.lstrip("/")), False, 0, False)
        for name in _named(media.read_at(image, 0, HEAD)):
            below = _absolute(here, name)
            if below and below not in found and below != path:
                found.append(below)
                if host.exists(below.lstrip("/")):
                    waiting.append(below)
    return found


def _named(head: bytes) -> list[str]:
    """The names in a qcow2 header, as they are written; none for what is no qcow2, or a damaged one."""
    if len(head) < V2_LENGTH or not head.startswith(QCOW2):
        return []
    version, offset, size = struct.unpack_from(">IQI", head, 4)
    names = [head[offset : offset + size]] if offset and size <= NAME_LIMIT else []
    return [name.decode("utf-8", "surrogateescape") for name in (*names, *_data_files(head, version))]


def _data_files(head: bytes, version: int) -> list[bytes]:
    """The header extension with the name of an external data file."""
    place = struct.unpack_from(">I", head, 100)[0] if version >= 3 and len(head) >= 104 else V2_LENGTH
    while place + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, place)
        if kind == DATA_FILE:
            return [head[place + 8 : place + 8 + min(length, NAME_LIMIT)]]
        if not kind:
            break
        place += 8 + -(-length // 8) * 8
    return []


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
