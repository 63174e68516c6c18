"""What apt removes from no machine stays where vdesk brought it, with what that needs: asked to remove one of these,
apt refuses all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vdesk.host import Host
from vdesk.host.packages import MANAGERS, vital
from vdesk.host.runner import Completed, LocalRunner

# As dpkg-query of Debian 13 tells it.
TOLD = """\
e2fsprogs\tnoyesno\tlibblkid1 (>= 2.36), libext2fs2t64 (= 1.47.2-3+b12), libss2 (>= 1.38), logsave | nothing
libext2fs2t64\tnono\tlibc6 (>= 2.34),\x20
libss2\tnono\tlibcom-err2:amd64, libc6 (>= 2.34)
libcom-err2\tnono\t, libc6 (>= 2.17)
logsave\tnono\t, libc6 (>= 2.7)
qemu-utils\tnono\t, libext2fs2t64 (>= 1.37), e2fsprogs
"""


class Told(LocalRunner):
    """dpkg-query's answer."""

    def run(self, argv: Sequence[str], **more: Any) -> Completed:
        return Completed(tuple(argv), 0, TOLD, "")


def test_what_a_kept_package_needs_is_kept_too(tmp_path: Path) -> None:
    host = Host(str(tmp_path), Told())
    names = [line.partition("\t")[0] for line in TOLD.splitlines()]
    assert vital(host, MANAGERS["debian"], names) == set(names) - {"qemu-utils"}
    assert vital(host, MANAGERS["fedora"], names) == vital(host, MANAGERS["debian"], []) == frozenset()
