"""The disk of a machine: made on real files, taken back when unused, and never written over."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from vdesk.changes.disks import CreateDisk, RemoveDisk
from vdesk.host import this_machine
from vdesk.model.errors import Refused, VdeskError

MIB = 1 << 20


def quiet(text: str) -> None:
    """Hear no progress."""


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_a_disk_is_made_and_taken_back(tmp_path: Path, format: str) -> None:
    host, path = this_machine(), tmp_path / "w.img"
    change = CreateDisk(str(path)[1:], 4 * MIB, format)
    change.check(host)
    record = change.record(host)
    assert change.apply(host, quiet)
    change.verify(host)
    record |= change.done(host)
    found = path.stat()
    assert found.st_mode & 0o777 == 0o600
    if format == "raw":
        assert (found.st_size, found.st_blocks * 512) == (4 * MIB, 4 * MIB), "every block is taken"
    else:
        told = subprocess.run(["qemu-img", "info", str(path)], check=True, capture_output=True, text=True).stdout
        assert "virtual size: 4 MiB" in told and "lazy refcounts: true" in told
    CreateDisk.can_undo(host, record)
    CreateDisk.revert(host, record, quiet)
    assert not path.exists()
    CreateDisk.can_undo(host, record)
    CreateDisk.revert(host, record, quiet)


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    host, path = this_machine(), tmp_path / "w.img"
    path.write_bytes(b"mine")
    change = CreateDisk(str(path)[1:], MIB, "raw")
    for step in (change.check, lambda host: change.apply(host, quiet)):
        with pytest.raises(Refused) as caught:
            step(host)
        assert caught.value.problems[0].id == "vm.disk-exists"
    assert path.read_bytes() == b"mine"


def test_a_foreign_file_is_not_taken_back(tmp_path: Path) -> None:
    """The intent is written, then somebody else makes the file: undo must not remove what is theirs."""
    host, path = this_machine(), tmp_path / "w.img"
    record = CreateDisk(str(path)[1:], MIB, "raw").record(host)
    path.write_bytes(b"mine")
    path.chmod(0o644)
    with pytest.raises(Refused):
        CreateDisk.can_undo(host, record)


def test_a_used_disk_is_kept(tmp_path: Path) -> None:
    host, path = this_machine(), tmp_path / "w.img"
    change = CreateDisk(str(path)[1:], MIB, "raw")
    record = change.record(host)
    change.apply(host, quiet)
    record |= change.done(host)
    time.sleep(0.01)
    with open(path, "r+b") as file:
        file.write(b"partition table")
    with pytest.raises(Refused) as caught:
        CreateDisk.can_undo(host, record)
    assert caught.value.problems[0].id == "undo.disk-used"


def test_only_files_are_removed(tmp_path: Path) -> None:
    host = this_machine()
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    for name in ("link", "."):
        with pytest.raises(VdeskError):
            RemoveDisk(f"{str(tmp_path)[1:]}/{name}".removesuffix("/.")).check(host)
    change = RemoveDisk(f"{str(tmp_path)[1:]}/real")
    change.check(host)
    assert change.apply(host, quiet)
    with pytest.raises(Refused):
        RemoveDisk.can_undo(host, change.record(host))
    assert os.listdir(tmp_path) == ["link"]


def test_a_needed_disk_is_kept(tmp_path: Path) -> None:
    """undo goes on past a machine that still runs; its disk must not go."""
    host, path = this_machine(), tmp_path / "w.img"
    (tmp_path / "node.xml").write_text(
        "<node><domain type='test'><name>hoth</name><memory>1</memory><os><type>hvm</type></os></domain></node>"
    )
    for name, kept in (("hoth", True), ("gone", False)):
        change = CreateDisk(str(path)[1:], MIB, "raw", (name, f"test://{tmp_path}/node.xml"))
        record = change.record(host)
        change.apply(host, quiet)
        record |= change.done(host)
        if kept:
            with pytest.raises(Refused) as caught:
                CreateDisk.can_undo(host, record)
            assert caught.value.problems[0].id == "undo.disk-needed"
        else:
            CreateDisk.can_undo(host, record)
        path.unlink()
