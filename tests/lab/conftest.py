"""The lab's fixtures: each test gets a machine of its own, woken from a saved state, with this checkout's vdesk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain, count

import pytest

from . import image as images
from .cache import log_folder, only_lab
from .machine import Machine

NewMachine = Callable[..., Machine]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known also where the project's configuration is not read."""
    config.addinivalue_line("markers", "lab: runs on an emulated machine (QEMU, root)")
    config.addinivalue_line("markers", "lab_long: as lab, and asked for by name: ./dev lab -m lab_long")


@pytest.fixture(scope="session")
def lab() -> Iterator[None]:
    """Hold the lab and have an image: one machine at a time on a machine of two cores."""
    with only_lab():
        images.ensure("trixie")
        yield


@pytest.fixture
def new_machine(lab: None, request: pytest.FixtureRequest) -> Iterator[NewMachine]:
    """Return a function that wakes a machine with vdesk on it; what is typed is kept under the test's name."""
    number = chain([""], (f"-{n}" for n in count(2)))
    with ExitStack() as stack:

        def wake(
            topology: str = "article", state: str | None = "ready", vdesk: bool = True, image: str = "trixie"
        ) -> Machine:
            log = log_folder() / f"{request.node.name}{next(number)}.log"
            if image != "trixie":
                images.ensure(image)
            machine = Machine(topology, image, state=state, log=log)
            stack.enter_context(machine)
            if vdesk:
                machine.install_vdesk()
            return machine

        yield wake


@pytest.fixture
def article(new_machine: NewMachine) -> Machine:
    """Return the machine of the article, booted and idle."""
    return new_machine()


@pytest.fixture
def iommu_off(new_machine: NewMachine) -> Machine:
    """Return the machine of the article booted with intel_iommu=off."""
    return new_machine(state="iommu-off")
