"""Where the lab keeps what is dear to make: images, saved states, the folders of machines that run, and logs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """Return the folder, outside the checkout: $VDESK_LAB_CACHE or ~/.cache/vdesk-lab."""
    return Path(os.environ.get("VDESK_LAB_CACHE") or Path.home() / ".cache/vdesk-lab")


def log_folder() -> Path:
    """Return the folder that keeps each test's commands with their output: $VDESK_LAB_LOG or `logs` in the cache."""
    folder = Path(os.environ.get("VDESK_LAB_LOG") or cache() / "logs")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_folder() -> Path:
    """Return the folder of the machines that run."""
    folder = cache() / "run"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(parts: Iterable[str | bytes]) -> str:
    """Return 12 hex digits that change when a part changes."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:12]


def remove_stale(folder: Path, pattern: str, keep: Path) -> None:
    """Remove what an older recipe left in the folder."""
    for path in folder.glob(pattern):
        if path != keep:
            path.unlink()


@contextmanager
def only_lab() -> Iterator[None]:
    """Hold the lab: one emulated machine at a time, for whoever uses this cache. Waits as long as it takes."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("lab: waiting for another user of the lab", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        for left_over in run_folder().iterdir():  # of a run that was killed: its QEMU died with it
            shutil.rmtree(left_over, ignore_errors=True)
        yield
