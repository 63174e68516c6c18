"""kill -9 right before every step of every changing command: the next run offers to take it back, and undo gives the
tree back byte for byte."""

from __future__ import annotations

import pytest

from tests.faults.cases import CASES, CHANGES, DOMAIN, KEPT, PASSING, READING, WRITING, Case, calls, commands
from tests.faults.daemon import defined, without
from tests.faults.steps import counted
from tests.faults.victim import Victim


def test_every_changing_command_is_killed() -> None:
    """A new command has to be named in cases.py: in CASES when it changes something, else in READING or WRITING."""
    names = dict(commands())
    assert set(names) == set(CASES) | READING | set(WRITING)
    changing = {name for name, command in names.items() if calls(command) & set(CHANGES)}
    assert changing - set(WRITING) == set(CASES)


@pytest.mark.parametrize("case", KEPT.values(), ids=KEPT)
def test_killed_at_every_step_and_undone(case: Case, victim: Victim) -> None:
    """A machine that is neither as before nor as after the command is always offered to be put back."""
    names, whole = victim.steps()
    offers = 0
    for number in range(1, len(names) + 1):
        before = victim.prepare()
        assert victim.stopped_at(number) == -9
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
    names = counted(lambda: victim.vdesk(case.line, "--yes"), early=True)
    after = victim.state()
    assert names and after[0] == victim.pristine[0]
    for number in range(1, len(names) + 1):
        without(victim.uri, "hoth")
        defined(victim.uri, DOMAIN.format(kind="test"))
        victim.prepare()
        assert victim.stopped_at(number) == -9
        assert victim.vdesk(case.line, "--yes") == (0, [])
        assert victim.state() == after
