"""Machines to break, in memory, and one real libvirtd for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cases import Case
from tests.faults.daemon import Daemon, daemon, without
from tests.faults.played import Played
from tests.faults.victim import Victim
from tests.short import short_folder


@pytest.fixture(scope="session")
def libvirtd() -> Iterator[Daemon]:
    """Return the addresses of a daemon's drivers."""
    with short_folder() as folder, daemon(folder) as found:
        yield found


@pytest.fixture
def played(memory: Path) -> Played:
    """Return a machine whose programs are fakes that really run."""
    return Played(memory)


@pytest.fixture
def victim(case: Case, memory: Path, request: pytest.FixtureRequest) -> Iterator[Victim]:
    """Return the case's machine; what it has defined in libvirt goes at the end."""
    found = Victim(case, memory, request.getfixturevalue("libvirtd") if case.libvirt else None)
    yield found
    if case.libvirt:
        without(found.uri, "hoth")
