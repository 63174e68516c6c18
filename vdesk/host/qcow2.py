"""Which other files a qcow2 image names in its header (QEMU, docs/interop/qcow2.rst): QEMU opens them with the disk."""

from __future__ import annotations

import struct
from typing import NamedTuple

from vdesk.host.media import Media, read_at

MAGIC = b"QFI\xfb"
VERSION_2, VERSION_3, VERSION_2_BYTES = 2, 3, 72
EXTERNAL_DATA = 1 << 2
"""The bit of the incompatible features that says that the guest's data are in another file."""
DATA_FILE = 0x44415441
"""The header extension with that file's name."""
MOST_HEADER, MOST_NAME = 2 << 20, 1023  # the largest cluster, which holds the header; block/qcow2.c
UNNAMED = "?"


class Named(NamedTuple):
    """The backing file and the data file of an image, as it has them (os.fsdecode); empty where it has none."""

    backing: str
    data: str


def named(image: Media) -> Named:
    """What the header names; HostError when it cannot be read, nothing where it is no whole header."""
    head = read_at(image, 0, 104).ljust(104, b"\0")
    version, offset, length, bits = struct.unpack_from(">IQII", head, 4)
    if not head.startswith(MAGIC) or version not in (VERSION_2, VERSION_3):
        return Named("", "")
    backing = _text(read_at(image, offset, min(length, MOST_NAME))) if 0 < offset < image.size else ""
    backing = backing or (UNNAMED if offset else "")
    if version == VERSION_2 or not struct.unpack_from(">Q", head, 72)[0] & EXTERNAL_DATA:
        return Named(backing, "")
    header = read_at(image, 0, min(1 << min(bits, 21), MOST_HEADER))
    return Named(backing, _data_file(header, struct.unpack_from(">I", head, 100)[0]) or UNNAMED)


def _data_file(header: bytes, place: int) -> str:
    """The name in the extension; the data of each are padded to eight bytes."""
    place = max(place, VERSION_2_BYTES)
    while place + 8 <= len(header):
        kind, length = struct.unpack_from(">II", header, place)
        if kind == DATA_FILE:
            return _text(header[place + 8 : place + 8 + min(length, MOST_NAME)])
        if kind == 0:
            return ""
        place += 8 + (length + 7) // 8 * 8
    return ""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").strip("\0")
