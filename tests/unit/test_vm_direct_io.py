"""cache=none needs O_DIRECT: asked of the file system where it is there to be asked, else known by its kind."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands.running import on
from tests.kernel.pieces import MOUNTINFO, mount
from tests.machines.builder import build
from tests.trees import difference, snapshot
from tests.unit.scenes import Edits, changed
from tests.unit.vm_cases import IMAGES
from vdesk.host import Host, this_machine
from vdesk.host.direct_io import takes_direct
from vdesk.host.runner import LocalRunner

OLD = f"{IMAGES}/old.img"


def opens(path: str, flags: int) -> bool:
    """Whether the kernel does it here."""
    try:
        os.close(os.open(path, flags | os.O_DIRECT, 0o600))
    except OSError:
        return False
    return True


def test_a_file_system_is_asked(tmp_path: Path, memory: Path) -> None:
    """Without a trace, and whatever the mount table says."""
    for folder in (tmp_path, memory):
        (folder / "proc/self").mkdir(parents=True)
        (folder / MOUNTINFO).write_text(mount("0:9", "/", "tmpfs", "tmpfs"))
        (folder / "there.img").write_bytes(bytes(4096))
        before = snapshot(folder)
        host = Host(str(folder), LocalRunner())
        assert takes_direct(host, "there.img") is opens(str(folder / "there.img"), os.O_RDONLY)
        if opens(str(folder), os.O_RDWR | os.O_TMPFILE):
            assert takes_direct(host, "new.img")
        assert not difference(before, snapshot(folder))


def test_one_that_has_none() -> None:
    assert takes_direct(this_machine(), "proc/version") is False
    assert takes_direct(this_machine(), "none/such.img") in (True, False)


@pytest.mark.parametrize(
    ("more", "edits", "driver"),
    [
        ((), {}, ("none", "native")),
        ((), {MOUNTINFO: mount("0:40", f"/{IMAGES}", "tmpfs", "tmpfs")}, ("writeback", "threads")),
        ((), {MOUNTINFO: mount("0:40", "/", "overlay", "overlay")}, ("none", "native")),
        ((), {MOUNTINFO: mount("0:40", "/run", "tmpfs", "tmpfs")}, ("none", "native")),
        (("--disk", f"/{OLD}"), {MOUNTINFO: mount("0:40", f"/{IMAGES}", "x", "ramfs")}, ("writeback", "threads")),
        (("--disk", "/dev/vg/win"), {MOUNTINFO: mount("0:40", "/", "x", "tmpfs")}, ("none", "native")),
    ],
)
def test_what_is_written(more: tuple[str, ...], edits: Edits, driver: tuple[str, str], memory: Path) -> None:
    root = build("debian", memory / "root")
    discs: Edits = {f"{IMAGES}/Win10.iso": "", f"{IMAGES}/virtio-win.iso": "", OLD: bytes(512)}
    with changed(root, {**discs, **edits}):
        ran = on(root, "create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "--gpu", "none", *more, "--print-xml")
    assert ran.code == 0, ran.err
    found = ElementTree.fromstring(ran.out).find("devices/disk[@device='disk']/driver")
    assert found is not None and (found.get("cache"), found.get("io")) == driver
    assert ("O_DIRECT" in ran.err) is (driver[0] != "none")
