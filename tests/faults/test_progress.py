"""Long work says on a terminal what its programs say, and nothing of it in a pipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cases import packages, two_kernels
from tests.faults.played import ISO, Played
from tests.faults.test_setup import Person

# The command, the program that does the work, and how the machine is made.
LONG = {
    "install": ("install", "apt-get"),
    "iommu enable": ("iommu enable --pt", "update-grub"),
    "bind --boot": ("bind 01:00.0 --boot", "update-initramfs"),
    "a disk": (f"create hoth --iso {ISO} --os linux --disk 4MiB --cpus 2 --memory 2GiB --connect test:///default", ""),
}


def machine(folder: Path, program: str) -> Played:
    """A machine whose program tells what it is at."""
    played = Played(folder, "no-tpm")
    packages(played)
    two_kernels(played)
    script = played.programs / (program or "fallocate")
    script.write_text(script.read_text().replace("#!/bin/sh\n", "#!/bin/sh\necho 'half of the work'\n", 1))
    return played


@pytest.mark.parametrize("name", LONG)
def test_on_a_terminal_and_in_a_pipe(name: str, memory: Path) -> None:
    line, program = LONG[name]
    person = Person(machine(memory / "terminal", program), *line.split(), "--yes")
    assert person.ended() == 0
    assert "half of the work" in person.seen
    ended = machine(memory / "pipe", program).vdesk(*line.split(), "--yes")
    assert (ended.code, ended.err) == (0, "") and "half of the work" not in ended.out
