"""The executor: what is written before each change, and what is left after every way of being stopped."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Callable

import pytest

from tests.trees import Snapshot, difference, snapshot
from vdesk.changes import executor, recovery, undoing
from vdesk.changes.commands import GenerateFile, RunCommand
from vdesk.changes.executor import Mode
from vdesk.changes.files import WriteFile
from vdesk.changes.journal import Journal
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import INTERRUPTED, LEFT_OVER, Busy, Refused, WrongUsage

YES = Mode(yes=True)
OURS = ("var/lib/vdesk",)


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Host:
    """A machine with one file that a person wrote, one generated from it, and the programs to do that."""
    root, programs = tmp_path / "root", tmp_path / "bin"
    (root / "etc/default").mkdir(parents=True)
    (root / "etc/default/thing").write_bytes(b"A=1\n")
    (root / "etc/default/thing").chmod(0o640)
    (root / "boot").mkdir()
    (root / "boot/thing.cfg").write_text("linux A=1\n")
    programs.mkdir(0o755)
    _program(programs / "generate", f'sed s/^/linux\\ / {root}/etc/default/thing > {root}/"$1"')
    _program(programs / "accept", "exit 0")
    _program(programs / "reject", "echo no good >&2; exit 1")
    return Host(str(root), LocalRunner([str(programs), "/usr/bin", "/bin"]))


def _program(path: pathlib.Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def the_plan(check: str = "accept") -> Plan:
    return Plan(
        "test",
        "two files",
        changes=[
            WriteFile("etc/default/thing", b"A=1\n", b"A=2\n", "edit thing"),
            WriteFile("etc/new/sub/thing", None, b"new\n", "a new file in new folders"),
            GenerateFile("boot/thing.cfg", ["generate", "{output}"], [[check]], ["linux"], "generate"),
        ],
    )


def test_done_and_undone_byte_for_byte(machine: Host) -> None:
    before = snapshot(machine.root)
    report = executor.run(the_plan(), machine, YES)
    assert (report.exit_code, [each.state for each in report.changes]) == (0, ["done"] * 3)
    after = difference(before, snapshot(machine.root), OURS)
    assert after.added == ["etc/new", "etc/new/sub", "etc/new/sub/thing"]
    assert (after.removed, after.changed) == ([], ["boot/thing.cfg", "etc/default/thing"])
    assert machine.read("boot/thing.cfg") == "linux A=2\n"
    back = undoing.undo(machine, None, True, YES)
    assert (back.exit_code, {each.state for each in back.changes}) == (0, {"undone"})
    assert not difference(before, snapshot(machine.root), OURS)
    assert undoing.undo(machine, None, True, YES).notes == ["There is nothing to take back."]


def test_a_failure_puts_everything_back(machine: Host) -> None:
    before = snapshot(machine.root)
    report = executor.run(the_plan("reject"), machine, YES)
    assert report.exit_code == 1
    assert report.errors[0].id == "command.failed" and "no good" in report.errors[0].cause
    assert [each.state for each in report.changes] == ["undone", "undone", "failed"]
    assert not difference(before, snapshot(machine.root), OURS)
    assert undoing.undo(machine, None, True, YES).changes == []


def test_generated_without_a_kernel_never_replaces_the_old_file(machine: Host) -> None:
    before = snapshot(machine.root)
    plan = the_plan()
    plan.changes[2] = GenerateFile("boot/thing.cfg", ["generate", "{output}"], [], ["menuentry"], "generate")
    report = executor.run(plan, machine, YES)
    assert report.exit_code == 1 and "no kernel to boot" in report.errors[0].what
    assert not difference(before, snapshot(machine.root), OURS)


def test_dry_run_changes_nothing_at_all(machine: Host) -> None:
    before = snapshot(machine.root)
    report = executor.run(the_plan(), machine, Mode(dry_run=True))
    assert [each.state for each in report.changes] == ["planned"] * 3
    assert "-A=1\n+A=2\n" in report.changes[0].diff and "generate" in report.changes[2].diff
    assert not difference(before, snapshot(machine.root))


def test_nobody_to_ask_is_wrong_usage(machine: Host) -> None:
    before = snapshot(machine.root)
    with pytest.raises(WrongUsage) as caught:
        executor.run(the_plan(), machine, Mode())
    assert caught.value.problems[0].id == "usage.confirmation"
    assert not difference(before, snapshot(machine.root))


def test_a_no_changes_nothing(machine: Host) -> None:
    before = snapshot(machine.root)
    plan = the_plan()
    plan.data = {"driver": "as it would be"}
    report = executor.run(plan, machine, Mode(ask=lambda shown: False))
    assert (report.exit_code, report.data) == (INTERRUPTED, {})
    assert not difference(before, snapshot(machine.root))


def test_a_file_changed_since_the_plan_is_refused(machine: Host) -> None:
    plan = the_plan()
    machine.write("etc/default/thing", b"A=3\n")
    with pytest.raises(Refused):
        executor.run(plan, machine, YES)
    assert machine.read("etc/default/thing") == "A=3\n"


def test_undo_keeps_what_a_person_wrote_since_and_goes_on(machine: Host) -> None:
    before = snapshot(machine.root)
    executor.run(the_plan(), machine, YES)
    machine.write("etc/default/thing", b"A=2\n# mine\n")
    back = undoing.undo(machine, None, False, YES)
    assert back.exit_code == LEFT_OVER
    assert [each.id for each in back.errors] == ["undo.changed-since"]
    assert difference(before, snapshot(machine.root), OURS).changed == ["etc/default/thing"]
    assert machine.read("etc/default/thing") == "A=2\n# mine\n"
    machine.write("etc/default/thing", b"A=2\n")
    assert undoing.undo(machine, None, False, YES).exit_code == 0
    assert not difference(before, snapshot(machine.root), OURS)


def test_a_way_back_that_fails_is_exit_5_and_the_rest_is_back(machine: Host) -> None:
    plan = the_plan()
    plan.changes.insert(1, RunCommand(["accept"], "a command whose way back fails", undo=["reject"]))
    plan.changes[-1] = GenerateFile("boot/thing.cfg", ["generate", "{output}"], [["reject"]], ["linux"], "generate")
    before = snapshot(machine.root)
    report = executor.run(plan, machine, YES)
    assert report.exit_code == LEFT_OVER
    assert not difference(before, snapshot(machine.root), OURS)
    assert undoing.history(machine).data["entries"][0]["state"] == "partly"


def steps_of(machine: Host) -> int:
    """How many places a whole run reaches."""
    reached = []
    executor.run(the_plan(), machine, Mode(yes=True, reach=lambda place, number: reached.append(place)))
    return len(reached)


def _in_child(action: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _killed_at(number: int, plan: Plan, machine: Host) -> int:
    return _in_child(lambda: executor.run(plan, machine, Mode(yes=True, reach=_die_at(number))))


def _die_at(wanted: int) -> Callable[[str, int], None]:
    def reach(place: str, number: int) -> None:
        if number == wanted:
            sys.stderr.flush()
            os.kill(os.getpid(), 9)

    return reach


def test_killed_at_every_step_the_next_run_takes_it_back(machine: Host, tmp_path: pathlib.Path) -> None:
    before = snapshot(machine.root)
    total = steps_of(machine)
    assert total == 10
    undoing.undo(machine, None, True, YES)
    for number in range(1, total + 1):
        assert _killed_at(number, the_plan(), machine) == -9
        _expect_recovery(machine, before)


def _expect_recovery(machine: Host, before: Snapshot) -> None:
    machine.tree.forget()
    found = recovery.interrupted(machine)
    if found:
        with pytest.raises(Refused) as caught:
            recovery.finish_interrupted(machine, Mode(), "check")
        assert caught.value.problems[0].id == "journal.open"
        assert "sudo" not in caught.value.problems[0].remedy, "which would work on this very machine"
        report = recovery.finish_interrupted(machine, YES, "test")
        assert report is not None and report.exit_code == 0, report
    undoing.undo(machine, None, True, YES)
    assert not difference(before, snapshot(machine.root), OURS)


def test_killed_on_the_way_back_the_next_undo_finishes(machine: Host) -> None:
    before = snapshot(machine.root)
    places: list[str] = []
    executor.run(the_plan("reject"), machine, Mode(yes=True, reach=lambda place, number: places.append(place)))
    for number in range(1, len(places) + 1):
        assert _killed_at(number, the_plan("reject"), machine) == -9
        _expect_recovery(machine, before)


def test_interrupt_at_every_step_puts_back(machine: Host) -> None:
    before = snapshot(machine.root)

    def interrupt(wanted: int) -> Callable[[str, int], None]:
        def reach(place: str, number: int) -> None:
            if number == wanted:
                raise KeyboardInterrupt

        return reach

    for number in range(1, 10):
        report = executor.run(the_plan(), machine, Mode(yes=True, reach=interrupt(number)))
        assert report.exit_code == INTERRUPTED, number
        assert not difference(before, snapshot(machine.root), OURS), number


def test_two_at_once(machine: Host) -> None:
    from vdesk.changes import journal as log
    from vdesk.host.lock import locked

    Journal(machine).prepare()
    before = snapshot(machine.root)
    with locked(machine, log.LOCK), pytest.raises(Busy):
        executor.run(the_plan(), machine, YES)
    assert not difference(before, snapshot(machine.root), OURS)


def back_plan() -> Plan:
    """What `unbind` does: changes that take an earlier entry back, and settle its records."""
    plan = Plan("back", "take entry 1 back", [WriteFile("etc/default/thing", b"A=2\n", b"A=1\n", "back to 1")])
    plan.settles = [(1, 0)]
    return plan


def test_what_a_later_command_took_back_is_not_undone_again(machine: Host) -> None:
    before = snapshot(machine.root)
    there = Plan("there", "edit", changes=[WriteFile("etc/default/thing", b"A=1\n", b"A=2\n", "to 2")])
    executor.run(there, machine, YES)
    executor.run(back_plan(), machine, YES)
    assert [each["state"] for each in undoing.history(machine).data["entries"]] == ["undone", "settled"]
    assert undoing.undo(machine, None, True, YES).changes == []
    assert not difference(before, snapshot(machine.root), OURS)


def test_killed_while_taking_back_an_earlier_entry_both_records_stay_true(machine: Host) -> None:
    before = snapshot(machine.root)
    for number in range(1, 5):
        there = Plan("there", "edit", changes=[WriteFile("etc/default/thing", b"A=1\n", b"A=2\n", "to 2")])
        executor.run(there, machine, YES)
        plan = back_plan()
        plan.settles = [(undoing.history(machine).data["entries"][-1]["id"], 0)]
        assert _killed_at(number, plan, machine) == -9
        _expect_recovery(machine, before)
