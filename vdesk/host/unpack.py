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
    """A new folder that only this user may enter: below TMPDIR, or in memory where the system has a place for that."""
    for above in (os.environ.get("TMPDIR"), os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm", "/tmp"):  # noqa: S108
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
        return os.path.realpath(folder)


def remove_folder(folder: str) -> None:
    """Remove a folder made by private_folder with all that is in it; links are removed, never followed."""
    for place, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(f"{place}/{name}")
        for name in folders:
            path = f"{place}/{name}"
            if os.path.islink(path):
                os.unlink(path)
            else:
                os.rmdir(path)
    os.rmdir(folder)
