"""Saved states: a machine frozen with its disk and its memory, so that a test starts in seconds.

A state is one qcow2 file over the base image: the disk's difference and, as an internal snapshot, the memory. QEMU
wakes a state only from the top of a chain of images, so each machine gets a copy and no overlay over it.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import qemu
from .cache import digest
from .image import base_image

REBOOT = "reboot"
OFF = r"sed -i '/^GRUB_CMDLINE_LINUX_DEFAULT=/s/quiet/quiet intel_iommu=off/' /etc/default/grub"


@dataclass(frozen=True)
class Recipe:
    """How a state is made: from which other (None: a cold boot), by which commands; REBOOT is one of them."""

    parent: str | None
    steps: tuple[str, ...]


STATES = {
    # The first connection to libvirt asks QEMU what it can do, which takes 20 s here.
    "ready": Recipe(None, ("virsh -c qemu:///system domcapabilities >/dev/null",)),
    "iommu-off": Recipe("ready", (OFF, "update-grub", REBOOT)),
}


@dataclass(frozen=True)
class Hardware:
    """What a state fits: one topology with its image, memory and further words for QEMU."""

    topology: str
    suite: str
    memory: int = qemu.MEMORY_MIB
    extra: Sequence[str] = ()

    def command(self, work: Path, drive: str) -> list[str]:
        """Return QEMU's words."""
        return qemu.command(self.topology, work, drive, self.memory, self.extra)

    def state_file(self, name: str) -> Path:
        """Return where a state is or would be: the name holds a digest of all that it depends on."""
        base = base_image(self.suite)
        words = shlex.join(self.command(Path("."), ""))
        fits = digest([qemu.version(), words, base.name, *lineage(name)])
        return base.parent / f"{self.state_stem(name)}{fits}.qcow2"

    def state_stem(self, name: str) -> str:
        """Return the beginning of the file names of a state, whatever it depends on."""
        return f"state-{self.topology}-{name}-"


def lineage(name: str | None) -> list[str]:
    """Return the steps that lead from power-on to a state; for one that a test made itself, its name."""
    if name is None:
        return []
    if name not in STATES:
        return [name]
    recipe = STATES[name]
    return [*lineage(recipe.parent), name, *recipe.steps]


def copy(source: Path, target: Path) -> None:
    """Copy a state: blocks are shared where the file system can, holes stay holes."""
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", source, target], check=True)
