"""Changing files so that a power cut leaves the old content or the new one, never half of either."""

from __future__ import annotations

import os

from vdesk.host.tree import Tree, fail
from vdesk.model.errors import HostError, Untrusted

_LABEL = "security.selinux"
_MARK = ".vdesk-"


def write(tree: Tree, path: str, data: bytes, mode: int | None, owner: tuple[int, int] | None) -> None:
    """Replace the file by one with `data`: a temporary file beside it, fsync, rename, fsync of the folder.

    Mode, owner and SELinux label of an existing file are kept unless given; a link is followed, not replaced."""
    real = tree.real(path)
    folder, name = os.path.split(real)
    temporary = f"{folder}/.{name}{_MARK}{os.urandom(8).hex()}"
    try:
        old = os.lstat(real) if os.path.lexists(real) else None
        if old is not None and not os.path.isfile(real):
            raise Untrusted("/" + path, "not a regular file")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        fail(path, error)
    try:
        _fill(handle, data)
        if owner is None and old is not None:
            owner = (old.st_uid, old.st_gid)
        if owner is not None and owner != (os.geteuid(), os.getegid()):
            os.fchown(handle, *owner)
        os.fchmod(handle, mode if mode is not None else (old.st_mode & 0o7777 if old else 0o644))
        copy_label(real, handle)
        os.fsync(handle)
        os.rename(temporary, real)
    except OSError as error:
        discard(temporary)
        fail(path, error)
    except BaseException:
        discard(temporary)
        raise
    finally:
        os.close(handle)
    sync_folder(folder)
    tree.forget()


def sweep(tree: Tree, path: str) -> None:
    """Remove what a `write` of this file left beside it when it was killed before its rename."""
    folder, name = os.path.split(tree.real(path))
    begin = f".{name}{_MARK}"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for each in names:
        rest = each.removeprefix(begin)
        if each.startswith(begin) and len(rest) == 16 and not rest.strip("0123456789abcdef"):
            discard(f"{folder}/{each}")


def _fill(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def copy_label(real: str, handle: int) -> None:
    """Give an open file the SELinux label of `real`."""
    try:
        os.setxattr(handle, _LABEL, os.getxattr(real, _LABEL))
    except OSError:
        return  # no file before, or a system without SELinux


def discard(temporary: str) -> None:
    """Remove what nobody will miss."""
    try:
        os.unlink(temporary)
    except OSError:
        return


def sync_folder(folder: str) -> None:
    """fsync of a folder, so that a rename or removal in it survives a power cut."""
    try:
        handle = os.open(folder or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return  # some file systems cannot
    finally:
        os.close(handle)


def append(tree: Tree, path: str, data: bytes, mode: int, durable: bool = True) -> None:
    """Append to a log of vdesk's own and fsync it; created with `mode` when absent.

    Not `durable`: what is written is on disk after the next append that is. The folder is synced only when the file is
    new in it: an append changes nothing there, and costs the disk a flush (fsync(2))."""
    real, flags, new = tree.real(path), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, False
    try:
        try:
            handle = os.open(real, flags)
        except FileNotFoundError:
            handle, new = os.open(real, flags | os.O_CREAT, mode), True
        try:
            _fill(handle, data)
            if durable or new:
                os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        fail(path, error)
    if new:
        sync_folder(os.path.dirname(real))


def create(tree: Tree, path: str, data: bytes, mode: int) -> bool:
    """Create a file that was not there and fsync it; False when it was there already."""
    try:
        handle = os.open(tree.real(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        return False
    except OSError as error:
        fail(path, error)
    try:
        _fill(handle, data)
        os.fsync(handle)
    except OSError as error:
        fail(path, error)
    finally:
        os.close(handle)
    sync_folder(os.path.dirname(tree.real(path)))
    tree.forget()
    return True


def rename(tree: Tree, path: str, new: str) -> None:
    """Give a file another name, in place of what has it."""
    real, target = tree.real(path, follow=False), tree.real(new, follow=False)
    try:
        os.rename(real, target)
        if os.path.lexists(real):
            os.unlink(real)  # two names of one file: rename(2) leaves both
    except OSError as error:
        fail(path, error)
    for folder in {os.path.dirname(real), os.path.dirname(target)}:
        sync_folder(folder)
    tree.forget()


def remove(tree: Tree, path: str) -> None:
    """Remove a file or link (a link itself, not what it points to)."""
    real = tree.real(path, follow=False)
    try:
        os.unlink(real)
    except OSError as error:
        fail(path, error)
    sync_folder(os.path.dirname(real))
    tree.forget()


def symlink(tree: Tree, path: str, target: str) -> None:
    """Make a link with this text."""
    real = tree.real(path, follow=False)
    try:
        os.symlink(target, real)
    except OSError as error:
        fail(path, error)
    sync_folder(os.path.dirname(real))
    tree.forget()


def make_folder(tree: Tree, path: str, mode: int) -> bool:
    """Make the folder and its missing parents; False when it was there. Parents get 0755."""
    real = tree.real(path)
    if os.path.isdir(real):
        return False
    parent = path.rpartition("/")[0]
    if parent and not os.path.isdir(tree.real(parent)):
        make_folder(tree, parent, 0o755)
    try:
        os.mkdir(real, mode)
        os.chmod(real, mode)
    except OSError as error:
        fail(path, error)
    sync_folder(os.path.dirname(real))
    tree.forget()
    return True


def remove_folder(tree: Tree, path: str) -> bool:
    """Remove an empty folder; False when it is not empty or not there."""
    try:
        os.rmdir(tree.real(path, follow=False))
    except OSError:
        return False
    except HostError:
        return False
    tree.forget()
    return True
