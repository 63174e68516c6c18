"""Disk images and discs: which file is meant, what it holds (ECMA-119, qcow2's magic), and who may read it."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.host.tree import fail
from vdesk.model.errors import Absent, HostError, WrongUsage, problem
from vdesk.model.number import is_number

SECTOR = 2048
ISO_HEAD = 17 * SECTOR
FORMATS = ((b"QFI\xfb", "qcow2"), (b"KDMV", "vmdk"), (b"conectix", "vpc"), (b"vhdxfile", "vhdx"))
UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""No XML document can hold these (XML 1.0, 2.2), or a terminal would act on them."""
ACCESS_LIST = "system.posix_acl_access"


class Media(NamedTuple):
    """A file or block device of the machine: `path` absolute as that machine names it, `real` where it is read from."""

    path: str
    real: str
    block: bool
    size: int
    here: bool


def absolute(host: Host, given: str, option: str) -> str:
    """The absolute path on the machine that is meant; a path into a captured tree loses the tree's folder."""
    if not given:
        raise _no_file(option, "''", "the name is empty")
    if UNUSABLE.search(given):
        raise _no_file(option, given, "a path that libvirt can name has no control characters and is UTF-8")
    path = os.path.normpath(given if given.startswith("/") else os.path.join(os.getcwd(), given)).replace("//", "/")
    return path if host.tree.own else _inside(host.root, path)


def _inside(root: str, path: str) -> str:
    """The path without the tree's folder, also where one of the two was named by way of a link."""
    folder, _, name = path.rpartition("/")
    for top, whole in ((root, path), (os.path.realpath(root), f"{os.path.realpath(folder)}/{name}")):
        if whole.startswith(f"{top}/"):
            return whole[len(top) :]
    return path


def find(host: Host, given: str, option: str) -> Media:
    """The file that an option names: the machine's own, else (captured machines) this one's. WrongUsage without one."""
    path = absolute(host, given, option)
    try:
        return _media(host.tree.real(path[1:]), path, here=False)
    except HostError as error:
        if host.tree.own or not isinstance(error, Absent):
            raise _no_file(option, path, error.cause) from error
    try:
        return _media(path, path, here=True)
    except HostError as error:
        raise _no_file(option, path, error.cause) from error


def _media(real: str, path: str, *, here: bool) -> Media:
    try:
        found = os.stat(real)
    except OSError as error:
        fail(path[1:], error)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISBLK(found.st_mode)):
        raise HostError(path, "neither a file nor a block device")
    return Media(path, real, stat.S_ISBLK(found.st_mode), found.st_size, here)


def _no_file(option: str, path: str, cause: str) -> WrongUsage:
    shown = path if path.isprintable() else repr(path)
    return WrongUsage(
        problem(
            "usage.no-file", f"{option}: there is no usable file {shown}", cause, "give the path of a file that exists"
        )
    )


def same(host: Host, one: str, other: str) -> bool:
    """Whether two options name one file, by whatever names; False where one of them is not there."""
    try:
        return os.path.samefile(find(host, one, "").real, find(host, other, "").real)
    except (WrongUsage, OSError):
        return False


def read_at(media: Media, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`, fewer at the end; HostError when it cannot be read."""
    try:
        handle = os.open(media.real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.pread(handle, length, offset)
        finally:
            os.close(handle)
    except OSError as error:
        fail(media.path[1:], error)


def names_beside(media: Media) -> list[str]:
    """The names in the folder that the file lies in, of this machine."""
    try:
        return os.listdir(os.path.dirname(media.real))
    except OSError:
        return []


def text_of(media: Media, option: str, limit: int) -> bytes:
    """The whole of a small file; WrongUsage when it is longer than `limit` bytes."""
    data = read_at(media, 0, limit + 1)
    if len(data) > limit:
        raise _no_file(option, media.path, f"longer than {limit} bytes")
    return data


def image_format(media: Media) -> str:
    """`raw`, or the format that the file's magic tells."""
    head = read_at(media, 0, 512)
    return next((name for magic, name in FORMATS if head.startswith(magic)), "raw")


class Disc(NamedTuple):
    """A file as a disc: `iso` whether it is one, `blank` a captured stand-in without content, the volume's name."""

    iso: bool
    blank: bool
    volume: str
    names: frozenset[str]


def read_disc(media: Media) -> Disc:
    """The primary volume descriptor (sector 16) and the names in its root; a UDF-only disc counts as one too."""
    head = read_at(media, 0, ISO_HEAD + 16 * SECTOR)
    sectors = [head[place : place + SECTOR] for place in range(16 * SECTOR, len(head), SECTOR)]
    marks = [sector[1:6] for sector in sectors]
    if b"CD001" not in marks and not ({b"NSR02", b"NSR03"} & set(marks)):
        return Disc(False, not any(head), "", frozenset())
    primary = next((each for each in sectors if each[:6] == b"\x01CD001" and len(each) == SECTOR), None)
    if primary is None:
        return Disc(True, False, "", frozenset())
    volume = primary[40:72].decode("ascii", "replace").strip(" \0")
    return Disc(True, False, volume if volume.isprintable() else "", _root_names(media, primary))


def _root_names(media: Media, primary: bytes) -> frozenset[str]:
    """The names in the root folder of the ISO 9660 side, lower case, without version numbers."""
    extent, length = struct.unpack_from("<I", primary, 156 + 2)[0], struct.unpack_from("<I", primary, 156 + 10)[0]
    data = read_at(media, extent * SECTOR, min(length, 64 * SECTOR))
    plain = (name.decode("latin-1").partition(";")[0] for name, _, _ in records(data))
    return frozenset(name.rstrip(".").lower() for name in plain)


def records(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, first sector, length) of what is in a folder of ISO 9660 (ECMA-119, 9.1), without `.` and `..`."""
    place = 0
    while place < len(data):
        size = data[place]
        if size < 34 or place + size > len(data):
            place = (place // SECTOR + 1) * SECTOR
            continue
        name = data[place + 33 : place + 33 + data[place + 32]]
        if name not in (b"\0", b"\1"):
            yield name, *struct.unpack_from("<I4xI", data, place + 2)
        place += size


def closed_folder(host: Host, path: str, users: tuple[str, ...] = ("libvirt-qemu", "qemu")) -> str | None:
    """The first folder above `path` that QEMU's user may not enter, as its mode and access list say; None when open."""
    uids = _uids(host, users)
    parts = path.strip("/").split("/")[:-1]
    for number in range(1, len(parts) + 1):
        folder = "/".join(parts[:number])
        try:
            found = host.stat(folder)
            if not found.mode & 0o001 and found.uid not in uids and not _listed(host.tree.real(folder), uids):
                return "/" + folder
        except HostError:
            return None
    return None


def readable(host: Host, path: str, users: tuple[str, ...]) -> bool:
    """Whether QEMU's user may read the file, as its mode and owner say; True where that cannot be told."""
    try:
        found = host.stat(path.strip("/"))
    except HostError:
        return True
    return bool(found.mode & 0o004) or found.uid in _uids(host, users) or _has_list(host.tree.real(path.strip("/")))


def _has_list(real: str) -> bool:
    """Whether the file has an access list, which may well be for QEMU."""
    try:
        return bool(os.getxattr(real, ACCESS_LIST))
    except OSError:
        return False


def _uids(host: Host, users: tuple[str, ...]) -> frozenset[int]:
    try:
        lines = [line.split(":") for line in host.read("etc/passwd").splitlines()]
    except HostError:
        return frozenset()
    return frozenset(int(line[2]) for line in lines if line[0] in users and len(line) > 2 and is_number(line[2]))


def _listed(real: str, uids: frozenset[int]) -> bool:
    """Whether the folder's access list (acl(5), version 2: tag, permissions, id) lets one of the users in."""
    try:
        data = os.getxattr(real, ACCESS_LIST)
    except OSError:
        return False
    entries = struct.iter_unpack("<HHI", data[4 : 4 + (len(data) - 4) // 8 * 8])
    return any(tag == 0x02 and uid in uids and bits & 1 for tag, bits, uid in entries)


def of_qemu(host: Host, uid: int, users: tuple[str, ...] = ("libvirt-qemu", "qemu")) -> bool:
    """Whether a user is the one that QEMU runs as."""
    return uid in _uids(host, users)
