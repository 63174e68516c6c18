"""kvm.device on a machine that has the node: whether something serves it, and whether libvirt's QEMU is let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.builder import build
from vdesk.checks.cpu import kvm
from vdesk.checks.machine import look
from vdesk.host import Host, captured
from vdesk.host.account import may_open
from vdesk.host.tree import Stat
from vdesk.model.finding import Finding

PASSWD = "root:x:0:0::/root:/bin/sh\nlibvirt-qemu:x:64055:108::/var/lib/libvirt:/bin/false\n"
GROUP = "root:x:0:\nkvm:x:108:user\nother:x:200:libvirt-qemu\nthird:x:300:\n"


def node(mode: int, gid: int, uid: int = 0) -> Stat:
    return Stat("char", mode, uid, gid, 0, 0, 1, 0)


class Noded(Host):
    """A captured machine with a device node, which no capture can hold."""

    def __init__(self, root: Path, found: Stat) -> None:
        super().__init__(str(root), captured(str(root)).runner)
        self.found = found

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """The node's for /dev/kvm."""
        return self.found if path == "dev/kvm" else super().stat(path, follow=follow)


@pytest.fixture
def root(memory: Path) -> Path:
    """Debian with libvirt's user."""
    found = build("debian", memory / "root")
    (found / "etc/passwd").write_text(PASSWD)
    (found / "etc/group").write_text(GROUP)
    return found


def judged(root: Path, found: Stat, conf: str = "") -> Finding:
    (root / "etc/libvirt").mkdir(parents=True, exist_ok=True)
    (root / "etc/libvirt/qemu.conf").write_text(conf)
    return kvm(look(Noded(root, found)))


@pytest.mark.parametrize(
    ("mode", "gid", "conf", "level"),
    [
        (0o660, 108, "", "ok"),
        (0o666, 0, "", "ok"),
        (0o660, 200, "", "ok"),
        (0o660, 0, "", "fail"),
        (0o600, 108, "", "fail"),
        (0o640, 108, "", "fail"),
        (0o600, 0, 'user = "root"\n', "ok"),
        (0o660, 300, 'group = "third"\n', "ok"),
        (0o600, 0, 'user = "nobody-here"\n', "ok"),
    ],
)
def test_who_is_let_in(root: Path, mode: int, gid: int, conf: str, level: str) -> None:
    """By the primary group, by another one, by qemu.conf's; a user that is not there is not judged."""
    found = judged(root, node(mode, gid), conf)
    assert found.level == level, found
    assert f"mode {mode:04o}" in found.evidence
    if level == "fail":
        assert "libvirt-qemu" in found.cause and "udevadm trigger" in found.remedy


def test_a_node_that_nothing_serves(root: Path) -> None:
    """systemd makes the node at boot for modules that are not loaded yet (static nodes, kmod(8))."""
    for folder in ("sys/class/misc/rfkill", "sys/module/kvm"):
        (root / folder).mkdir(parents=True)
    found = judged(root, node(0o660, 108))
    assert found.level == "fail" and "nothing serves /dev/kvm" in found.evidence
    assert "modprobe kvm_intel" in found.remedy
    (root / "sys/class/misc/kvm").mkdir()
    assert judged(root, node(0o660, 108)).level == "ok"


def test_users_that_cannot_be_read(root: Path) -> None:
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").mkdir()
    assert judged(root, node(0o660, 108)).level == "unknown"


@pytest.mark.parametrize(
    ("found", "uid", "gids", "expected"),
    [
        (node(0o600, 0), 0, frozenset(), True),
        (node(0o600, 0, 5), 5, frozenset(), True),
        (node(0o066, 7, 5), 5, frozenset({7}), False),
        (node(0o606, 7), 5, frozenset({7}), False),
        (node(0o606, 7), 5, frozenset(), True),
    ],
)
def test_the_first_class_that_fits_decides(found: Stat, uid: int, gids: frozenset[int], expected: bool) -> None:
    """Owner, group, others: the kernel looks at one of them only (path_resolution(7))."""
    assert may_open(found, uid, gids) is expected
