"""Whether a disk image can be opened past the page cache (open(2), O_DIRECT), as `cache=none` has QEMU do it: QEMU does
not start where the filesystem has no such thing (`filesystem may not support O_DIRECT`)."""

from __future__ import annotations

import errno
import os

from vdesk.host.host import Host
from vdesk.host.storage import kind_at
from vdesk.model.errors import HostError

NEVER = ("tmpfs", "ramfs")
"""Where the machine itself cannot be asked: tmpfs has it since Linux 6.6 only, ZFS since 0.8, older than any here."""


def takes_direct(host: Host, path: str) -> bool:
    """Whether the image at `path`, there or yet to be made, can be opened so; True where nothing speaks against it."""
    told = _tried(host, path) if host.is_live else None
    return kind_at(host, path) not in NEVER if told is None else told


def _tried(host: Host, path: str) -> bool | None:
    """By opening it for reading, or a file without a name in its folder, which is gone when it is closed; None where
    this user may not, or the filesystem has no such files."""
    try:
        there = host.exists(path)
        place = host.tree.real(path if there else path.rpartition("/")[0])
    except HostError:
        return None
    flags = os.O_RDONLY | os.O_NONBLOCK if there else os.O_RDWR | os.O_TMPFILE
    try:
        os.close(os.open(place, flags | os.O_DIRECT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        return False if error.errno == errno.EINVAL else None
    return True
