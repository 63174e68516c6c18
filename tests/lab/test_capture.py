"""A real machine, captured, and looked at elsewhere: the same is seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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


ELSEWHERE = ("kvm.device", "user.groups", "gpu.rom")
"""What a folder of files cannot hold: device nodes, names of people, what a card answers."""


def told(found: dict[str, Any]) -> list[object]:
    """What a document says, without the places that it rests on: a capture answers from its own records."""
    findings = [each for each in found["findings"] if each["id"] not in ELSEWHERE]
    for card in found["data"].get("gpus", []):
        card.pop("seat", None)  # udev's, and it is not there
    return [found["data"], [(each["id"], each.get("device"), each["level"], each["title"]) for each in findings]]
