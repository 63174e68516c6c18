"""Files that stand beside others and take their place: a second name, a copy, a successor. All are on the disk before
the call returns."""

from __future__ import annotations

import errno
import hashlib
import os

from vdesk.host.host import Host
from vdesk.host.placing import placed
from vdesk.host.tree import fail
from vdesk.host.writing import PLAIN, copy_label, discard, sync_folder


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
    with placed(host.tree, name, follow=False) as (beside, new), placed(host.tree, path) as (folder, old):
        try:
            os.link(old, new, src_dir_fd=folder, dst_dir_fd=beside, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                return False
            fail(name, error)
        sync_folder(beside)
    host.tree.forget()
    return True


def copy(host: Host, path: str, name: str) -> None:
    """A copy of a file, with its mode, owner, label and time: its bytes outlive whoever writes into the file."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | PLAIN
    with placed(host.tree, name, follow=False) as (beside, new), placed(host.tree, path) as (folder, old):
        source = os.open(old, os.O_RDONLY | PLAIN, dir_fd=folder)
        with open(source, "rb") as reader, open(os.open(new, flags, 0o600, dir_fd=beside), "wb") as target:
            try:
                while part := reader.read(1 << 20):
                    target.write(part)
                target.flush()
                _made_alike(source, target.fileno())
                found = os.fstat(source)
                os.utime(target.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
                os.fsync(target.fileno())
            except BaseException:
                discard(beside, new)
                raise
        sync_folder(beside)
    host.tree.forget()


def succeed(host: Host, new: str, path: str) -> None:
    """Put a finished file into the place of another, with the other's mode, owner and label."""
    with placed(host.tree, path) as (place, old), placed(host.tree, new, follow=False) as (folder, name):
        handle = os.open(name, os.O_RDWR | PLAIN, dir_fd=folder)
        try:
            _alike(place, old, handle)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(name, old, src_dir_fd=folder, dst_dir_fd=place)
        for each in (folder, place):
            sync_folder(each)
    host.tree.forget()


def flush(host: Host, path: str) -> None:
    """See to it that what another program has written is on the disk."""
    with placed(host.tree, path) as (folder, name):
        handle = os.open(name, os.O_RDONLY | PLAIN, dir_fd=folder)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(folder)


def _alike(folder: int, name: str, handle: int) -> None:
    """Make an open file like one of a folder, where there is one."""
    try:
        old = os.open(name, os.O_RDONLY | PLAIN, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        _made_alike(old, handle)
    finally:
        os.close(old)


def _made_alike(source: int, handle: int) -> None:
    """Owner, mode and label of one open file for another; what is so already is not set: FAT refuses to change any."""
    old, new = os.fstat(source), os.fstat(handle)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(handle, old.st_uid, old.st_gid)
    if old.st_mode != os.fstat(handle).st_mode:
        os.fchmod(handle, old.st_mode & 0o7777)
    copy_label(source, handle)
