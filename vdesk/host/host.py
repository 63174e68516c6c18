"""Host: the machine that vdesk works on, this one or a captured one. Everything else asks it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from vdesk.host import placing, writing
from vdesk.host.runner import Completed, Line, LocalRunner, RecordedRunner, Runner
from vdesk.host.tree import FILE_LIMIT, Stat, Tree
from vdesk.model.errors import Absent, Busy, Denied, HostError, Untrusted, WrongUsage, problem

TEXT_LIMIT = 4 << 20
Late = Sequence[tuple[str, str]]
COMMAND_SECONDS = 60.0


class Host:
    """Paths are relative text below `root`. Absent, Denied and Busy are three different answers (model.errors).

    `runner` answers commands, `kernel` takes sysfs writes, `trace` hears of every file read and command run."""

    def __init__(
        self,
        root: str = "/",
        runner: Runner | None = None,
        kernel: SysfsWriter | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.tree = Tree(root)
        self.runner: Runner = runner or LocalRunner()
        self.trace = trace
        self._kernel = kernel
        self.memory: dict[str, Any] = {}
        """What readers over this host keep for its lifetime (parsed tables)."""

    @property
    def root(self) -> str:
        """The folder that is this machine's `/`."""
        return self.tree.root

    @property
    def is_live(self) -> bool:
        """Whether commands run and the kernel answers; False on a captured machine."""
        return self.runner.live

    @property
    def needs_root(self) -> bool:
        """Whether a change needs root that this process does not have."""
        return self.tree.own and os.geteuid() != 0

    # --- files
    def read_bytes(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        """The content of a file; raises Absent, Denied, Untrusted, HostError."""
        if self.trace:
            self.trace(f"read /{path}")
        return self.tree.read(path, limit)

    def read(self, path: str, limit: int = TEXT_LIMIT) -> str:
        """The content as text; bytes that are no UTF-8 survive a round trip (surrogateescape)."""
        return self.read_bytes(path, limit).decode("utf-8", "surrogateescape")

    def read_optional(self, path: str, limit: int = TEXT_LIMIT) -> str | None:
        """The content as text, or None when there is no such file; Denied and others are raised."""
        try:
            return self.read(path, limit)
        except Absent:
            return None

    def value(self, path: str, default: str = "") -> str:
        """One sysfs attribute without its newline; `default` when it is absent, denied or broken."""
        try:
            return self.read(path, 1 << 16).strip()
        except HostError:
            return default

    def text(self, path: str) -> str:
        """The content as text; empty when it is absent, denied or broken."""
        try:
            return self.read(path)
        except HostError:
            return ""

    def lines(self, path: str) -> list[str]:
        """The lines of a text; none when it is absent, denied or broken."""
        return self.text(path).splitlines()

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none when it is absent, denied or broken."""
        try:
            return self.list(path)
        except HostError:
            return []

    def exists(self, path: str) -> bool:
        """Whether something is there (a link counts by what it leads to)."""
        try:
            self.tree.stat(path)
        except HostError as error:
            return isinstance(error, Busy)
        return True

    def list(self, path: str) -> list[str]:
        """The names in a folder, sorted; an absent folder has none, others raise."""
        try:
            return self.tree.names(path)
        except Absent:
            return []

    def link(self, path: str) -> str | None:
        """The text of a link, or None when there is none."""
        try:
            return self.tree.link(path)
        except (Absent, Untrusted):
            return None

    def link_name(self, path: str) -> str | None:
        """The last part of what a link says: a driver's or a group's name; None without a link."""
        text = self.link(path)
        return text.rstrip("/").rpartition("/")[2] if text else None

    def resolve(self, path: str) -> str:
        """`path` with every link followed, still relative to the root."""
        return self.tree.resolve(path)

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """Kind, mode, owner, size."""
        return self.tree.stat(path, follow=follow)

    def free_bytes(self, path: str) -> int | None:
        """Bytes that a user may still write below `path`; None where that cannot be told (a captured machine)."""
        if not self.tree.own:
            return None
        try:
            found = os.statvfs(self.tree.real(path))
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    # --- changes, called by vdesk.changes only
    def write(self, path: str, data: bytes, mode: int | None = None, owner: tuple[int, int] | None = None) -> None:
        """Replace a file atomically, keeping mode, owner and label unless given."""
        writing.write(self.tree, path, data, mode, owner)

    def refuse_links(self, path: str) -> None:
        """Refused where `write` would follow a link that another user can turn elsewhere."""
        placing.refuse_links(self.tree, path)

    def sweep(self, path: str) -> None:
        """Remove the temporary files that a killed `write` of this file has left."""
        writing.sweep(self.tree, path)

    def create(self, path: str, data: bytes, mode: int = 0o644) -> bool:
        """Create a file; False when it is there already."""
        return writing.create(self.tree, path, data, mode)

    def append(self, path: str, data: bytes, mode: int = 0o600, durable: bool = True) -> None:
        """Append to a log and fsync; not `durable`, the next append does that for both."""
        writing.append(self.tree, path, data, mode, durable)

    def rename(self, path: str, new: str) -> None:
        """Give a file another name, in place of what has it."""
        writing.rename(self.tree, path, new)

    def remove(self, path: str) -> None:
        """Remove a file or a link."""
        writing.remove(self.tree, path)

    def make_folder(self, path: str, mode: int = 0o755) -> bool:
        """Make a folder and its parents; False when it was there."""
        return writing.make_folder(self.tree, path, mode)

    def remove_folder(self, path: str) -> bool:
        """Remove an empty folder; False when it could not be."""
        return writing.remove_folder(self.tree, path)

    @property
    def kernel(self) -> SysfsWriter:
        """What takes sysfs writes: the kernel, or a model of it on a captured machine."""
        if self._kernel is None:
            if self.tree.own:
                from vdesk.host.sysfs import LiveKernel

                self._kernel = LiveKernel(self.tree)
            else:
                from vdesk.host.kernel_model import KernelModel

                self._kernel = KernelModel(self.tree)
        return self._kernel

    def sysfs_write(self, path: str, text: str, seconds: float = 10.0, late: Late = ()) -> None:
        """Write a sysfs attribute as the kernel wants it, in one write; TimedOut when the kernel does not return.

        `late` are the writes (path, text) that follow by themselves when the kernel returns after that all the same."""
        if self.trace:
            self.trace(f"write {text.strip()!r} to /{path}")
        self.kernel.write(path, text, seconds, late)

    def sysfs_read(self, path: str, seconds: float = 10.0) -> str | None:
        """An attribute whose reading takes the device's lock (driver_override, sriov_numvfs), None when it is absent;
        TimedOut when the kernel does not return, as while an unbind of the device hangs."""
        if self.trace:
            self.trace(f"read /{path}")
        return self.kernel.read(path, seconds)

    # --- commands
    def which(self, program: str) -> str | None:
        """The absolute path of a program, or None."""
        return self.runner.which(program)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = COMMAND_SECONDS,
        changes: bool = False,
        on_line: Line | None = None,
    ) -> Completed:
        """Run a command without a shell; a captured machine answers from its records and skips what changes.

        Raises Absent (no such program, or not recorded) and TimedOut; a non-zero exit code is the caller's to judge."""
        if self.trace:
            self.trace(f"run {' '.join(argv)}")
        return self.runner.run(list(argv), timeout=timeout, changes=changes, on_line=on_line)


class SysfsWriter:
    """Takes writes to sysfs attributes, and reads those that wait for the device's lock."""

    def write(self, path: str, text: str, seconds: float, late: Late = ()) -> None:
        """Write; raises HostError as the kernel answers, TimedOut when it does not."""
        raise NotImplementedError

    def read(self, path: str, seconds: float) -> str | None:
        """The content, None when there is no such attribute; raises as `write` does."""
        raise NotImplementedError

    def settled(self, address: str) -> bool:
        """Whether every write to the device has returned; waits until each has had its time."""
        return True

    def snapshot(self, address: str, driver: str | None, loaded: bool) -> dict[str, Any]:
        """What `give_back` needs to leave no trace of a move to `driver`, which the command has loaded or not; the
        kernel itself leaves none."""
        return {}

    def give_back(self, address: str, before: dict[str, Any]) -> None:
        """Take away what the moves since `snapshot` have left."""

    def restore(self, path: str, before: str | None) -> None:
        """Give an attribute the content it had; None where it could not be read before."""
        self.write(path, before if before is not None else "\n", 10.0)


def this_machine(trace: Callable[[str], None] | None = None) -> Host:
    """The machine that vdesk runs on."""
    return Host("/", LocalRunner(), trace=trace)


def captured(root: str, trace: Callable[[str], None] | None = None) -> Host:
    """The captured machine whose files lie below `root`; WrongUsage when there is no such folder."""
    from vdesk.host.recorded import recorded_commands, unreadable_paths

    if os.path.isfile(root):
        root = _laid_out(root)
    if not os.path.isdir(root) or os.path.samefile(root, "/"):
        raise WrongUsage(
            problem(
                "usage.no-root",
                f"there is no captured machine in {root!r}",
                "--root, or VDESK_ROOT, names no folder, or that of this very machine",
                "name the folder of a captured machine, or leave --root out to work on this one",
            )
        )
    host = Host(root, trace=trace)
    host.runner = RecordedRunner(lambda: recorded_commands(host.tree), host.exists)
    host.tree.unreadable = unreadable_paths(host.tree)
    return host


def _laid_out(file: str) -> str:
    """An archive as a private folder, removed when this process ends: what is changed in it is gone then."""
    import atexit

    from vdesk.host.archive import kind_of, unpacked
    from vdesk.host.unpack import remove_folder

    if kind_of(file) is None:
        return file
    folder = unpacked(file)
    atexit.register(remove_folder, folder)
    return folder


__all__ = ["Completed", "Denied", "Host", "SysfsWriter", "captured", "this_machine"]
