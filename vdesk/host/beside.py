"""Files that stand beside others and take their place: a second name, a copy, a successor. All are on the disk before
the call returns."""

from __future__ import annotations

import errno
import hashlib
import os

from vdesk.host.host import Host
from vdesk.host.tree import fail
from vdesk.host.writing import copy_label, discard, sync_folder


def digest(host: Host, path: str) -> str:
    """SHA-256 of a file of any size, in hex; raises as `Host.read_bytes` does."""
    try:
        with open(host.tree.real(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        fail(path, error)


def file_system(host: Host, folder: str) -> int:
    """The number of the file system that a folder is on; 0 where that cannot be told (a captured machine)."""
    try:
        return os.stat(host.tree.real(folder)).st_dev if host.tree.own else 0
    except OSError:
        return 0


def second_name(host: Host, path: str, name: str) -> bool:
    """A second name for a file, so that its bytes outlive a rename over the first; False where the file system has no
    links."""
    real, beside = host.tree.real(path), host.tree.real(name, follow=False)
    try:
        os.link(real, beside, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            return False
        fail(name, error)
    sync_folder(os.path.dirname(beside))
    host.tree.forget()
    return True


def copy(host: Host, path: str, name: str) -> None:
    """A copy of a file, with its mode, owner, label and time: its bytes outlive whoever writes into the file."""
    real, beside = host.tree.real(path), host.tree.real(name, follow=False)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(real, "rb") as source, open(os.open(beside, flags, 0o600), "wb") as target:
            try:
                while part := source.read(1 << 20):
                    target.write(part)
                target.flush()
                _made_alike(real, target.fileno())
                found = os.fstat(source.fileno())
                os.utime(target.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
                os.fsync(target.fileno())
            except BaseException:
                discard(beside)
                raise
    except OSError as error:
        fail(name, error)
    sync_folder(os.path.dirname(beside))
    host.tree.forget()


def succeed(host: Host, new: str, path: str) -> None:
    """Put a finished file into the place of another, with the other's mode, owner and label."""
    real, old = host.tree.real(new, follow=False), host.tree.real(path)
    try:
        handle = os.open(real, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _made_alike(old, handle)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(real, old)
    except OSError as error:
        fail(path, error)
    for folder in {os.path.dirname(real), os.path.dirname(old)}:
        sync_folder(folder)
    host.tree.forget()


def flush(host: Host, path: str) -> None:
    """See to it that what another program has written is on the disk."""
    real, flags = host.tree.real(path), os.O_RDONLY | os.O_CLOEXEC
    try:
        handle = os.open(real, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        fail(path, error)
    sync_folder(os.path.dirname(real))


def _made_alike(real: str, handle: int) -> None:
    """Owner, mode and label of `real` for an open file; what is so already is not set: FAT refuses to change any."""
    try:
        old, new = os.stat(real), os.fstat(handle)
    except FileNotFoundError:
        return
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(handle, old.st_uid, old.st_gid)
    if old.st_mode != os.fstat(handle).st_mode:
        os.fchmod(handle, old.st_mode & 0o7777)
    copy_label(real, handle)
