"""A real machine, captured, and looked at elsewhere: the same is seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .install import TOP
from .machine import Machine
from .typed import document, typed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

LINES = (("check", 3), ("groups", 0), ("gpu list", 0), ("iommu status", 0))


def test_the_same_is_seen_elsewhere(article: Machine, tmp_path: Path) -> None:
    there = [document(article, f"sudo vdesk {line}", expect=code) for line, code in LINES]
    typed(article, "sudo vdesk capture /tmp/machine.tar.zst")
    assert article.run("stat -c %U /tmp/machine.tar.zst").out.strip() == "desk"
    file = tmp_path / "machine.tar.zst"
    file.write_bytes(article.get("/tmp/machine.tar.zst"))
    for (line, code), expected in zip(LINES, there, strict=True):
        argv = [sys.executable, "-m", "vdesk", "--root", str(file), *line.split(), "--json"]
        done = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)
        found = json.loads(done.stdout)
        assert done.returncode == code, done.stderr
        assert told(found) == told(expected), line


def told(found: dict[str, object]) -> list[object]:
    """What a document says, without the places that it rests on: a capture answers from its own records."""
    findings = found["findings"]
    assert isinstance(findings, list)
    levels = [(each["id"], each.get("device"), each["level"], each["title"]) for each in findings]
    return [found["data"], [each for each in levels if each[0] != "kvm.device"]]
