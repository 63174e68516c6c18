"""Streams that take nothing: a full disk, and those that were closed before vdesk began. What was done stays done, and
the exit code says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines.builder import build
from vdesk.model.errors import FAILED, OK, USAGE

BIND = "bind 01:00.1 --only -y"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build("article-booted", tmp_path / "machine")


def shell(root: Path, words: str, end: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """vdesk with the streams that a shell gives it."""
    line = f'exec "$0" -m vdesk --root "$1" {words} {end}'
    env = {**os.environ, **environment}
    return subprocess.run(
        ["/bin/sh", "-c", line, sys.executable, root], capture_output=True, text=True, check=False, env=env
    )


def driver(root: Path) -> str:
    return os.path.basename(os.readlink(root / "sys/bus/pci/devices/0000:01:00.1/driver"))


@pytest.mark.parametrize("json_", ["", " --json", " -v"])
@pytest.mark.parametrize("end", [">/dev/full", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_what_was_changed_is_changed_and_the_exit_code_says_so(root: Path, end: str, json_: str) -> None:
    ran = shell(root, BIND + json_, end)
    assert (ran.returncode, driver(root)) == (OK, "vfio-pci"), ran.stderr
    assert "Traceback" not in ran.stderr and "internal" not in ran.stderr
    if "/dev/full" in end and "2>" not in end:
        assert "vdesk: the result could not be written" in ran.stderr and "vdesk history" in ran.stderr
    history = json.loads(shell(root, "history --json", "").stdout)
    assert [each["state"] for each in history["data"]["entries"]] == ["done"]


@pytest.mark.parametrize(
    ("words", "end", "code"),
    [
        ("check", ">/dev/full", FAILED), ("groups --json", ">/dev/full", FAILED), ("iommu", ">/dev/full", FAILED),
        ("-h", ">/dev/full", FAILED), ("bind -h", ">/dev/full", FAILED),
        ("--version", ">/dev/full 2>/dev/full", FAILED), ("groups -v", "2>/dev/full", OK),
        ("groups", ">&-", OK), ("-h", ">&-", OK), ("nonsense", ">&-", USAGE), ("nonsense", "2>&-", USAGE),
        ("nonsense", "2>/dev/full", USAGE), ("nonsense --json", ">/dev/full", USAGE), ("groups", "<&-", OK),
    ],
)  # fmt: skip
def test_what_only_reads(root: Path, words: str, end: str, code: int) -> None:
    ran = shell(root, words, end)
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr and "internal" not in ran.stderr and "Exception" not in ran.stderr
    if code == FAILED and "2>" not in end:
        assert "could not be written" in ran.stderr and "nothing was changed" in ran.stderr


def test_a_terminal_without_columns(root: Path) -> None:
    """As some have it that were never told their size."""
    line = f"{sys.executable} -m vdesk --root {root} groups"
    argv = ["script", "-qec", line, "/dev/null"]
    env = {**os.environ, "COLUMNS": "0", "TERM": "xterm"}
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, stdin=subprocess.DEVNULL)
    assert ran.returncode == OK and "0000:01:00.0" in ran.stdout
