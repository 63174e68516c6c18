"""Whether a file is on a disc: looked for on its plain ISO 9660 side (ECMA-119), on Joliet's, and on UDF's."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vdesk.host.media import SECTOR, Media, read_at, records
from vdesk.host.udf import open_udf
from vdesk.model.errors import HostError

FIRST, MOST = 16, 16
"""The sector of the first volume descriptor, and how many are looked at."""
BOOT, PRIMARY, SUPPLEMENTARY, END = 0, 1, 2, 255
JOLIET = (b"%/@", b"%/C", b"%/E")
FOLDER_LIMIT = 1 << 20


def descriptors(media: Media) -> Iterator[bytes]:
    """The volume descriptors, up to the one that ends them."""
    head = read_at(media, FIRST * SECTOR, MOST * SECTOR)
    for place in range(0, len(head) - SECTOR + 1, SECTOR):
        sector = head[place : place + SECTOR]
        if sector[1:6] != b"CD001" or sector[0] == END:
            return
        yield sector


def holds(media: Media, *path: str) -> bool:
    """Whether the disc has a file or folder at `path` (names in any case), on one of its sides."""
    wanted = [name.lower() for name in path]
    try:
        on_iso = any(_found(media, each, wanted) for each in descriptors(media) if each[0] in (PRIMARY, SUPPLEMENTARY))
    except (HostError, struct.error):
        on_iso = False
    return on_iso or open_udf(media, *path) is not None


def _found(media: Media, descriptor: bytes, path: list[str]) -> bool:
    joliet = descriptor[0] == SUPPLEMENTARY and descriptor[88:91] in JOLIET
    extent, length = struct.unpack_from("<I4xI", descriptor, 156 + 2)
    for wanted in path:
        data = read_at(media, extent * SECTOR, min(length, FOLDER_LIMIT))
        at = next(((first, size) for name, first, size in records(data) if _plain(name, joliet) == wanted), None)
        if at is None:
            return False
        extent, length = at
    return True


def _plain(name: bytes, joliet: bool) -> str:
    """Lower case, without the version's number."""
    text = name.decode("utf-16-be" if joliet else "latin-1", "replace")
    return text.partition(";")[0].rstrip(".").lower()
