"""What a qcow2 image names beside itself: read as QEMU writes it, and said before a machine gets it."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vdesk.host import Host, captured, media
from vdesk.host.qcow2 import named
from vdesk.plans.vm_disks import warnings
from vdesk.vm.spec import Disk


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return an empty captured machine."""
    (tmp_path / "m").mkdir()
    return captured(str(tmp_path / "m"))


def qcow2(path: Path, *, version: int = 3, backing: bytes = b"", data: bytes | None = None, place: int = 0) -> None:
    """A header; `data` is the name of the file with the guest's data, `place` where the backing file's name is."""
    head = bytearray(b"QFI\xfb" + struct.pack(">IQIIQ", version, 0, 0, 16, 1 << 20)).ljust(4096, b"\0")
    end = 72 if version == 2 else 104
    if version == 3:
        struct.pack_into(">QQQII", head, 72, 4 if data is not None else 0, 0, 0, 4, 104)
    more = struct.pack(">II", 0x6803F857, 3) + b"abc".ljust(8, b"\0")
    more += struct.pack(">II", 0x44415441, len(data)) + data.ljust((len(data) + 7) // 8 * 8, b"\0") if data else b""
    head[end : end + len(more)] = more
    if backing:
        struct.pack_into(">QI", head, 8, place or 1024, len(backing))
        head[1024 : 1024 + len(backing)] = backing
    path.write_bytes(head)


def told(host: Host, path: Path) -> tuple[str, str]:
    return named(media.find(host, f"/{path.name}", "--disk"))


def test_a_name_that_is_no_text_is_shown(host: Host) -> None:
    path = Path(host.root, "d.qcow2")
    qcow2(path, backing=b"/b\xff\x1b[2J.img")
    assert told(host, path)[0] == "/b\udcff\x1b[2J.img"
    assert "/b\ufffd\ufffd[2J.img" in warnings(host, Disk("/d.qcow2", False, "qcow2", "scsi"))[0]


def test_what_an_image_names(host: Host) -> None:
    path = Path(host.root, "d.qcow2")
    qcow2(path)
    assert told(host, path) == ("", "")
    for version in (2, 3):
        qcow2(path, version=version, backing=b"/etc/shadow")
        assert told(host, path) == ("/etc/shadow", "")
    qcow2(path, backing=b"base.img", data=b"/dev/sda")
    assert told(host, path) == ("base.img", "/dev/sda")
    qcow2(path, data=b"")
    assert told(host, path) == ("", "?"), "it is said to be there"
    qcow2(path, backing=b"x", place=1 << 40)
    assert told(host, path) == ("?", "")
    path.write_bytes(b"raw" * 100)
    assert told(host, path) == ("", "")


def test_as_qemu_writes_it(tmp_path: Path) -> None:
    """The judge is qemu-img."""
    (tmp_path / "base.img").write_bytes(bytes(1 << 20))
    host = captured(str(tmp_path))
    for words, wanted in (
        (["-b", "base.img", "-F", "raw", "d.qcow2"], ("base.img", "")),
        (["-o", "data_file=d.raw", "d.qcow2", "1M"], ("", "d.raw")),
        (["d.qcow2", "1M"], ("", "")),
    ):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *words], check=True, cwd=tmp_path)
        assert told(host, tmp_path / "d.qcow2") == wanted


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(head=st.binary(max_size=300))
def test_a_broken_image_breaks_nothing(host: Host, head: bytes) -> None:
    path = Path(host.root, "d.qcow2")
    path.write_bytes(b"QFI\xfb\0\0\0\3" + head)
    assert all(len(each) <= 1023 for each in told(host, path))


def test_what_an_image_names_is_said(host: Host) -> None:
    path = Path(host.root, "a b.qcow2")
    qcow2(path, backing=b"json:{\x1b[31m}", data=b"/dev/sda")
    said = warnings(host, Disk("/a b.qcow2", False, "qcow2", "scsi"))
    assert len(said) == 2 and "backing file, json:" in said[0] and "data in /dev/sda" in said[1]
    assert all("qemu-img info '/a b.qcow2'" in each for each in said)
    assert warnings(host, Disk("/new.qcow2", False, "qcow2", "scsi", create=1 << 30)) == []
