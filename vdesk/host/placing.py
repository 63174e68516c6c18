"""Where a change of a file lands: the open folder and a name in it, reached without a link, so that a folder that is
swapped for a link after the look at it leads no write away."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from vdesk.host.tree import LINK_LIMIT, Tree, checked, fail
from vdesk.model.errors import HostError, Refused, Untrusted, problem


@contextmanager
def placed(tree: Tree, path: str, *, follow: bool = True) -> Iterator[tuple[int, str]]:
    """(folder, name) of the path: its links followed first, inside the root (with `follow` the last part's too), then
    every folder opened with O_NOFOLLOW. Absent, Denied and the like where that fails; the caller's own OSError too."""
    try:
        handle, name = _opened(tree, path, follow)
        try:
            yield handle, name
        finally:
            os.close(handle)
    except OSError as error:
        fail(path, error)


def _opened(tree: Tree, path: str, follow: bool) -> tuple[int, str]:
    if tree.own:
        above, _, name = checked(path).rpartition("/")
        if follow:
            above, _, name = tree.resolve(path).rpartition("/")
        else:
            above = tree.resolve(above)
    else:
        above, _, name = tree.inside(path, follow=follow).rpartition("/")
    parts = above.split("/") if above else []
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    handle = os.open(tree.root, flags)
    try:
        tree.refuse_another(os.fstat(handle))
        for part in parts:
            handle = _below(handle, part, flags | os.O_NOFOLLOW)
        return _readable(handle), name
    except BaseException:
        os.close(handle)
        raise


def _below(handle: int, part: str, flags: int) -> int:
    below = os.open(part, flags, dir_fd=handle)
    os.close(handle)
    return below


def _readable(handle: int) -> int:
    """The folder as it can be listed and synced, where this user may read it (open(2), O_PATH)."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        found = os.open(".", flags, dir_fd=handle)
    except PermissionError:
        return handle
    os.close(handle)
    return found


@contextmanager
def held(tree: Tree, path: str) -> Iterator[str]:
    """How a program names this very file, new and empty, whatever takes its place in the folder meanwhile (proc(5),
    /proc/pid/fd). Untrusted where something did already."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with placed(tree, path, follow=False) as (folder, name):
        handle = os.open(name, flags, dir_fd=folder)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or (found.st_uid, found.st_nlink, found.st_size) != (os.geteuid(), 1, 0):
            raise Untrusted("/" + path, "another file was put in its place")
        yield f"/proc/{os.getpid()}/fd/{handle}" if tree.own else "/" + path
    finally:
        os.close(handle)


def refuse_links(tree: Tree, path: str) -> None:
    """Refused where root would write this machine's file through a link that another user can turn elsewhere: the
    folder of each link on the way, and what it leads to, have to be root's, or theirs who typed sudo."""
    if not tree.own or os.geteuid() != 0:
        return
    from vdesk.host.trust import foreign, groups, owners

    seen = list(_links("/" + checked(path)))
    if not seen:
        return
    real = tree.resolve(path)
    for where, why in foreign([*(os.path.dirname(each) for each in seen), "/" + real], owners(), groups()):
        raise Refused(
            problem(
                "file.link",
                f"/{path} is not written: {seen[0]} is a link, and {where} {why}",
                "whoever can write there decides what root's file is",
                f"look at it with: ls -ld {seen[0]} {where}; put the file itself in the place of the link, or make it "
                "root's, then run the same command again",
            )
        )


def _links(path: str) -> Iterator[str]:
    """Every link that is followed on the way of an absolute path."""
    here, rest, count = "", path.split("/"), 0
    while rest:
        part = rest.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            here = here.rpartition("/")[0]
            continue
        try:
            target = os.readlink(f"{here}/{part}")
        except OSError:
            here = f"{here}/{part}"
            continue
        yield f"{here}/{part}"
        count += 1
        if count > LINK_LIMIT:
            raise HostError(path, "too many links")
        rest[:0] = target.split("/")
        here = "" if target.startswith("/") else here
