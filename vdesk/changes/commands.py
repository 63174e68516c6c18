"""RunCommand: a program that changes the machine. GenerateFile: a program that generates a file, made safe against
power loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vdesk.changes.change import DONE, SKIPPED, Change, Progress, Record
from vdesk.changes.files import content, digest, packed, unpacked
from vdesk.host import Host
from vdesk.model.errors import Absent, HostError, VdeskError, problem


def run_checked(
    host: Host, argv: Sequence[str], timeout: float, progress: Progress, shown: Sequence[str] | None = None
) -> bool:
    """Run a changing command with its output as progress; raises with its last words on failure; False when skipped.

    `shown` is the command as a person would type it, where that is another."""
    ended = host.run(argv, timeout=timeout, changes=True, on_line=progress)
    if ended.skipped:
        return SKIPPED
    if ended.exit_code:
        typed = " ".join(shown or argv)
        last = [line for line in (ended.stderr or ended.stdout).splitlines() if line.strip()][-5:]
        raise VdeskError(
            problem(
                "command.failed",
                f"{typed} failed with exit code {ended.exit_code}",
                "; ".join(last) or "it said nothing",
                f"run it by hand to see more: {typed}",
            )
        )
    return DONE


class RunCommand(Change):
    """Run `argv`; `undo` is the command that takes it back, None when nothing does (the plan's `final` then says
    so)."""

    kind = "command"

    def __init__(
        self, argv: Sequence[str], summary: str, undo: Sequence[str] | None = None, timeout: float = 300.0
    ) -> None:
        self.argv, self.undo_argv, self.timeout = list(argv), list(undo) if undo else None, timeout
        self.target, self.summary = " ".join(argv), summary

    def preview(self, host: Host) -> str:
        """The command line."""
        return f"$ {' '.join(self.argv)}\n"

    def record(self, host: Host) -> Record:
        """The command and its way back."""
        return {"argv": self.argv, "undo": self.undo_argv, "timeout": self.timeout}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Run it."""
        return run_checked(host, self.argv, self.timeout, progress)

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The command that takes it back."""
        return f"$ {' '.join(record['undo'])}\n" if record["undo"] else ""

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Run the command that takes it back; nothing when there is none."""
        if record["undo"]:
            run_checked(host, record["undo"], record["timeout"], progress)


class GenerateFile(Change):
    """A file that a program generates from others (grub.cfg): made beside the old one, checked, fsynced, renamed
    over it.

    `argv` and `checks` name the new file as `{output}`. `wanted` is text that the file has to contain on some line's
    start
    (a kernel entry). The old file is never touched before its successor is whole: `update-grub` alone writes in
    place."""

    kind = "generated-file"
    refresh = True

    def __init__(
        self,
        path: str,
        argv: Sequence[str],
        checks: Sequence[Sequence[str]],
        wanted: Sequence[str],
        summary: str,
        timeout: float = 600.0,
    ) -> None:
        self.path, self.argv, self.checks = path, list(argv), [list(each) for each in checks]
        self.wanted, self.timeout = list(wanted), timeout
        self.target, self.summary = "/" + path, summary
        self.kept: Record = {}

    def preview(self, host: Host) -> str:
        """The command line, and where its output goes first."""
        return f"$ {' '.join(self.argv).replace('{output}', f'/{self.path}.vdesk-new')}\n"

    def record(self, host: Host) -> Record:
        """The bytes before and how the file is made."""
        before = content(host, self.path)
        self.kept = {
            "path": self.path,
            "argv": self.argv,
            "checks": self.checks,
            "wanted": self.wanted,
            "timeout": self.timeout,
            "before": None if before is None else packed(before),
            "mode": None if before is None else host.stat(self.path).mode,
        }
        return self.kept

    def accept(self, host: Host, data: bytes) -> None:
        """Raise VdeskError where the new file is not good enough to replace the old one."""

    def apply(self, host: Host, progress: Progress) -> bool:
        """Generate, check, swap."""
        return _generate(host, self.kept, progress, self.accept)

    def done(self, host: Host) -> Record:
        """Digest and time of what was generated, so that it is seen whether somebody generated it again since."""
        return {"after": digest(content(host, self.path)), "mtime": host.stat(self.path).mtime_ns}

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """What is put back, or run again."""
        if _ours(host, record):
            return ""
        return f"$ {' '.join(record['argv']).replace('{output}', '/' + record['path'])}\n"

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The old bytes where nobody generated the file since, else generate it again from the files put back."""
        now = content(host, record["path"])
        _discard(host, beside(record["path"]))
        host.sweep(record["path"])
        if digest(now) == digest(_old(record)):
            return
        old = _old(record)
        if _ours(host, record) and old is not None:
            host.write(record["path"], old)  # with the mode that it has: vdesk's is the one before, another's stays
        else:
            _generate(host, record, progress)


def beside(path: str) -> str:
    """Where the new file is made: a fixed name in root's own folder, so that a leftover of a power cut is found."""
    return f"{path}.vdesk-new"


def _ours(host: Host, record: Record) -> bool:
    return digest(content(host, record["path"])) == record.get("after")


def _old(record: Record) -> bytes | None:
    return None if record["before"] is None else unpacked(record["before"])


def _discard(host: Host, path: str) -> None:
    """Remove the unfinished file, and the `.new` that grub-mkconfig leaves beside its output when it fails."""
    for leftover in (path, f"{path}.new"):
        try:
            host.stat(leftover, follow=False)  # a read-only file system refuses to remove also what is not there
            host.remove(leftover)
        except Absent:
            continue


def _take(host: Host, data: bytes) -> None:
    """What undo asks of a file that it generates again: nothing more than the checks."""


def _generate(
    host: Host, record: Record, progress: Progress, accept: Callable[[Host, bytes], None] = _take
) -> bool:
    new = beside(record["path"])

    def filled(argv: Sequence[str]) -> list[str]:
        return [word.replace("{output}", "/" + new) for word in argv]

    if host.is_live:
        _discard(host, new)
    try:
        if run_checked(host, filled(record["argv"]), record["timeout"], progress) is SKIPPED:
            return SKIPPED
        for argv in record["checks"]:
            run_checked(host, filled(argv), record["timeout"], progress)
        data = host.read_bytes(new)
        lines = data.decode(errors="replace").splitlines()
        if record["wanted"] and not any(line.lstrip().startswith(tuple(record["wanted"])) for line in lines):
            raise HostError(
                "/" + new, f"no line begins with {' or '.join(record['wanted'])}", f"/{new} has no kernel to boot"
            )
        accept(host, data)
        # Known before the swap: whoever is interrupted after it finds the file to be its own and puts the old one back.
        record["after"] = digest(data)
        host.write(record["path"], data, None if host.exists(record["path"]) else 0o600)
    finally:
        if host.is_live:
            _discard(host, new)
    return DONE
