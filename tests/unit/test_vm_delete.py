"""`vdesk delete`: what goes, what stays, and what the journal and the hook knew of the machine."""

from __future__ import annotations

import re
import subprocess
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
from vdesk.model.errors import Denied, Refused
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


ANSWERS = """<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"/></unattend>"""


@pytest.mark.parametrize("disks", [False, True])
def test_the_answers_go_always(host: Host, tmp_path: Path, disks: bool) -> None:
    """They hold a password, and a later machine of that name has answers of its own. What undo brings back is a machine
    with an empty drive."""
    root = Path(host.root)
    (root / "a.xml").write_text(ANSWERS)
    (root / IMAGES / "un.img").write_bytes(b"windows")
    uri = own_driver(tmp_path, host)
    request = Request("un", f"/{IMAGES}/Win10.iso", os="win10", unattended="/a.xml", disk=f"/{IMAGES}/un.img")
    assert run(vm.create(host, request, uri), host, YES).exit_code == 0
    answers = root / IMAGES / "un-unattended.iso"
    assert answers.exists()
    plan = vm_delete.delete(host, connect(host, uri), "un", disks=disks)
    removed = ["disk-removal"] if disks else []
    assert [change.kind for change in plan.changes] == ["undefine", *removed, "answers-removal"]
    assert "it holds a password" in " ".join(plan.final) and run(plan, host, YES).exit_code == 0
    assert not answers.exists()
    if disks:
        return
    assert undoing.undo(host, None, False, YES).exit_code == 0
    back = connect(host, uri).find("un")
    assert back and f"path='/{IMAGES}/un-unattended.iso' answers='yes'" in back.xml.replace('"', "'")
    assert f"file='/{IMAGES}/un-unattended.iso'" not in back.xml and back.xml.count("device='cdrom'") == 3
    assert undoing.undo(host, None, True, YES).exit_code == 0 and connect(host, uri).find("un") is None
    assert run(vm.create(host, request, uri), host, YES).exit_code == 0, "the name is free again"


def test_answers_that_are_in_no_drive_go_too_and_those_of_another_stay(host: Host, tmp_path: Path) -> None:
    root = Path(host.root)
    (root / "a.xml").write_text(ANSWERS)
    (root / IMAGES / "un.img").write_bytes(b"windows")
    uri = own_driver(tmp_path, host)
    request = Request("un", f"/{IMAGES}/Win10.iso", os="win10", unattended="/a.xml", disk=f"/{IMAGES}/un.img")
    assert run(vm.create(host, request, uri), host, YES).exit_code == 0
    libvirt = connect(host, uri)
    found = libvirt.find("un")
    assert found
    libvirt.undefine("un")
    libvirt.define(found.xml.replace(f"<source file='/{IMAGES}/un-unattended.iso'/>", ""))
    assert [each.kind for each in vm_delete.delete(host, libvirt, "un", disks=False).changes][1:] == ["answers-removal"]
    other = found.xml.replace("<name>un<", "<name>other<").replace(found.uuid, "11111111-2222-4333-8444-555555555555")
    libvirt.define(re.sub("<mac address=[^<>]*/>|<nvram[^<>]*>[^<>]*</nvram>", "", other))
    assert [each.kind for each in vm_delete.delete(host, libvirt, "un", disks=False).changes] == ["undefine"]


def test_left_over_answers_are_told_as_such(host: Host, tmp_path: Path) -> None:
    (Path(host.root) / "a.xml").write_text(ANSWERS)
    (Path(host.root) / IMAGES / "un-unattended.iso").write_bytes(b"old")
    request = Request("un", f"/{IMAGES}/Win10.iso", os="win10", unattended="/a.xml")
    with pytest.raises(Refused) as caught:
        vm.create(host, request, own_driver(tmp_path, host))
    found = caught.value.problems[0]
    assert found.id == "vm.disk-exists" and "sudo rm" in found.remedy and "--disk" not in found.remedy


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


OTHER = (
    "<domain type='test'><name>other</name><memory>1024</memory><os><type>hvm</type></os><devices><disk type='file'>"
    "<source file='{}'/><target dev='vda'/></disk></devices></domain>"
)
WAYS = [
    ["-b", "{base}"],
    ["-b", "hoth.img"],
    ["-b", 'json:{{"driver":"raw","file":{{"driver":"file","filename":"{base}"}}}}'],
    ["-b", "file:{base}"],
    ["-b", "linked/hoth.img"],
]


@pytest.mark.parametrize("way", WAYS, ids=[each[1] for each in WAYS])
@pytest.mark.parametrize("deep", [False, True])
def test_what_anothers_image_builds_on_stays(host: Host, uri: str, way: list[str], deep: bool) -> None:
    """Its guest's disk would be lost with it, and the definition names the overlay alone."""
    folder = Path(host.root) / IMAGES
    (folder / "hoth.img").write_bytes(bytes(1 << 20))
    (folder / "linked").symlink_to(".")
    options = [word.format(base=f"/{IMAGES}/hoth.img") for word in way]
    names = ["middle.qcow2", "top.qcow2"] if deep else ["top.qcow2"]
    for name in names:
        words = [*options, "-F", "raw"] if name == names[0] else ["-b", names[0], "-F", "qcow2"]
        argv = ["qemu-img", "create", "-q", "-u", "-f", "qcow2", *words, str(folder / name), "1M"]
        subprocess.run(argv, check=True)
    libvirt = connect(host, uri)
    libvirt.define(OTHER.format(f"/{IMAGES}/top.qcow2"))
    plan = vm_delete.delete(host, libvirt, "hoth", disks=True)
    assert [change.kind for change in plan.changes] == ["undefine"]
    assert plan.notes == [f"/{IMAGES}/hoth.img stays: /{IMAGES}/top.qcow2 of other builds on it"]
    (folder / "top.qcow2").unlink()
    assert len(vm_delete.delete(host, libvirt, "hoth", disks=True).changes) == 2


def test_the_data_of_anothers_image_stays(host: Host, uri: str) -> None:
    folder = Path(host.root) / IMAGES
    there = ["-o", f"data_file={folder}/hoth.img", str(folder / "top.qcow2"), "1M"]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *there], check=True)
    head = bytearray((folder / "top.qcow2").read_bytes())
    name = f"{folder}/hoth.img".encode()
    place = head.index(name)
    head[place : place + len(name)] = f"/{IMAGES}/hoth.img".encode().ljust(len(name), b"/")[: len(name)]
    head[place - 4 : place] = len(f"/{IMAGES}/hoth.img").to_bytes(4, "big")
    (folder / "top.qcow2").write_bytes(head)
    connect(host, uri).define(OTHER.format(f"/{IMAGES}/top.qcow2"))
    assert "builds on it" in vm_delete.delete(host, connect(host, uri), "hoth", disks=True).notes[0]


@pytest.mark.parametrize("end", [4, 8, 71, 72, 100, 103, 104, 120])
@pytest.mark.parametrize("fill", [0, 0xFF])
def test_a_damaged_header_breaks_nothing(host: Host, uri: str, end: int, fill: int) -> None:
    folder = Path(host.root) / IMAGES
    (folder / "hoth.img").write_bytes(b"x")
    (folder / "top.qcow2").write_bytes((b"QFI\xfb" + bytes([fill]) * 200)[:end])
    connect(host, uri).define(OTHER.format(f"/{IMAGES}/top.qcow2"))
    assert len(vm_delete.delete(host, connect(host, uri), "hoth", disks=True).changes) == 2


def test_an_image_that_cannot_be_read_may_build_on_it(host: Host, uri: str) -> None:
    folder = Path(host.root) / IMAGES
    (folder / "hoth.img").write_bytes(b"x")
    (folder / "top.qcow2").mkdir()
    connect(host, uri).define(OTHER.format(f"/{IMAGES}/top.qcow2"))
    plan = vm_delete.delete(host, connect(host, uri), "hoth", disks=True)
    assert len(plan.changes) == 1 and "cannot be read" in plan.notes[0]


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
