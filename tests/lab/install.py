"""vdesk as a package would put it on a machine: the modules in dist-packages and a script in /usr/bin."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
VDESK_TARGET = "/usr/lib/python3/dist-packages/vdesk"
SCRIPT = b"#!/usr/bin/python3\nimport sys\n\nfrom vdesk.__main__ import main\n\nsys.exit(main())\n"


def vdesk_tar() -> bytes:
    """Return a tar to unpack at /: the checkout's vdesk package without its caches, and the script."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=False) as tar:
        tar.add(TOP / "vdesk", VDESK_TARGET.lstrip("/"), filter=_packaged)
        script = tarfile.TarInfo("usr/bin/vdesk")
        script.size, script.mode = len(SCRIPT), 0o755
        tar.addfile(script, io.BytesIO(SCRIPT))
    return buffer.getvalue()


def _packaged(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if member.name.endswith("/__pycache__"):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
