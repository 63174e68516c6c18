"""Every command on every machine that matters, as text and as JSON: what is printed is looked at, and then kept.

`pytest tests/commands/test_golden.py --regenerate` writes the files anew; the diff is the review."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands.cases import CASES
from tests.commands.running import Machines, on
from vdesk.host.libvirt_conn import Libvirt

GOLDEN = Path(__file__).resolve().parents[1] / "golden/commands"
MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"50-vdesk, \d+ lines"), "50-vdesk, N lines"),
    # The text of the hook is not what a plan is looked at for.
    (re.compile(r"( +\+\+\+ b/etc/libvirt/hooks/qemu.d/50-vdesk\n)(?: {9}.*\n)+"), r"\1         THE HOOK\n"),
    (re.compile(r"(\+\+\+ b/etc/libvirt/hooks/qemu.d/50-vdesk)[^\n]*\""), r'\1 THE HOOK"'),
    (re.compile(r"52:54:00(:[0-9a-f]{2}){3}"), "MAC"),
)
EACH = [(name, machine) for name, case in CASES.items() for machine in case.machines]


def masked(text: str) -> str:
    """The text without what differs between two runs."""
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text


def as_text(root: Path, lines: tuple[str, ...]) -> str:
    """What a person sees of the command lines, stderr marked."""
    parts = []
    for line in lines:
        ran = on(root, *shlex.split(line))
        told = "".join(f"! {each}\n" for each in ran.err.splitlines())
        parts.append(f"$ vdesk {line}\n{ran.out}{told}[exit code {ran.code}]\n")
    return masked("\n".join(parts))


def as_json(root: Path, lines: tuple[str, ...]) -> str:
    """What a script reads of them; each document is checked against the schema."""
    found = [
        {"line": f"vdesk {line} --json", "document": on(root, *shlex.split(line), "--json").envelope} for line in lines
    ]
    return masked(json.dumps(found, indent=1, ensure_ascii=False)) + "\n"


@contextmanager
def libvirt_test_driver() -> Iterator[None]:
    """Keep libvirt's test driver open: it forgets its machines when the last connection is closed."""
    kept = Libvirt("test:///default")
    yield
    del kept


@pytest.mark.parametrize(("name", "machine"), EACH, ids=[f"{name}-{machine}" for name, machine in EACH])
def test_golden(name: str, machine: str, fresh: Machines, request: pytest.FixtureRequest) -> None:
    lines = CASES[name].lines
    for suffix, run in (("txt", as_text), ("json", as_json)):
        with libvirt_test_driver():
            found = run(fresh(machine), lines)
        kept = GOLDEN / name / f"{machine}.{suffix}"
        if request.config.getoption("--regenerate"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(found, encoding="utf-8")
        assert kept.read_text(encoding="utf-8") == found


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{name}/{machine}.{suffix}" for name, machine in EACH for suffix in ("txt", "json")}
    assert {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*.*")} == wanted
