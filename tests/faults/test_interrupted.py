"""Ctrl-C, SIGTERM, a closed terminal: at every step everything is put back, at every question nothing was changed."""

from __future__ import annotations

import signal
from pathlib import Path

import pexpect
import pytest

from tests.commands.test_terminal import terminal
from tests.faults.cases import KEPT, Case
from tests.faults.played import Played, in_child
from tests.faults.steps import counted, stopped_at
from tests.faults.victim import Victim
from tests.trees import difference, snapshot
from vdesk.changes import recovery

DISK = "var/lib/libvirt/images/hoth.img"
BIND = KEPT["bind-0"]


@pytest.mark.parametrize("case", KEPT.values(), ids=KEPT)
def test_at_every_step(case: Case, victim: Victim) -> None:
    """Exit 130 and the machine as before, or the end was reached: never in between, and nothing waits."""
    names, whole = victim.steps()
    codes = []
    for number in range(1, len(names) + 1):
        before = victim.prepare()
        codes.append(victim.stopped_at(number, signal.SIGINT))
        after = victim.state()
        if codes[-1] == 5:
            assert case.final, names[number - 1]  # announced as not to be taken back
            before[0].pop(DISK)
        assert codes[-1] in (0, 5, 130)
        assert after == before or after in whole, (number, names[number - 1], codes[-1])
        assert not recovery.interrupted(victim.machine.host())
        assert codes[-1] != 0 or after == whole[-1]
        victim.back()
    assert 130 in codes


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("case", [BIND], ids=["bind"])
def test_other_ways_to_end(case: Case, victim: Victim, how: signal.Signals) -> None:
    """`kill`, and the terminal that is closed."""
    names, _ = victim.steps()
    for number in range(len(names) // 2, len(names), 4):
        before = victim.prepare()
        assert victim.stopped_at(number, how) == 130
        assert victim.state() == before
        victim.back()


@pytest.fixture
def open_journal(memory: Path) -> Path:
    """Return a machine on which `bind` was killed half-way."""
    played = Played(memory)
    line = lambda: played.vdesk("bind", "01:00.0", "--yes").code  # noqa: E731
    total = len(counted(line))
    assert played.vdesk("undo", "--yes").code == 0
    assert in_child(lambda: stopped_at(total * 2 // 3, line)) == -9
    assert recovery.interrupted(played.host())
    return played.root


QUESTIONS = {
    "iommu enable": "[y/N]",
    "iommu enable --pt --igfx-off": "[y/N]",
    "bind 01:00.0": "[y/N]",
    "hook install": "[y/N]",
    "create hoth --iso /var/lib/libvirt/images/win10.iso": "[y/N]",
}


@pytest.mark.parametrize("line", QUESTIONS)
@pytest.mark.parametrize("key", ["ctrl-c", "ctrl-d"])
def test_at_the_question(line: str, key: str, played: Played) -> None:
    before = snapshot(played.root)
    assert stopped(played.root, line, key) == 130
    assert not difference(before, snapshot(played.root), ("var/lib/vdesk",))


@pytest.mark.parametrize("line", ["bind 01:00.0", "undo", "undo --all"])
def test_at_the_offer_to_finish(line: str, open_journal: Path) -> None:
    """What was begun is still known after it: the next run offers again."""
    before = snapshot(open_journal)
    assert stopped(open_journal, line, "ctrl-c") == 130
    assert not difference(before, snapshot(open_journal))


@pytest.mark.parametrize("line", ["bind 01:00.0", "undo"])
def test_the_offer_taken(line: str, open_journal: Path) -> None:
    child = terminal(open_journal, *line.split())
    child.expect_exact("[y/N]")
    shown = " ".join(str(child.before).split())
    assert "Take back" in shown or "interrupted before it had finished entry 2 (bind" in shown
    child.sendline("y")
    if line != "undo":
        child.expect_exact("[y/N]")
        child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == (0 if line == "undo" else 130)


def stopped(root: Path, line: str, key: str) -> int | None:
    """The exit code after that key at the command's first question."""
    child = terminal(root, *line.split())
    child.expect_exact("[y/N]")
    send = child.sendintr if key == "ctrl-c" else child.sendeof
    send()
    if child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=5):
        send()  # Python misses one that comes in the instant before its read(2); a person presses again
        child.expect(pexpect.EOF)
    child.close()
    assert "Traceback" not in str(child.before)
    found: int | None = child.exitstatus
    return found
