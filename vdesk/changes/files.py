"""WriteFile: a file gets other bytes, appears, or goes; undo gives back bytes, mode and owner, or its absence."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.changes.change import DONE, Ahead, Change, Progress, Record, changed_since
from vdesk.changes.hook_guard import refuse_loss
from vdesk.host import Host
from vdesk.model.errors import Absent, HostError, Refused, problem


def digest(data: bytes | None) -> str:
    """SHA-256 of the bytes in hex; `absent` for a file that is not there."""
    import hashlib

    return "absent" if data is None else hashlib.sha256(data).hexdigest()


def packed(data: bytes) -> str:
    """Bytes as they stand in a record."""
    from base64 import b64encode

    return b64encode(data).decode()


def unpacked(text: str) -> bytes:
    """The bytes of a record."""
    from base64 import b64decode

    return b64decode(text)


def content(host: Host, path: str) -> bytes | None:
    """The bytes of a file, None when there is no such file; Denied and others are raised."""
    try:
        return host.read_bytes(path)
    except Absent:
        return None


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """A unified diff of two contents; None is the absent file. Of what is no text, such as a disc with answers, which
    may hold a password, it says that they differ, as diff does."""
    if b"\0" in (before or b"") + (after or b""):
        return f"Binary files {_named('a', path, before)} and {_named('b', path, after)} differ\n"
    old, new = ((each or b"").decode(errors="replace").splitlines(keepends=True) for each in (before, after))
    lines: list[str] = []
    from difflib import unified_diff

    for line in unified_diff(old, new, _named("a", path, before), _named("b", path, after)):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _named(side: str, path: str, data: bytes | None) -> str:
    return "/dev/null" if data is None else f"{side}/{path}"


class WriteFile(Change):
    """`data` None removes the file, and then those of the folders `emptied` that are empty. `before` is what the plan
    was made from: other bytes by then are a refusal."""

    kind = "file"

    def __init__(
        self,
        path: str,
        before: bytes | None,
        data: bytes | None,
        summary: str,
        mode: int | None = None,
        emptied: Sequence[str] = (),
    ) -> None:
        self.path, self.before, self.data, self.mode = path, before, data, mode
        self.target, self.summary = "/" + path, summary
        self.folders: list[str] = []
        self.emptied = list(emptied)

    def preview(self, host: Host) -> str:
        """The unified diff."""
        return unified(self.path, self.before, self.data)

    def check(self, host: Host) -> None:
        """The file still has the bytes that the plan was made from; what appears or goes is no link, and what a link
        leads to lies where a file of root's may lie."""
        if content(host, self.path) != self.before:
            raise Refused(
                problem(
                    "file.changed",
                    f"{self.target} has changed since the plan was made",
                    "another program wrote it just now",
                    "run the same command again",
                )
            )
        link = host.link(self.path)
        if link is not None and (self.before is None or self.data is None):
            raise Refused(
                problem(
                    "file.link",
                    f"{self.target} is a link to {link}, where vdesk would make or remove a file of its own",
                    "a link there is a person's work: what it leads to is not vdesk's to make or to take away",
                    f"look at it with: ls -l {self.target}; take the link away, then run the same command again",
                )
            )
        if self.data is not None:
            host.refuse_links(self.path)

    def record(self, host: Host) -> Record:
        """Bytes, mode and owner before; the digest and the mode after, None where that stays; the folders that have to
        be made."""
        parent = self.path.rpartition("/")[0]
        while parent and not host.exists(parent):
            self.folders.append(parent)
            parent = parent.rpartition("/")[0]
        record: Record = {"path": self.path, "after": digest(self.data), "folders": self.folders, "before": None}
        record["mode"] = self.mode
        if self.before is not None:
            found = host.stat(self.path)
            record["emptied"] = self.emptied
            record["before"] = {
                "data": packed(self.before),
                "mode": found.mode,
                "owner": [found.uid, found.gid],
            }
        return record

    def apply(self, host: Host, progress: Progress) -> bool:
        """Write, atomically, or remove."""
        if self.data is None:
            host.remove(self.path)
            for folder in self.emptied:
                host.remove_folder(folder)
            return DONE
        for folder in reversed(self.folders):
            host.make_folder(folder)
        host.write(self.path, self.data, self.mode)
        return DONE

    def verify(self, host: Host) -> None:
        """The file has the new bytes."""
        if content(host, self.path) != self.data:
            raise HostError(self.target, "it reads back otherwise", f"{self.target} was not written as asked")

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The diff from now to the bytes before."""
        return unified(record["path"], content(host, record["path"]), _old(record))

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """The file is as vdesk left it, or back already; the hook's stays while a virtual machine needs it."""
        now = content(host, record["path"])
        _refuse_changed(record, now)
        refuse_loss(host, record["path"], now, _old(record))

    @classmethod
    def foresee(cls, host: Host, record: Record, ahead: Ahead) -> str:
        """The diff from the bytes that a later change of the same file gives back, or that it has now."""
        path = record["path"]
        later = ahead.get((cls.kind, f"/{path}"))
        now = content(host, path) if later is None else _old(later)
        _refuse_changed(record, now)
        refuse_loss(host, path, now, _old(record))
        return unified(path, now, _old(record))

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The bytes, mode and owner before, or no file; a mode or owner that somebody gave it since stays."""
        path, now = record["path"], content(host, record["path"])
        old = _old(record)
        host.sweep(path)
        if old is None:
            if now is not None:
                host.remove(path)
            for folder in record["folders"]:
                host.remove_folder(folder)
        elif now != old:
            for folder in reversed(record.get("emptied", [])):
                host.make_folder(folder)
            host.write(path, old, *_rights(host, record, there=now is not None))


def _refuse_changed(record: Record, now: bytes | None) -> None:
    if digest(now) not in (record["after"], digest(_old(record))):
        raise changed_since("/" + record["path"], "its content is not what vdesk wrote")


def _rights(host: Host, record: Record, *, there: bool) -> tuple[int, tuple[int, int]]:
    """Mode and owner for the old bytes: those before, but what is otherwise by now than vdesk left it."""
    before = record["before"]
    mode, owner = before["mode"], (before["owner"][0], before["owner"][1])
    if not there:
        return mode, owner
    now, left = host.stat(record["path"]), record.get("mode")
    if now.mode != (mode if left is None else left):
        mode = now.mode
    return mode, owner if (now.uid, now.gid) == owner else (now.uid, now.gid)


def _old(record: Record) -> bytes | None:
    before = record["before"]
    return None if before is None else unpacked(before["data"])
