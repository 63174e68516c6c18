"""`vdesk stop` of a guest that does not go off: asked on a terminal, left on without one. libvirt's part is played."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest

NODE = """<node><domain type='test'><name>hoth</name><memory>8192</memory><os><type>hvm</type></os></domain></node>"""
DEAF = """
import sys, libvirt
libvirt.virDomain.shutdownFlags = lambda domain, flags=0: 0
from vdesk.cli import run
code = run(sys.argv[1:])
print("ended with", code)
"""


def stop(folder: Path, *more: str) -> pexpect.spawn[str]:
    """vdesk stop on a terminal, of a running machine whose guest hears no power button."""
    (folder / "node.xml").write_text(NODE)
    words = [
        "stop",
        "hoth",
        "--wait",
        "1",
        "--no-color",
        "--root",
        str(folder),
        "--connect",
        f"test://{folder}/node.xml",
    ]
    return pexpect.spawn(
        sys.executable,
        ["-c", DEAF, *words, *more],
        env={**os.environ, "TERM": "dumb"},
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 200),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )


@pytest.mark.parametrize(("answer", "said"), [("y", "ended with 0"), ("n", "ended with 1")])
def test_asks_before_it_takes_the_power(answer: str, said: str, tmp_path: Path) -> None:
    child = stop(tmp_path)
    child.expect_exact("[y/N]")
    assert "take the power from hoth" in str(child.before)
    child.sendline(answer)
    child.expect(pexpect.EOF)
    assert said in str(child.before)
    assert ("did not shut down within 1 s" in str(child.before)) is (answer == "n")


def test_yes_is_no_leave_to_take_the_power(tmp_path: Path) -> None:
    child = stop(tmp_path, "--yes")
    child.expect(pexpect.EOF)
    assert "[vm.still-running]" in str(child.before) and "ended with 1" in str(child.before)
