"""Lay a machine that is kept as one text file out as a folder: links and colons do not survive a wheel."""

from __future__ import annotations

import json
import os
from typing import Any

from vdesk.host.tree import fail

Part = dict[str, dict[str, Any]]
"""Folder -> name -> text, [text of a link], or {"base64": bytes}."""


def parts(path: str) -> dict[str, Part]:
    """The parts of a manifest of the package: `before` a whole machine, `booted` what a reboot changes in it."""
    with open(path, encoding="utf-8") as file:
        found: dict[str, Part] = json.load(file)
    return found


def lay_out(part: Part, folder: str, without: frozenset[str] = frozenset()) -> None:
    """Write every file and link of a part below `folder`, which exists; what is there already is replaced."""
    try:
        for name, inside in part.items():
            place = f"{folder}/{name}" if name else folder
            os.makedirs(place, exist_ok=True)
            for entry, content in inside.items():
                if f"{name}/{entry}" not in without:
                    _put(f"{place}/{entry}", content)
    except OSError as error:
        fail(folder.lstrip("/"), error)


def _put(place: str, content: Any) -> None:
    if isinstance(content, list):
        if os.path.lexists(place):
            os.unlink(place)
        os.symlink(content[0], place)
        return
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        os.write(handle, content.encode() if isinstance(content, str) else _bytes(content))
    finally:
        os.close(handle)


def _bytes(content: dict[str, str]) -> bytes:
    from binascii import a2b_base64

    return a2b_base64(content["base64"])


def private_folder() -> str:
    """A new folder that only this user may enter: below TMPDIR, or in memory where the system has a place for that.

    Of root only where nobody else can put another folder in its place: what the environment names may be a user's."""
    named = () if os.geteuid() == 0 else (os.environ.get("TMPDIR"), os.environ.get("XDG_RUNTIME_DIR"))
    for above in (*named, "/dev/shm", "/tmp"):  # noqa: S108
        if above and os.access(above, os.W_OK | os.X_OK):
            break
    while True:
        folder = f"{above}/vdesk-demo-{os.urandom(8).hex()}"
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            fail(folder.lstrip("/"), error)
        return folder


def remove_folder(folder: str) -> None:
    """Remove a folder made by private_folder with all that is in it; links are removed, never followed. Where it is
    gone, or a link is in its place, nothing is done."""
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        empty(top)
    finally:
        os.close(top)
    os.rmdir(folder)


def empty(top: int) -> None:
    """Remove all that is in an open folder, by way of what is open only: whatever its name leads to by now."""
    while names := os.listdir(top):
        for name in names:
            if _unlinked(name, top):
                continue
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
            try:
                for each in os.listdir(inner):
                    if not _unlinked(each, inner):  # moved up: an archive may be deeper than anything can be open
                        os.rename(each, f".{os.urandom(8).hex()}", src_dir_fd=inner, dst_dir_fd=top)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=top)


def _unlinked(name: str, folder: int) -> bool:
    """Remove what is no folder; False for one."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        return False
    return True
