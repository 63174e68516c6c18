"""One vdesk at a time: an advisory lock that ends with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from vdesk.host.host import Host
from vdesk.host.tree import fail
from vdesk.model.errors import Busy


@contextmanager
def locked(host: Host, path: str) -> Iterator[None]:
    """Hold the lock file at `path`; Busy when another process holds it."""
    try:
        handle = os.open(host.tree.real(path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        fail(path, error)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Busy("/" + path, "another vdesk is changing this machine", "another vdesk is at work") from None
    try:
        yield
    finally:
        os.close(handle)
