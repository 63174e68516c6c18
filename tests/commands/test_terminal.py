"""On a terminal: colour, lines that fit, a question before a change; in a closed pipe: silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.commands.running import Machines, vdesk
from tests.trees import difference, snapshot
from vdesk.cli.spoken import wrapped

TOP = Path(__file__).resolve().parents[2]
VDESK = ["-m", "vdesk"]


def terminal(root: Path, *argv: str, **environment: str) -> pexpect.spawn[str]:
    """Start vdesk on a terminal of 80 columns, with Ctrl-C as a shell there leaves it: a test run that was started in
    the background ignores it, and would pass that on."""
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    words = [*VDESK, "--root", str(root), *argv]
    return pexpect.spawn(
        sys.executable,
        words,
        env=env,
        cwd=str(TOP),
        encoding="utf-8",
        timeout=30,
        dimensions=(40, 80),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )


def shown(root: Path, *argv: str, **environment: str) -> str:
    """All that vdesk writes to a terminal."""
    child = terminal(root, *argv, **environment)
    child.expect(pexpect.EOF)
    return str(child.before)


@pytest.mark.parametrize("line", ["groups", "check", "iommu status"])
def test_lines_fit(line: str, fresh: Machines) -> None:
    lines = shown(fresh("debian"), *line.split(), "--no-color").split("\r\n")
    assert max(map(len, lines)) <= 80


def test_colour_and_none(fresh: Machines) -> None:
    root = fresh("debian")
    assert "\x1b[" in shown(root, "groups")
    assert "\x1b[" not in shown(root, "groups", "--no-color")
    assert "\x1b[" not in shown(root, "groups", NO_COLOR="1")


@pytest.mark.parametrize(("answer", "code"), [("n", 130), ("", 130), ("y", 0)])
def test_asks_before_it_changes(answer: str, code: int, fresh: Machines) -> None:
    root = fresh("debian")
    before = snapshot(root)
    child = terminal(root, "bind", "01:00.0")
    child.expect_exact("[y/N]")
    assert "0000:01:00.1" in str(child.before), "the plan is shown before the question"
    assert not difference(before, snapshot(root))
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert ("0000:01:00.1" in str(child.before)) is (answer == "y"), "the plan was seen: it is not shown again"
    assert ("nothing was changed" in str(child.before)) is (answer != "y")
    assert bool(difference(before, snapshot(root))) is (answer == "y")


def test_ctrl_c_at_the_question(fresh: Machines) -> None:
    root = fresh("debian")
    before = snapshot(root)
    child = terminal(root, "bind", "01:00.0")
    child.expect_exact("[y/N]")
    child.sendintr()
    if child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=5):
        child.sendintr()  # Python misses one that comes in the instant before its read(2); a person presses again
        child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130 and "Traceback" not in str(child.before)
    assert not difference(before, snapshot(root))


def test_a_reader_that_goes_away(fresh: Machines) -> None:
    words = [sys.executable, *VDESK, "--root", str(fresh("debian")), "groups"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=TOP) as child:
        assert child.stdout and child.stderr
        child.stdout.close()
        assert b"Traceback" not in child.stderr.read()


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1:strict"])
def test_a_terminal_without_the_sign(encoding: str, fresh: Machines) -> None:
    """A name that the locale cannot spell is written with escapes, not answered with a traceback."""
    root = fresh("debian")
    (root / "usr/share/misc/pci.ids").write_text("10de  NVIDIA\n\t1402  GM206 [Größe 東京]\n", encoding="utf-8")
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    for words in (["groups"], ["groups", "--json"]):
        done = subprocess.run(
            [sys.executable, *VDESK, "--root", str(root), *words], capture_output=True, cwd=TOP, env=env, check=True
        )
        assert b"GM206" in done.stdout and b"Traceback" not in done.stderr


def test_no_name_is_cut_at_a_hyphen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's name, or a rule's, is one word: it can be copied from one line."""
    text = "install libvirt-daemon-system and virt-manager, or override the rule host-display; - goes without"
    for width in range(30, 81):
        assert not [line for line in wrapped(text, width).splitlines() if line.endswith("-") and line != "-"], width
        monkeypatch.setenv("COLUMNS", str(width))
        said = vdesk("bind", "--help").out + vdesk("create", "--help").out
        assert not [line for line in said.splitlines() if line[-2:-1].isalpha() and line.endswith("-")], width


def test_the_error_of_ctrl_c_has_a_line_of_its_own(fresh: Machines) -> None:
    child = terminal(fresh("debian"), "bind", "01:00.0", "--no-color")
    child.expect_exact("[y/N]: ")
    child.sendintr()
    if child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=5):
        child.sendintr()
        child.expect(pexpect.EOF)
    assert "\r\nerror " in str(child.before)
