"""A disc with one file, autounattend.xml, in its root: ISO 9660 (ECMA-119) with Joliet, as Windows Setup reads it."""

from __future__ import annotations

import struct

SECTOR = 2048
NAME = "autounattend.xml"
VOLUME = "UNATTENDED"
# Sectors: 16 primary descriptor, 17 Joliet's, 18 the end, then path tables, root folders, the file.
TABLES, ROOTS, FILE = (19, 20, 21, 22), (23, 24), 25
DOT, SIZE = 34, 10
"""The length of a folder's record for itself, and where a record holds its file's size."""
EPOCH = bytes((125, 1, 1, 0, 0, 0, 0))
"""A fixed date: the same file gives the same disc."""


def answer_disc(data: bytes) -> bytes:
    """The whole disc."""
    count = FILE + max(1, -(-len(data) // SECTOR))
    sectors = [bytes(SECTOR)] * 16
    sectors += [_descriptor(1, count), _descriptor(2, count), b"\xffCD001\x01".ljust(SECTOR, b"\0")]
    sectors += [_table(number) for number in range(4)]
    sectors += [_root(joliet, len(data)) for joliet in (False, True)]
    return b"".join(sectors) + data.ljust((count - FILE) * SECTOR, b"\0")


def content(disc: bytes) -> bytes:
    """The file on such a disc; ValueError for another one."""
    place = ROOTS[0] * SECTOR + 2 * DOT + SIZE
    if disc[place + 23 : place + 27] != b"AUTO" or len(disc) < FILE * SECTOR:
        raise ValueError("not a disc of vdesk's")
    return disc[FILE * SECTOR :][: struct.unpack_from("<I", disc, place)[0]]


def _both(form: str, number: int) -> bytes:
    """A number in both byte orders."""
    return struct.pack(f"<{form}", number) + struct.pack(f">{form}", number)


def _text(text: str, length: int, joliet: bool) -> bytes:
    blank = " ".encode("utf-16-be") if joliet else b" "
    data = text.encode("utf-16-be") if joliet else text.encode("ascii")
    return (data + blank * length)[:length]


def _record(name: bytes, sector: int, size: int, folder: bool) -> bytes:
    flags = 2 if folder else 0
    body = (
        _both("I", sector)
        + _both("I", size)
        + EPOCH
        + bytes((flags, 0, 0))
        + _both("H", 1)
        + bytes((len(name),))
        + name
    )
    body += b"" if len(name) % 2 else b"\0"
    return bytes((len(body) + 2, 0)) + body


def _descriptor(kind: int, count: int) -> bytes:
    joliet = kind == 2
    date = b"2025010100000000\0"
    head = (
        bytes((kind,))
        + b"CD001\x01\0"
        + _text("", 32, joliet)
        + _text(VOLUME, 32, joliet)
        + bytes(8)
        + _both("I", count)
    )
    head += (
        (b"%/E" if joliet else b"").ljust(32, b"\0")
        + _both("H", 1)
        + _both("H", 1)
        + _both("H", SECTOR)
        + _both("I", 10)
    )
    little, big = TABLES[2 if joliet else 0], TABLES[3 if joliet else 1]
    head += struct.pack("<II", little, 0) + struct.pack(">II", big, 0)
    head += _record(b"\0", ROOTS[joliet], SECTOR, True)
    head += _text("", 128 * 4, joliet) + _text("", 37 * 3, joliet)
    head += date * 2 + b"0000000000000000\0" + date + b"\x01"
    return head.ljust(SECTOR, b"\0")


def _table(number: int) -> bytes:
    """The path table with the root alone; odd ones are big-endian, the last two Joliet's."""
    order = ">" if number % 2 else "<"
    return (struct.pack(f"{order}BBIH", 1, 0, ROOTS[number // 2], 1) + b"\0\0").ljust(SECTOR, b"\0")


def _root(joliet: bool, size: int) -> bytes:
    here = ROOTS[joliet]
    name = NAME.encode("utf-16-be") if joliet else b"AUTOUNAT.XML;1"
    dots = _record(b"\0", here, SECTOR, True) + _record(b"\1", here, SECTOR, True)
    return (dots + _record(name, FILE, size, False)).ljust(SECTOR, b"\0")
