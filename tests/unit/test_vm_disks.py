"""The disk of a machine: made on real files, taken back when unused, and never written over."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from vdesk.changes.disks import CreateDisk, RemoveDisk
from vdesk.host import Host, this_machine
from vdesk.host.runner import LocalRunner
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


@pytest.mark.parametrize(("kind", "works"), [("btrfs", True), ("btrfs", False), ("ext4", True)])
def test_no_copy_on_write_on_btrfs(tmp_path: Path, kind: str, works: bool) -> None:
    """Asked for while the file is empty, since later it has no effect; a filesystem that refuses hinders nothing."""
    heard: list[str] = []
    root, programs = tmp_path / "root", tmp_path / "bin"
    (root / "srv/vm").mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    mounts = f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:30 / /srv rw - {kind} /dev/sdb1 rw\n"
    (root / "proc/self/mountinfo").write_text(mounts + "3 1 0:31 / /srv/v rw - xfs /dev/sdc1 rw\n")
    programs.mkdir()
    answer = f'echo "$1" "$(stat -c %s "{root}$2")" >> {root}/said; {"exit 0" if works else "echo no >&2; exit 1"}'
    for name, text in (("chattr", answer), ("fallocate", f'truncate -s "$2" "{root}$3"')):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    host = Host(str(root), LocalRunner([str(programs), "/usr/bin", "/bin"]))
    assert CreateDisk("srv/vm/w.img", MIB, "raw").apply(host, heard.append)
    assert (root / "srv/vm/w.img").stat().st_size == MIB
    said = root / "said"
    assert (said.read_text() if said.exists() else "") == ("+C 0\n" if kind == "btrfs" else "")
    assert any("slower on btrfs" in each for each in heard) is not works


def test_a_disk_whose_place_is_taken_while_it_is_made(tmp_path: Path) -> None:
    """In a folder of a user's, who puts a link to root's file in its place: the program does not get to that."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    swap = f'rm {tmp_path}/w.img; ln -s precious {tmp_path}/w.img; truncate -s "$2" "$3"; echo it is bad >&2; exit 1'
    (tmp_path / "bin/fallocate").write_text(f"#!/bin/sh\n{swap}\n")
    (tmp_path / "bin/fallocate").chmod(0o755)
    host = Host("/", LocalRunner([str(tmp_path / "bin"), "/usr/bin", "/bin"]))
    with pytest.raises(VdeskError) as caught:
        CreateDisk(f"{tmp_path}/w.img"[1:], MIB, "raw").apply(host, quiet)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert caught.value.problems[0].what == f"fallocate -l {MIB} {tmp_path}/w.img failed with exit code 1"
