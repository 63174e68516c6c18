"""Short paths, wherever pytest's own folder is: unix(7) allows 107 bytes for a socket's, and libvirt makes some deep
below the folder that it is given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short_folder() -> Iterator[Path]:
    """A new folder with a short name, which goes with the block."""
    with tempfile.TemporaryDirectory(prefix="vdesk-", dir="/tmp") as name:
        yield Path(name)
