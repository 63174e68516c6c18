"""kill -9 right before every step of every changing command: the next run offers to take it back, and undo gives the
tree back byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cases import CASES, CHANGES, DOMAIN, READING, Case, calls, commands
from tests.faults.daemon import Daemon, defined, known, without
from tests.faults.played import Played, in_child
from tests.faults.steps import counted, stopped_at
from tests.trees import Snapshot, difference
from vdesk.changes import recovery
from vdesk.host.writing import remove_folder

EVERY = {f"{name}-{number}": case for name, some in CASES.items() for number, case in enumerate(some)}
KEPT = {name: case for name, case in EVERY.items() if case.kept}
PASSING = {name: case for name, case in EVERY.items() if not case.kept}
LOADED = "sys/bus/pci/drivers/vfio-pci"
OWN = ("var/lib/vdesk", LOADED)  # a module that was loaded stays, as the plan says
State = tuple[Snapshot, dict[str, tuple[bool, str]]]
CONNECTING = ("create", "delete", "attach", "detach", "start", "stop")


def test_every_changing_command_is_killed() -> None:
    """A new command has to be named here: in CASES when it changes something, else in READING."""
    names = dict(commands())
    assert set(names) == set(CASES) | READING
    changing = {name for name, command in names.items() if calls(command) & set(CHANGES)}
    assert changing == set(CASES)


class Victim:
    """A machine, and what it has to be again after everything is taken back."""

    def __init__(self, case: Case, folder: Path, daemon: Daemon | None) -> None:
        self.case, self.uri = case, getattr(daemon, case.libvirt) if daemon else ""
        self.machine = Played(folder, case.base if isinstance(case.base, str) else case.base())
        if case.defined:
            defined(self.uri, DOMAIN.format(kind="test" if case.libvirt == "test" else "qemu"))
        self.pristine = self.state()

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
        found = counted(lambda: self.vdesk(self.case.line, "--yes"))
        whole.append(self.state())
        self.back()
        return found, whole

    def killed_at(self, number: int) -> None:
        """Run the command and kill it right before a step."""
        run = lambda: stopped_at(number, lambda: self.vdesk(self.case.line, "--yes")[0])  # noqa: E731
        assert in_child(run) == -9, number

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
        before = self.state()
        assert self.vdesk("iommu enable") == (3, ["journal.open"])
        assert self.state() == before
        return True


@pytest.fixture
def victim(case: Case, memory: Path, request: pytest.FixtureRequest) -> Iterator[Victim]:
    """Return the case's machine; what it has defined in libvirt goes at the end."""
    found = Victim(case, memory, request.getfixturevalue("libvirtd") if case.libvirt else None)
    yield found
    if case.libvirt:
        without(found.uri, "hoth")


@pytest.mark.parametrize("case", KEPT.values(), ids=KEPT)
def test_killed_at_every_step_and_undone(case: Case, victim: Victim) -> None:
    """A machine that is neither as before nor as after the command is always offered to be put back."""
    names, whole = victim.steps()
    offers = 0
    for number in range(1, len(names) + 1):
        before = victim.prepare()
        victim.killed_at(number)
        half = victim.state() not in (before, *whole)
        offered = victim.offered()
        assert offered or not half, (number, names[number - 1])
        offers += offered
        victim.back()
    assert offers > 1


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_killed_at_every_step_and_run_again(case: Case, victim: Victim) -> None:
    """What leaves nothing to be taken back is finished by the same command, and no file was touched."""
    victim.prepare()
    names = counted(lambda: victim.vdesk(case.line, "--yes"))
    after = victim.state()
    assert names and after[0] == victim.pristine[0]
    for number in range(1, len(names) + 1):
        without(victim.uri, "hoth")
        defined(victim.uri, DOMAIN.format(kind="test"))
        victim.prepare()
        victim.killed_at(number)
        assert victim.vdesk(case.line, "--yes") == (0, [])
        assert victim.state() == after
