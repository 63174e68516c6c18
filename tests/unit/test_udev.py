"""What udev knows, where it cannot be asked: nothing, and no failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
ASK = "from vdesk.host import this_machine; from vdesk.host.udev import seats; print(seats(this_machine()))"
LIBRARY = """
class Context:
    def __init__(self):
        raise ImportError("No library named udev")
"""
DEVICES = """
class Context:
    def list_devices(self, subsystem):
        raise {}
        yield
"""


@pytest.mark.parametrize(
    "module",
    [
        "raise ImportError('no pyudev')",
        LIBRARY,
        DEVICES.format("OSError('udev does not answer')"),
        DEVICES.format("LookupError('/sys/devices/gone')"),
    ],
    ids=["pyudev", "libudev", "udev", "device"],
)
def test_without(module: str, tmp_path: Path) -> None:
    """pyudev looks for libudev when a context is made, not when it is imported (pyudev, _ctypeslib/utils.py)."""
    (tmp_path / "pyudev.py").write_text(module)
    path = {"PYTHONPATH": f"{tmp_path}:{TOP}"}
    ran = subprocess.run([sys.executable, "-c", ASK], env=path, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("{}\n", "", 0)
