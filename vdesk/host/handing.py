"""Writing what a person asked for, as theirs: under sudo it is written with the rights of who typed the command, so
that a link in a folder of theirs, or of anybody's, leads root nowhere."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from vdesk.host.tree import fail
from vdesk.model.errors import Denied, VdeskError, WrongUsage, problem
from vdesk.model.number import is_number

FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC
Work = Callable[[int, str], bool]
"""Of an open folder and a name in it: False where something is there already."""


def caller() -> tuple[int, int] | None:
    """(uid, gid) of who is behind sudo; None where nobody else is, or where this process may not become another."""
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    known = os.geteuid() == 0 and is_number(uid) and is_number(gid) and int(uid) != 0
    return (int(uid), int(gid)) if known else None


def require_folder(path: str) -> None:
    """WrongUsage where the folder that something new is to lie in is not there; what else bars it is told when it is
    written."""
    folder = os.path.dirname(path.rstrip("/")) or "/"
    try:
        there = stat.S_ISDIR(os.stat(folder).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        there = False
    except OSError:
        return
    if not there:
        cause = "vdesk makes no folder that nobody asked for"
        remedy = f"make it with: mkdir -p {shlex.quote(folder)}"
        raise WrongUsage(problem("usage.no-file", f"{path}: there is no folder {folder}", cause, remedy))


def save(path: str, data: bytes, mode: int = 0o644) -> bool:
    """A new file, never over another: False when there is one."""
    return _done(path, lambda folder, name: _file(folder, name, data, mode))


def save_folder(path: str, files: dict[str, bytes], links: dict[str, str], folders: set[str]) -> bool:
    """A new folder with all that; False when there is one that is not empty.

    It is filled beside, where nobody else may enter, and gets its name when it is whole."""
    return _done(path.rstrip("/"), lambda folder, name: _folder(folder, name, files, links, folders))


def _done(path: str, work: Work) -> bool:
    """The work's answer, done as the caller; as root only where root alone can write, in every folder on the way."""
    above, name = os.path.split(os.path.abspath(path))
    owner = caller()

    def here() -> bool:
        with _opened(os.path.realpath(above)) as folder:
            return work(folder, name)

    try:
        if owner is None:
            return here()
        try:
            return _as(owner, here)
        except PermissionError:
            return _as_root(path, above, lambda folder: work(folder, name))
    except OSError as error:
        fail(path.lstrip("/"), error)


def _as_root(path: str, above: str, work: Callable[[int], bool]) -> bool:
    try:
        with _opened(above, roots=True) as folder:
            return work(folder)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.ELOOP, errno.ENOTDIR):
            raise
        raise VdeskError(
            problem(
                Denied.id,
                f"{path} is not written",
                "who typed the command may not write there, and neither is it a folder that root alone can write",
                "name a file in a folder of your own",
            )
        ) from error


@contextmanager
def _opened(path: str, *, roots: bool = False) -> Iterator[int]:
    """The folder, open, by a way on which there is no link any more; `roots`: nor a folder that another user than root
    can write (PermissionError)."""
    way = os.O_PATH | os.O_DIRECTORY | FLAGS
    handle = os.open("/", way)
    try:
        for part in path.split("/"):
            if part:
                below = os.open(part, way, dir_fd=handle)
                os.close(handle)
                handle = below
            found = os.fstat(handle)
            if roots and (found.st_uid != 0 or found.st_mode & 0o022):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        yield handle
    finally:
        os.close(handle)


def _as(owner: tuple[int, int], here: Callable[[], bool]) -> bool:
    """What `here` answers, or raises of OSError, in a process that has the owner's rights and no others."""
    groups = _groups(*owner)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = f"error {errno.EIO}"
        try:
            os.setgroups(groups)
            os.setresgid(owner[1], owner[1], owner[1])
            os.setresuid(owner[0], owner[0], owner[0])
            said = "done" if here() else "there"
        except OSError as error:
            said = f"error {error.errno or errno.EIO}"
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    try:
        said = os.read(reader, 64).decode()
    except BaseException:
        os.kill(child, signal.SIGINT)
        raise
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    number = said.removeprefix("error ")
    if said not in ("done", "there"):
        known = int(number) if is_number(number) else errno.EIO
        raise OSError(known, os.strerror(known))
    return said == "done"


def _groups(uid: int, gid: int) -> list[int]:
    import pwd

    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        return [gid]


def _file(folder: int, name: str, data: bytes, mode: int) -> bool:
    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS, 0o600, dir_fd=folder)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
            os.fchmod(handle, mode)
    except BaseException:
        os.unlink(name, dir_fd=folder)
        raise
    return True


def _folder(folder: int, name: str, files: dict[str, bytes], links: dict[str, str], folders: set[str]) -> bool:
    from vdesk.host.unpack import empty

    work = f"{name}.vdesk-{os.urandom(8).hex()}"
    os.mkdir(work, 0o700, dir_fd=folder)
    top = os.open(work, os.O_RDONLY | os.O_DIRECTORY | FLAGS, dir_fd=folder)
    whole = False
    try:
        found = os.fstat(top)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077 or os.listdir(top):
            raise OSError(errno.EACCES, "another folder was put in its place")
        _fill(top, files, links, folders)
        os.fchmod(top, 0o755)
        whole = _renamed(folder, work, name)
    finally:
        if not whole:
            with suppress(OSError):  # in the folder of another, who moved it away
                empty(top)
                os.rmdir(work, dir_fd=folder)
        os.close(top)
    return whole


def _renamed(folder: int, work: str, name: str) -> bool:
    """Give it its name; False where a folder has it that is not empty."""
    try:
        os.rename(work, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _fill(top: int, files: dict[str, bytes], links: dict[str, str], folders: set[str]) -> None:
    """All of it below an open folder that nobody else can enter; links last, so that nothing goes through one."""
    above = {path.rpartition("/")[0] for path in (*files, *links)}
    every = {parent for path in (*folders, *above) for parent in _ways(path)}
    for path in sorted(every):
        os.mkdir(path, 0o755, dir_fd=top)
    for path, data in files.items():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS, 0o666, dir_fd=top)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    for path, text in links.items():
        os.symlink(text, path, dir_fd=top)


def _ways(path: str) -> Iterator[str]:
    """The path and the folders above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]
