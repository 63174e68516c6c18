"""Start-up times as ratios to `python -c 'import click'`, the floor of any click program, and the hook's to
the system's python that does nothing: `./dev bench [ROUNDS]`.

Runs are interleaved and compared in pairs, so that a machine that is busy for a while is busy for both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.machines.builder import build
from vdesk.plans.hook_file import hook_bytes

VDESK = str(Path(sys.executable).with_name("vdesk"))
FLOOR = [sys.executable, "-c", "import click"]
LIMITS = {"--version": 1.3, "groups --json": 1.6}
HOOK_FLOOR = ["/usr/bin/python3", "-I", "-S", "-c", "pass"]
HOOK_LIMIT = 2.0
"""For the start of a machine that is not vdesk's."""


def compiled() -> dict[str, str]:
    """Return an environment in which modules are compiled once, as an installed package's are."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def cost(argv: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its wall time and its processor time, in seconds."""
    start = time.perf_counter()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=compiled())
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, f"{argv} exits {child.returncode}"
    return wall, usage.ru_utime + usage.ru_stime


def ratios(argv: Sequence[str], rounds: int, floor: Sequence[str] = tuple(FLOOR)) -> tuple[float, float]:
    """Return the medians of the pairwise ratios to the floor: (wall time, processor time)."""
    cost(argv), cost(floor)  # the first run compiles and fills the page cache
    pairs = [(cost(argv), cost(floor)) for _ in range(rounds)]
    wall, processor = ([one[kind] / least[kind] for one, least in pairs] for kind in (0, 1))
    return statistics.median(wall), statistics.median(processor)


def commands(root: str) -> dict[str, list[str]]:
    """Return what is measured, by the name in LIMITS; root is where the demo machine lies."""
    return {"--version": [VDESK, "--version"], "groups --json": [VDESK, "groups", "--json", "--root", root]}


def demo_machine(folder: str) -> str:
    """Lay the machine of the demo out below the folder, booted with its IOMMU on, and return its root."""
    return str(build("article-booted", folder))


def hook(folder: str) -> list[str]:
    """Lay the libvirt hook out below the folder; return how libvirt calls it for a machine's start."""
    file = Path(folder, "50-vdesk")
    file.write_bytes(hook_bytes())
    file.chmod(0o755)
    return [str(file), "other", "prepare", "begin", "-"]


def main() -> int:
    """Print a line per command; 0 when each is within its limit by wall time."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 31
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for name, argv in commands(demo_machine(folder)).items():
            wall, processor = ratios(argv, rounds)
            slow |= wall > LIMITS[name]
            print(f"vdesk {name:14} {wall:.2f} times import click (limit {LIMITS[name]}), processor {processor:.2f}")
        wall, processor = ratios(hook(folder), rounds, HOOK_FLOOR)
        slow |= wall > HOOK_LIMIT
        print(f"the hook of another's machine {wall:.2f} times {' '.join(HOOK_FLOOR)}", end=" ")
        print(f"(limit {HOOK_LIMIT}), processor {processor:.2f}")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
