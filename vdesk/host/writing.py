"""Changing files so that a power cut leaves the old content or the new one, never half of either."""

from __future__ import annotations

import os
import stat

from vdesk.host.placing import placed, refuse_links
from vdesk.host.tree import Tree
from vdesk.model.errors import HostError, Untrusted

_LABEL = "security.selinux"
_MARK = ".vdesk-"
PLAIN = os.O_NOFOLLOW | os.O_CLOEXEC


def write(tree: Tree, path: str, data: bytes, mode: int | None, owner: tuple[int, int] | None) -> None:
    """Replace the file by one with `data`: a temporary file beside it, fsync, rename, fsync of the folder.

    Mode, owner and SELinux label of an existing file are kept unless given; a link is followed, not replaced."""
    refuse_links(tree, path)
    with placed(tree, path) as (folder, name):
        old = _found(folder, name)
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise Untrusted("/" + path, "not a regular file")
        temporary = f".{name}{_MARK}{os.urandom(8).hex()}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN, 0o600, dir_fd=folder)
        try:
            _fill(handle, data)
            if owner is None and old is not None:
                owner = (old.st_uid, old.st_gid)
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                os.fchown(handle, *owner)
            os.fchmod(handle, mode if mode is not None else (old.st_mode & 0o7777 if old else 0o644))
            copy_label(f"/proc/self/fd/{folder}/{name}", handle)
            os.fsync(handle)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            discard(folder, temporary)
            raise
        finally:
            os.close(handle)
        sync_folder(folder)
    tree.forget()


def _found(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None


def sweep(tree: Tree, path: str) -> None:
    """Remove what a `write` of this file left beside it when it was killed before its rename."""
    try:
        with placed(tree, path) as (folder, name):
            begin = f".{name}{_MARK}"
            for each in os.listdir(folder):
                rest = each.removeprefix(begin)
                if each.startswith(begin) and len(rest) == 16 and not rest.strip("0123456789abcdef"):
                    discard(folder, each)
    except HostError:
        return


def _fill(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def copy_label(old: str | int, handle: int) -> None:
    """Give an open file the SELinux label of another, open or named; a link is not followed."""
    try:
        os.setxattr(handle, _LABEL, os.getxattr(old, _LABEL, follow_symlinks=isinstance(old, int)))
    except OSError:
        return  # no file before, or a system without SELinux


def discard(folder: int, name: str) -> None:
    """Remove what nobody will miss from an open folder."""
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        return


def sync_folder(folder: int) -> None:
    """fsync of an open folder, so that a rename or removal in it survives a power cut."""
    try:
        os.fsync(folder)
    except OSError:
        return  # some file systems cannot


def append(tree: Tree, path: str, data: bytes, mode: int, durable: bool = True) -> None:
    """Append to a log of vdesk's own and fsync it; created with `mode` when absent.

    Not `durable`: what is written is on disk after the next append that is. The folder is synced only when the file is
    new in it: an append changes nothing there, and costs the disk a flush (fsync(2))."""
    flags, new = os.O_WRONLY | os.O_APPEND | PLAIN, False
    with placed(tree, path, follow=not tree.own) as (folder, name):
        try:
            handle = os.open(name, flags, dir_fd=folder)
        except FileNotFoundError:
            handle, new = os.open(name, flags | os.O_CREAT, mode, dir_fd=folder), True
        try:
            _fill(handle, data)
            if durable or new:
                os.fsync(handle)
        finally:
            os.close(handle)
        if new:
            sync_folder(folder)


def create(tree: Tree, path: str, data: bytes, mode: int) -> bool:
    """Create a file that was not there and fsync it; False when it was there already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | PLAIN
    with placed(tree, path, follow=not tree.own) as (folder, name):
        try:
            handle = os.open(name, flags, mode, dir_fd=folder)
        except FileExistsError:
            return False
        try:
            _fill(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(folder)
    tree.forget()
    return True


def rename(tree: Tree, path: str, new: str) -> None:
    """Give a file another name, in place of what has it."""
    with placed(tree, new, follow=False) as (place, target), placed(tree, path, follow=False) as (folder, name):
        os.rename(name, target, src_dir_fd=folder, dst_dir_fd=place)
        if _found(folder, name) is not None:
            os.unlink(name, dir_fd=folder)  # two names of one file: rename(2) leaves both
        sync_folder(folder)
        if os.path.dirname(path) != os.path.dirname(new):
            sync_folder(place)
    tree.forget()


def remove(tree: Tree, path: str) -> None:
    """Remove a file or link (a link itself, not what it points to)."""
    with placed(tree, path, follow=False) as (folder, name):
        os.unlink(name, dir_fd=folder)
        sync_folder(folder)
    tree.forget()


def symlink(tree: Tree, path: str, target: str) -> None:
    """Make a link with this text."""
    with placed(tree, path, follow=False) as (folder, name):
        os.symlink(target, name, dir_fd=folder)
        sync_folder(folder)
    tree.forget()


def make_folder(tree: Tree, path: str, mode: int) -> bool:
    """Make the folder and its missing parents; False when it was there. Parents get 0755."""
    if os.path.isdir(tree.real(path)):
        return False
    parent = path.rpartition("/")[0]
    if parent and not os.path.isdir(tree.real(parent)):
        make_folder(tree, parent, 0o755)
    with placed(tree, path, follow=not tree.own) as (folder, name):
        os.mkdir(name, mode, dir_fd=folder)
        flags = os.O_RDONLY | os.O_DIRECTORY | PLAIN
        handle = os.open(name, flags, dir_fd=folder)
        try:
            os.fchmod(handle, mode)
        finally:
            os.close(handle)
        sync_folder(folder)
    tree.forget()
    return True


def remove_folder(tree: Tree, path: str) -> bool:
    """Remove an empty folder; False when it is not empty or not there."""
    try:
        with placed(tree, path, follow=False) as (folder, name):
            os.rmdir(name, dir_fd=folder)
    except HostError:
        return False
    tree.forget()
    return True
