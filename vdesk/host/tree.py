"""Files below a root. A root other than / is somebody else's captured machine and is never trusted:
links are resolved inside it, and only regular files of a reasonable size are read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import NoReturn

from vdesk.model.errors import Absent, Busy, Denied, Full, HostError, ReadOnly, Untrusted
from vdesk.model.record import Record

FILE_LIMIT = 64 << 20
LINK_LIMIT = 40
_ANSWERS: dict[int, type[HostError]] = {
    errno.ENOENT: Absent,
    errno.ENOTDIR: Absent,
    errno.EACCES: Denied,
    errno.EPERM: Denied,
    errno.EBUSY: Busy,
    errno.EAGAIN: Busy,
    errno.ETXTBSY: Busy,
    errno.ENOSPC: Full,
    errno.EDQUOT: Full,
    errno.EROFS: ReadOnly,
}


class Stat(Record):
    """What vdesk keeps of a file: kind is `file`, `folder`, `link`, `block`, `char` or `other`; size in bytes."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    links: int
    device: int


def fail(path: str, error: OSError) -> NoReturn:
    """Raise the HostError that says what the machine answered: absent, denied and busy are three answers."""
    kind = _ANSWERS.get(error.errno or 0, HostError)
    raise kind("/" + path, f"{os.strerror(error.errno or 0)} ({errno.errorcode.get(error.errno or 0, '?')})") from error


def checked(path: str) -> str:
    """`path` itself; an absolute one, or one with `..`, is a mistake in vdesk."""
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"not a relative path inside the machine: {path!r}")
    return path


class Tree:
    """Read and write files below `root`; every path is relative text such as `sys/bus/pci/devices`."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.own = self.root == "/"
        self._plain, self._top = os.path.realpath(self.root), _identity(self.root)
        self._real: dict[str, str] = {"": ""}
        self.unreadable: frozenset[str] = frozenset()

    # --- where
    def resolve(self, path: str) -> str:
        """`path` with every link followed inside the root; the last part need not exist."""
        if self.own:
            try:
                return os.path.realpath("/" + checked(path))[1:]
            except OSError as error:
                fail(path, error)
        return self._follow(checked(path).strip("/"), 0)

    def _follow(self, path: str, depth: int) -> str:
        if path in self._real:
            return self._real[path]
        if depth > LINK_LIMIT:
            raise Untrusted("/" + path, "too many links")
        parent, _, name = path.rpartition("/")
        base = self._follow(parent, depth + 1)
        found = self._step(base, name, path, depth)
        self._real[path] = found
        return found

    def _step(self, base: str, name: str, path: str, depth: int) -> str:
        if name in ("", "."):
            return base
        if name == "..":
            if not base:
                raise Untrusted("/" + path, "a link that leaves the captured tree")
            return base.rpartition("/")[0]
        here = f"{base}/{name}" if base else name
        try:
            target = os.readlink(f"{self.root}/{here}")
        except OSError:
            return here
        if target.startswith("/"):
            return self._follow(target.strip("/"), depth + 1)
        return self._follow(f"{base}/{target}".strip("/"), depth + 1)

    def real(self, path: str, *, follow: bool = True) -> str:
        """The path on the file system of this machine, safe to open."""
        if self.own:
            return "/" + checked(path)
        return f"{self.root}/{self.inside(path, follow=follow)}"

    def inside(self, path: str, *, follow: bool = True) -> str:
        """The path in a captured machine with its links followed (`follow`: the last part's too), relative to it."""
        if self.unreadable and any(each in self.unreadable for each in (*_ways(path), *_ways(self.resolve(path)))):
            raise Denied("/" + path, "could not be read when the machine was captured")
        if follow:
            return self.resolve(path)
        parent, _, name = checked(path).rpartition("/")
        base = self.resolve(parent)
        return f"{base}/{name}" if base else name

    def refuse_another(self, found: os.stat_result) -> None:
        """Untrusted where the root, opened again, is another folder than at first."""
        if self._top not in (None, (found.st_dev, found.st_ino)):
            raise Untrusted("/", "another folder has been put in the place of the captured machine")

    def _refuse_swapped(self, handle: int, path: str, real: str) -> None:
        """Untrusted where a captured machine's file, now open, is not the one that was looked for: a folder on the way
        has become a link since (proc(5), /proc/pid/fd)."""
        if os.readlink(f"/proc/self/fd/{handle}") != self._plain + real[len(self.root) :]:
            raise Untrusted("/" + path, "a folder on the way has become a link")

    def forget(self) -> None:
        """Forget where links lead, after a change."""
        self._real = {"": ""}

    # --- look
    def read(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        """The whole content; Untrusted when it is no regular file or longer than `limit` bytes."""
        flags, real = os.O_RDONLY | os.O_CLOEXEC | (0 if self.own else os.O_NOFOLLOW | os.O_NONBLOCK), self.real(path)
        try:
            handle = os.open(real, flags)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise Untrusted("/" + path, "not a regular file") from error
            fail(path, error)
        try:
            if not self.own:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise Untrusted("/" + path, "not a regular file")
                self._refuse_swapped(handle, path, real)
            return _drain(handle, path, limit)
        except OSError as error:
            fail(path, error)
        finally:
            os.close(handle)

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        try:
            return sorted(os.listdir(self.real(path)))
        except OSError as error:
            fail(path, error)

    def link(self, path: str) -> str:
        """The text of a link."""
        try:
            return os.readlink(self.real(path, follow=False))
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise Absent("/" + path, "not a link") from error
            fail(path, error)

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """Kind, mode, owner and size."""
        try:
            found = os.lstat(self.real(path, follow=follow)) if not (self.own and follow) else os.stat("/" + path)
        except OSError as error:
            fail(path, error)
        return Stat(
            _kind(found.st_mode),
            stat.S_IMODE(found.st_mode),
            found.st_uid,
            found.st_gid,
            found.st_size,
            found.st_mtime_ns,
            found.st_nlink,
            found.st_rdev,
        )


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = os.stat(root)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _ways(path: str) -> Iterator[str]:
    """The path and the folders above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _kind(mode: int) -> str:
    for name, test in (
        ("file", stat.S_ISREG),
        ("folder", stat.S_ISDIR),
        ("link", stat.S_ISLNK),
        ("block", stat.S_ISBLK),
        ("char", stat.S_ISCHR),
    ):
        if test(mode):
            return name
    return "other"


def _drain(handle: int, path: str, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := os.read(handle, 1 << 16):
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            raise Untrusted("/" + path, f"longer than {limit} bytes")
    return b"".join(parts)
