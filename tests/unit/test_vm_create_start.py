"""`create --start` where libvirt refuses the start: exit code 1 promises that what was changed has been put back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.machines import builder

TEST = "test:///default"
NO_START = """
import sys, libvirt
def refuse(domain, *more): raise libvirt.libvirtError("no start today")
libvirt.virDomain.create = libvirt.virDomain.createWithFlags = refuse
from vdesk.cli import run
sys.exit(run(sys.argv[1:]))
"""


def vdesk(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """vdesk in a process whose libvirt starts nothing."""
    argv = [sys.executable, "-c", NO_START, "--root", str(root), *words, "--json"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_what_cannot_be_started_is_taken_away_again(memory: Path) -> None:
    root = builder.build("debian", memory / "machine")
    disc = root / "var/lib/libvirt/images/Win10.iso"
    disc.parent.mkdir(parents=True, exist_ok=True)
    disc.write_bytes(b"")
    words = ("create", "hoth", "--iso", "/var/lib/libvirt/images/Win10.iso", "--start", "-y", "--connect", TEST)
    ran = vdesk(root, *words)
    report = json.loads(ran.stdout)
    assert (ran.returncode, report["status"], report["data"]) == (1, "failed", {}), ran.stdout + ran.stderr
    assert report["errors"][0]["id"] == "libvirt.refused"
    assert [change["state"] for change in report["changes"] if change["kind"] == "domain"] == ["done", "undone"]
    history = json.loads(vdesk(root, "history").stdout)
    assert [entry["state"] for entry in history["data"]["entries"]] == ["undone"]
