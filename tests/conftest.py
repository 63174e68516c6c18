"""One environment for every test: what the person at this machine has set decides nothing."""

from __future__ import annotations

import os

import pytest

LOUD = (
    "VDESK_ROOT",
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regenerate` writes the golden files anew."""
    parser.addoption("--regenerate", action="store_true", help="write the golden files anew; the diff is the review")
