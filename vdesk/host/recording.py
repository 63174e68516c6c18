"""A host that writes down what is read from it: files, the links on the way, listings, the answers of commands."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from vdesk.host.host import Host
from vdesk.host.runner import Completed, Line, Runner
from vdesk.host.tree import FILE_LIMIT, LINK_LIMIT, Stat, Tree
from vdesk.model.errors import Absent, Denied, HostError

MOST_FILE = 8 << 20
OWN = ("proc/self", "proc/thread-self")
"""Links to the number of the process that asks, which is another each time: kept as folders (proc(5))."""


class Recording(Tree):
    """Reads below `root`, and keeps what was read by the place where it really lies."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.links: dict[str, str] = {}
        self.denied: set[str] = set()
        self.there: dict[str, int] = {}
        """Files that were asked for, and not read, with their sizes."""

    def way(self, path: str) -> str:
        """Where `path` really lies; every link on the way is kept."""
        done, parts, steps = "", deque(part for part in path.split("/") if part), 0
        while parts and steps < 40 * LINK_LIMIT:
            steps += 1
            name = parts.popleft()
            if name == "..":
                done = done.rpartition("/")[0]
                continue
            here = f"{done}/{name}" if done else name
            if here in OWN:
                done = here
                continue
            try:
                target = super().link(here)
            except HostError:
                done = here
                continue
            self.links[here] = target
            done = "" if target.startswith("/") else done
            parts.extendleft(reversed([part for part in target.split("/") if part not in ("", ".")]))
        return done

    def read(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        """As a tree; kept, where it is not too long."""
        try:
            data = super().read(path, limit)
        except Denied:
            self.denied.add(path)
            raise
        if len(data) <= MOST_FILE:
            self.files[self.way(path)] = data
        return data

    def names(self, path: str) -> list[str]:
        """As a tree; the folder is kept, with its links and folders."""
        try:
            found = super().names(path)
        except Denied:
            self.denied.add(path)
            raise
        place = self.way(path)
        self.folders.add(place)
        for name in found:
            self._entry(f"{place}/{name}" if place else name)
        return found

    def _entry(self, path: str) -> None:
        try:
            found = super().stat(path, follow=False)
        except HostError:
            return
        if found.kind == "folder" or path in OWN:
            self.folders.add(path)
        elif found.kind == "link":
            self.links[path] = super().link(path)
        elif found.kind == "file":
            self.there[path] = min(found.size, MOST_FILE)

    def link(self, path: str) -> str:
        """As a tree; the link is kept."""
        found = super().link(path)
        parent, _, name = path.strip("/").rpartition("/")
        place = self.way(parent)
        here = f"{place}/{name}" if place else name
        if here not in OWN:
            self.links[here] = found
        return found

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """As a tree; what is there is kept as being there."""
        try:
            found = super().stat(path, follow=follow)
        except Denied:
            self.denied.add(path)
            raise
        place = self.way(path)
        if found.kind == "folder":
            self.folders.add(place)
        elif found.kind == "file":
            self.there[place] = min(found.size, MOST_FILE)
        return found


class Heard:
    """A runner that keeps the answers of commands that change nothing, and where programs are."""

    def __init__(self, runner: Runner, tree: Recording) -> None:
        self.runner, self.tree, self.live = runner, tree, runner.live
        self.answers: dict[tuple[str, ...], Completed] = {}

    def which(self, program: str) -> str | None:
        """As the runner."""
        found = self.runner.which(program)
        if found:
            self.tree.there[self.tree.way(found.lstrip("/"))] = 0
        return found

    def run(self, argv: Sequence[str], *, timeout: float, changes: bool, on_line: Line | None) -> Completed:
        """As the runner; a command that would change something is not run."""
        if changes:
            raise Absent(argv[0], "nothing is changed while a machine is captured")
        answer = self.runner.run(argv, timeout=timeout, changes=False, on_line=on_line)
        self.answers[tuple(argv)] = answer
        return answer


class RecordingHost(Host):
    """`host` once more, with everything that is read written down."""

    def __init__(self, host: Host) -> None:
        super().__init__(host.root, host.runner, trace=host.trace)
        self.record = Recording(host.root)
        self.record.unreadable = host.tree.unreadable
        self.tree = self.record
        self.heard = Heard(host.runner, self.record)
        self.runner = self.heard

    def sysfs_read(self, path: str, seconds: float = 10.0) -> str | None:
        """As a host; kept like a file."""
        found = super().sysfs_read(path, seconds)
        if found is not None:
            self.record.files[self.record.way(path)] = found.encode("utf-8", "surrogateescape")
        return found
