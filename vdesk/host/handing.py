"""Writing what a person asked for, as theirs: under sudo a new file or folder belongs to who typed the command."""

from __future__ import annotations

import os

from vdesk.host.tree import fail
from vdesk.model.number import is_number


def caller() -> tuple[int, int] | None:
    """(uid, gid) of who is behind sudo; None where nobody is, or where this process may not give anything away."""
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    return (int(uid), int(gid)) if os.geteuid() == 0 and is_number(uid) and is_number(gid) else None


def save(path: str, data: bytes) -> bool:
    """A new file, never over another: False when there is one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        fail(path.lstrip("/"), error)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
            owner = caller()
            if owner:
                os.fchown(handle, *owner)
            os.fchmod(handle, 0o644)
    except OSError as error:
        os.unlink(path)
        fail(path.lstrip("/"), error)
    return True


def save_folder(path: str, files: dict[str, bytes], links: dict[str, str], folders: set[str]) -> bool:
    """A new folder with all that; False when there is one that is not empty.

    It is filled beside, where nobody else may enter, and gets its name when it is whole."""
    work = f"{path.rstrip('/')}.vdesk-{os.urandom(8).hex()}"
    try:
        os.mkdir(work, 0o700)
        for folder in sorted(folders):
            os.makedirs(f"{work}/{folder}", 0o755, exist_ok=True)
        for name, data in files.items():
            os.makedirs(f"{work}/{name}".rpartition("/")[0], 0o755, exist_ok=True)
            with open(f"{work}/{name}", "xb") as file:
                file.write(data)
        for name, text in links.items():
            os.makedirs(f"{work}/{name}".rpartition("/")[0], 0o755, exist_ok=True)
            os.symlink(text, f"{work}/{name}")
        _give(work, caller())
        os.chmod(work, 0o755)
        os.rename(work, path)
    except OSError as error:
        from vdesk.host.unpack import remove_folder

        remove_folder(work)
        if os.path.isdir(path) and os.listdir(path):
            return False
        fail(path.lstrip("/"), error)
    return True


def _give(folder: str, owner: tuple[int, int] | None) -> None:
    if owner is None:
        return
    for place, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            os.chown(f"{place}/{name}", *owner, follow_symlinks=False)
    os.chown(folder, *owner)
