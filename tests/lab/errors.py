"""What the lab says when it cannot go on."""

from __future__ import annotations

import shutil


class LabError(Exception):
    """The lab itself failed, not what is tested on it."""


class EmulatorBroke(LabError):
    """QEMU made a mistake that a machine does not make."""


INT3 = "Oops: int3"
"""QEMU's emulation of several processors can run into the breakpoint by which a kernel patches its own text; no
machine does. On the console it says that such a boot tells nothing of what is tested, and has to be made again."""


def need(*programs: str) -> None:
    """Raise LabError for the programs that PATH has not; their packages are in packages.txt."""
    missing = [name for name in programs if not shutil.which(name, path=SEARCH)]
    if missing:
        raise LabError(f"not installed: {', '.join(missing)}; `./dev lab` installs what tests/lab/packages.txt names")


# A user's PATH on Debian has no sbin, and mke2fs and sfdisk are there.
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
