"""UUID and network address of a machine, the same for the same name on the same host: a second `create` after a
`delete` finds its activation and its lease again, and the same call prints the same XML."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Container

SPACE = uuid.UUID("5d3c0f2e-8a3b-5f0e-9d6e-7664736b0001")


def machine_uuid(seed: str, name: str, taken: Container[str] = ()) -> str:
    """A UUID (RFC 4122, version 5) made of this host and the name; another one where it is taken."""
    number = 0
    while (found := str(uuid.uuid5(SPACE, f"{seed}\0{name}\0{number}"))) in taken:
        number += 1
    return found


def mac_address(seed: str, name: str) -> str:
    """An address in the range of QEMU (52:54:00)."""
    digest = hashlib.sha256(f"mac\0{seed}\0{name}".encode()).digest()
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])
