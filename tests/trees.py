"""What a tree of files is, so that a test can state the whole difference that a change made."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

Snapshot = dict[str, tuple[str, int, int, int, bytes]]


@dataclass
class Difference:
    """Paths that were added, removed, changed (content, kind, mode or owner), sorted."""

    added: list[str]
    removed: list[str]
    changed: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def snapshot(root: str | os.PathLike[str]) -> Snapshot:
    """path -> kind, mode, owner, group, content (or the text of a link)."""
    found: Snapshot = {}
    top = os.fspath(root)
    for folder, names, files in os.walk(top):
        for name in (*names, *files):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            if stat.S_ISLNK(info.st_mode):
                content = ("link", os.readlink(path).encode())
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    content = ("file", file.read())
            else:
                content = ("other", b"")
            found[os.path.relpath(path, top)] = (
                content[0], stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, content[1]
            )  # fmt: skip
    return found


def difference(before: Snapshot, after: Snapshot, without: tuple[str, ...] = ()) -> Difference:
    """What changed, leaving out paths below the folders named (and the empty parents that lead to them)."""

    def counts(path: str) -> bool:
        return not any(path == each or path.startswith(f"{each}/") or each.startswith(f"{path}/") for each in without)

    return Difference(
        sorted(path for path in after if path not in before and counts(path)),
        sorted(path for path in before if path not in after and counts(path)),
        sorted(path for path in after if path in before and after[path] != before[path] and counts(path)),
    )
