"""`vdesk delete`: what goes, what stays, and what the journal and the hook knew of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trees import difference, snapshot
from tests.unit.vm_cases import IMAGES, own_driver, with_discs
from vdesk.changes import undoing
from vdesk.changes.executor import Mode, run
from vdesk.changes.firmware_words import FOLDER
from vdesk.changes.hook_guard import STATES
from vdesk.host import Host
from vdesk.host.libvirt_conn import connect
from vdesk.model.errors import Denied
from vdesk.plans import vm, vm_delete
from vdesk.vm.spec import Request

YES = Mode(yes=True)


@pytest.fixture
def host() -> Iterator[Host]:
    yield from with_discs("article-booted")


@pytest.fixture
def uri(tmp_path: Path, host: Host) -> str:
    """A test driver of this test's own, with hoth created in it."""
    address = own_driver(tmp_path, host)
    assert run(vm.create(host, Request("hoth", f"/{IMAGES}/Win10.iso"), address), host, YES).exit_code == 0
    return address


def test_nothing_is_left_to_take_back(host: Host, uri: str) -> None:
    """With its disk gone, neither the delete nor the create before it is an entry that undo stumbles over."""
    image = Path(host.root) / IMAGES / "hoth.img"
    image.write_bytes(b"windows")
    assert run(vm_delete.delete(host, connect(host, uri), "hoth", disks=True), host, YES).exit_code == 0
    assert not image.exists()
    assert [entry.state for entry in undoing.entries(host)] == ["undone", "settled"]
    back = undoing.undo(host, None, True, YES)
    assert (back.exit_code, connect(host, uri).find("hoth")) == (0, None)


def test_without_its_disks_it_can_be_taken_back(host: Host, uri: str) -> None:
    image = Path(host.root) / IMAGES / "hoth.img"
    image.write_bytes(b"windows")
    before = snapshot(Path(host.root) / "var/lib/libvirt")
    plan = vm_delete.delete(host, connect(host, uri), "hoth", disks=False)
    assert plan.notes == [f"/{IMAGES}/hoth.img stays: it is removed only with --disks"]
    assert run(plan, host, YES).exit_code == 0
    assert not difference(before, snapshot(Path(host.root) / "var/lib/libvirt"))
    assert undoing.undo(host, None, False, YES).exit_code == 0
    assert connect(host, uri).find("hoth")


def test_what_the_hook_wrote_down_goes_too(host: Host, uri: str) -> None:
    found = connect(host, uri).find("hoth")
    assert found
    state = Path(host.root) / STATES / f"{found.uuid}.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"functions": {"0000:01:00.0": {"driver": "nouveau"}}, "modules": [], "services": []}')
    plan = vm_delete.delete(host, connect(host, uri), "hoth", disks=False)
    assert [change.kind for change in plan.changes] == ["undefine", "file"]
    assert any("vdesk unbind 0000:01:00.0" in sentence for sentence in plan.final)
    assert run(plan, host, YES).exit_code == 0 and not state.exists()


def test_a_devices_content_is_never_touched(host: Host, uri: str) -> None:
    """A disk that is a link, a folder or a block device by the definition stays, with the reason."""
    image = Path(host.root) / IMAGES / "hoth.img"
    image.symlink_to("elsewhere.img")
    (image.parent / "elsewhere.img").write_bytes(b"mine")
    plan = vm_delete.delete(host, connect(host, uri), "hoth", disks=True)
    assert [change.kind for change in plan.changes] == ["undefine"] and "no regular file" in plan.notes[0]
    libvirt = connect(host, uri)
    found = libvirt.find("hoth")
    assert found
    text = found.xml.replace("type='file' device='disk'", "type='block' device='disk'").replace(
        "file='/var", "dev='/var"
    )
    libvirt.undefine("hoth")
    libvirt.define(text)
    image.unlink()
    image.write_bytes(b"device")
    plan = vm_delete.delete(host, libvirt, "hoth", disks=True)
    assert [change.kind for change in plan.changes] == ["undefine"] and "empties no device" in plan.notes[0]


def said(host: Host, *names: str) -> list[Path]:
    """Files of words, as libvirt and virtlogd make them."""
    found = [Path(host.root) / FOLDER / name for name in names]
    for place in found:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"BdsDxe: loading\xff\n")
    return found


def test_what_its_firmware_said_goes_too(host: Host, uri: str) -> None:
    """Libvirt keeps it since vdesk's definition says so; other machines', links and folders are not touched."""
    mine = said(host, "hoth.firmware", "hoth.firmware.0")
    others = said(host, "hoth.log", "hoth2.firmware", "hoth.firmware.old", "hothxfirmware")
    link = others[0].parent / "hoth.firmware.1"
    link.symlink_to("hoth.log")
    plan = vm_delete.delete(host, connect(host, uri), "hoth", disks=False)
    assert [change.kind for change in plan.changes] == ["undefine", "firmware-words"]
    assert "/var/log/libvirt/qemu/hoth.firmware.0" in plan.changes[1].summary
    assert run(plan, host, YES).exit_code == 0
    assert not any(each.exists() for each in mine) and all(each.exists() for each in others) and link.is_symlink()
    assert undoing.undo(host, None, False, YES).exit_code == 0 and connect(host, uri).find("hoth")


def test_undo_of_the_creation_takes_it_too(host: Host, uri: str) -> None:
    (mine,) = said(host, "hoth.firmware")
    assert undoing.undo(host, None, True, YES).exit_code == 0
    assert not mine.exists() and mine.parent.exists()


def test_what_was_there_before_the_creation_stays(host: Host, uri: str) -> None:
    (older,) = said(host, "endor.firmware")
    assert run(vm.create(host, Request("endor", f"/{IMAGES}/Win10.iso"), uri), host, YES).exit_code == 0
    assert undoing.undo(host, None, True, YES).exit_code == 0 and older.exists()


def test_what_may_not_be_removed_is_no_error(host: Host, uri: str) -> None:
    class ReadOnly(Host):
        def remove(self, path: str) -> None:
            if path.endswith(".firmware"):
                raise Denied("/" + path, "Read-only file system (EROFS)")
            super().remove(path)

    (mine,) = said(host, "hoth.firmware")
    closed = ReadOnly(host.root, host.runner)
    closed.memory = host.memory
    told: list[str] = []
    mode = Mode(yes=True, progress=told.append)
    assert run(vm_delete.delete(closed, connect(closed, uri), "hoth", disks=False), closed, mode).exit_code == 0
    assert mine.exists() and any("hoth.firmware stays: Read-only" in each for each in told)
    assert undoing.undo(closed, None, True, mode).exit_code == 0 and mine.exists()
