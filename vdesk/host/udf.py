"""Reading files off a UDF disc (ECMA-167, UDF 1.02): Windows discs keep theirs there; their ISO 9660 side is a note."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from vdesk.host.media import SECTOR, Media, read_at
from vdesk.model.errors import HostError

ANCHOR = 256
FOLDER_LIMIT = 4 << 20
PARTITION, VOLUME, END, FILE_SET, NAME, ENTRY, LONG_ENTRY = 5, 6, 8, 256, 257, 261, 266


class UdfFile(NamedTuple):
    """A file on the disc: its length and where its parts lie, (place in bytes, length) each."""

    media: Media
    length: int
    extents: tuple[tuple[int, int], ...]

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer at the end."""
        parts = []
        for place, size in self.extents:
            if offset < size and length > 0:
                part = read_at(self.media, place + offset, min(length, size - offset))
                parts.append(part)
                length -= len(part)
            offset = max(0, offset - size)
        return b"".join(parts)


def open_udf(media: Media, *path: str) -> UdfFile | None:
    """The file at `path` (names in any case), None when the disc has no such file or is no plain UDF disc."""
    try:
        found: UdfFile | None = _root(media)
        for name in path:
            if found is None:
                return None
            found = next((each for shown, each in _names(media, found) if shown.lower() == name.lower()), None)
        return found
    except (struct.error, HostError, ValueError, UnicodeError):
        return None


def _start(media: Media) -> tuple[int, int]:
    """The sector in which the partition starts, and the block of the file set in it."""
    anchor = read_at(media, ANCHOR * SECTOR, SECTOR)
    length, first = struct.unpack_from("<II", anchor, 16)
    start = files = -1
    for number in range(min(length // SECTOR, 64)):
        sector = read_at(media, (first + number) * SECTOR, SECTOR)
        tag = struct.unpack_from("<H", sector)[0]
        if tag == PARTITION:
            start = struct.unpack_from("<I", sector, 188)[0]
        elif tag == VOLUME:
            files = struct.unpack_from("<I", sector, 248 + 4)[0]
        elif tag == END:
            break
    if start < 0 or files < 0:
        raise ValueError("no volume")
    return start, files


def _root(media: Media) -> UdfFile | None:
    start, files = _start(media)
    sector = read_at(media, (start + files) * SECTOR, SECTOR)
    if struct.unpack_from("<H", sector)[0] != FILE_SET:
        return None
    return _entry(media, start, struct.unpack_from("<I", sector, 400 + 4)[0])


def _entry(media: Media, start: int, block: int) -> UdfFile | None:
    here = (start + block) * SECTOR
    sector = read_at(media, here, SECTOR)
    tag, flags = struct.unpack_from("<H", sector)[0], struct.unpack_from("<H", sector, 34)[0]
    if tag not in (ENTRY, LONG_ENTRY):
        return None
    head = 176 if tag == ENTRY else 216
    length = struct.unpack_from("<Q", sector, 56)[0]
    attributes, size = struct.unpack_from("<II", sector, head - 8)
    first = head + attributes
    if flags & 7 == 3:
        return UdfFile(media, length, ((here + first, length),))
    step = 8 if flags & 7 == 0 else 16
    extents = []
    for place in range(first, min(first + size, SECTOR - 7), step):
        run, position = struct.unpack_from("<II", sector, place)
        if run & 0x3FFFFFFF:
            extents.append(((start + position) * SECTOR, run & 0x3FFFFFFF))
    return UdfFile(media, length, tuple(extents))


def _names(media: Media, folder: UdfFile) -> Iterator[tuple[str, UdfFile | None]]:
    start, _ = _start(media)
    data = folder.read(0, min(folder.length, FOLDER_LIMIT))
    place = 0
    while place + 38 <= len(data) and struct.unpack_from("<H", data, place)[0] == NAME:
        kind, size = data[place + 18], data[place + 19]
        block, skip = struct.unpack_from("<I", data, place + 24)[0], struct.unpack_from("<H", data, place + 36)[0]
        name = data[place + 38 + skip : place + 38 + skip + size]
        if not kind & 0x0C and name:
            yield name[1:].decode("utf-16-be" if name[0] == 16 else "latin-1"), _entry(media, start, block)
        place += (38 + skip + size + 3) // 4 * 4
