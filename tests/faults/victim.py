"""A machine on which a command is stopped, and what it has to be again after everything is taken back."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.cases import DOMAIN, Case
from tests.faults.daemon import Daemon, defined, known
from tests.faults.played import Played, in_child
from tests.faults.steps import counted, stopped_at
from tests.trees import Snapshot, difference
from vdesk.changes import recovery
from vdesk.host.writing import remove_folder

LOADED = "sys/bus/pci/drivers/vfio-pci"
OWN = ("var/lib/vdesk", LOADED)  # a module that was loaded stays, as the plan says
CONNECTING = ("create", "setup", "delete", "attach", "detach", "start", "stop")
State = tuple[Snapshot, dict[str, tuple[bool, str]]]


class Victim:
    """A machine, and what it has to be again after everything is taken back."""

    def __init__(self, case: Case, folder: Path, daemon: Daemon | None) -> None:
        self.case, self.uri = case, getattr(daemon, case.libvirt) if daemon else ""
        self.machine = Played(folder, case.base if isinstance(case.base, str) else case.base())
        if case.setup:
            case.setup(self.machine)
        if case.defined:
            defined(self.uri, DOMAIN.format(kind="test" if case.libvirt == "test" else "qemu"))
        self.pristine = self.state()
        self.refused = False

    def state(self) -> State:
        """All that is not vdesk's own: the tree, and libvirt's machines."""
        tree = {path: entry for path, entry in self.machine.tree().items() if not path.startswith(OWN)}
        return tree, known(self.uri) if self.uri else {}

    def vdesk(self, line: str, *more: str) -> tuple[int, list[str]]:
        """Exit code and errors of a command line."""
        connect = ["--connect", self.uri] if self.uri and line.split()[0] in CONNECTING else []
        ended = self.machine.vdesk(*line.split(), *connect, "--json", *more)
        return ended.code, ended.errors

    def prepare(self) -> State:
        """From nothing to right before the command."""
        self.machine.forget()
        if LOADED not in self.pristine[0]:
            remove_folder(self.machine.host().tree, LOADED)
        for line in self.case.before:
            assert self.vdesk(line, "--yes") == (0, []), line
        return self.state()

    def steps(self) -> tuple[list[str], list[State]]:
        """The steps of a whole run, and what it makes of the machine, also in parts; it is then taken back."""
        whole = []
        for lines in self.case.halts:
            self.prepare()
            assert [self.vdesk(line, "--yes") for line in lines] == [(0, [])] * len(lines)
            whole.append(self.state())
            self.back()
        self.prepare()
        ended: list[tuple[int, list[str]]] = []
        found = counted(lambda: ended.append(self.vdesk(self.case.line, "--yes")))
        assert ended == [(0, [])]
        whole.append(self.state())
        self.back()
        return found, whole

    def stopped_at(self, number: int, how: signal.Signals = signal.SIGKILL) -> int:
        """Run the command in a process that gets the signal right before a step; its exit code."""

        def run() -> object:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests' starter ignores it
            return stopped_at(number, lambda: self.vdesk(self.case.line, "--yes")[0], how, not self.case.kept)

        return in_child(run)

    def back(self) -> None:
        """Undo everything: the tree and libvirt are as before all."""
        if self.state()[1].get("hoth", (False, ""))[0]:
            assert self.vdesk("stop hoth --force", "--yes") == (0, [])
        code, errors = self.vdesk("undo --all", "--yes")
        assert (code, errors) == (0, []) or (code == 5 and errors == list(self.case.final)), (code, errors)
        tree, machines = self.state()
        found = difference(self.pristine[0], tree)
        assert not found, found
        assert machines == self.pristine[1]

    def offered(self) -> bool:
        """Whether the next run says that something waits, and changes nothing before it is agreed to."""
        if not recovery.interrupted(self.machine.host()):
            return False
        if not self.refused:
            before = self.state()
            assert self.vdesk("iommu enable") == (3, ["journal.open"])
            assert self.state() == before
            self.refused = True  # once is enough: it is what is found that can differ, not what is said of it
        return True
