"""One environment for every test: what the person at this machine has set decides nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

LOUD = (
    "VDESK_ROOT",
    "LANGUAGE",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LINES",
    "LIBVIRT_DEFAULT_URI",
    "PYTHONDONTWRITEBYTECODE",  # vdesk is started many times here
)
QUIET = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}


def pytest_configure() -> None:
    """Take out of the environment what changes vdesk's output, for this process and its children."""
    for name in LOUD:
        os.environ.pop(name, None)
    os.environ.update(QUIET)


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a new folder, in memory where the system has a place for that: machines are a thousand small files."""
    top = Path(tempfile.mkdtemp(prefix="vdesk-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    yield top
    shutil.rmtree(top)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regenerate` writes the golden files anew."""
    parser.addoption("--regenerate", action="store_true", help="write the golden files anew; the diff is the review")
