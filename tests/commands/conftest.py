"""Ready-made machines for the tests of commands: described once, laid out in memory for each test that wants one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import Machines
from tests.machines.builder import machine, tree_of
from tests.machines.make_demo import by_folder
from vdesk.host.unpack import lay_out


@cache
def entries(name: str) -> dict[str, dict[str, Any]]:
    """The machine of a name, folder by folder."""
    return {} if name == "empty" else by_folder(tree_of(machine(name)))


@pytest.fixture
def fresh(memory: Path) -> Machines:
    """Return a function that lays out a machine by its name, a new one at every call."""

    def copy(name: str) -> Path:
        place = memory / f"{name}-{len(os.listdir(memory))}"
        place.mkdir()
        lay_out(entries(name), str(place))
        return place

    return copy
