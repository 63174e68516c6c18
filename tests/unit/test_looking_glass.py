"""`create --looking-glass`: the shared memory is the client's user's and QEMU's, now and at every boot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trees import difference, snapshot
from tests.unit.vm_cases import IMAGES, own_driver, with_discs
from vdesk.changes import undoing
from vdesk.changes.executor import Mode, run
from vdesk.host import Host
from vdesk.host.libvirt_conn import connect
from vdesk.plans import vm, vm_delete
from vdesk.plans.looking_glass import PATH
from vdesk.vm.spec import Request

YES = Mode(yes=True)


@pytest.fixture
def host() -> Iterator[Host]:
    yield from with_discs("debian")


@pytest.fixture
def uri(tmp_path: Path, host: Host) -> str:
    return own_driver(tmp_path, host)


def create(host: Host, name: str, uri: str) -> list[tuple[str, str]]:
    plan = vm.create(host, Request(name, f"/{IMAGES}/Win10.iso", looking_glass="2560x1440", gpu="none"), uri)
    report = run(plan, host, YES)
    assert report.exit_code == 0, report.errors
    return [(each.kind, each.state) for each in report.changes]


def test_the_file_of_the_last_machine_goes_with_it(host: Host, uri: str) -> None:
    before = snapshot(Path(host.root) / "etc")
    assert create(host, "one", uri)[:2] == [("file", "done"), ("command", "skipped")]
    assert host.text(PATH).splitlines()[-1] == "f /dev/shm/looking-glass 0660 user kvm -"
    assert create(host, "two", uri)[0][0] == "disk", "it is there already"
    for name, stays in (("one", True), ("two", False)):
        assert run(vm_delete.delete(host, connect(host, uri), name, disks=True), host, YES).exit_code == 0
        assert host.exists(PATH) is stays
    assert undoing.undo(host, None, True, YES).exit_code == 0
    assert not difference(before, snapshot(Path(host.root) / "etc"))


def test_undo_gives_it_back(host: Host, uri: str) -> None:
    before = snapshot(Path(host.root) / "etc")
    create(host, "one", uri)
    assert undoing.undo(host, None, True, YES).exit_code == 0
    assert not difference(before, snapshot(Path(host.root) / "etc"))


def test_a_file_of_a_persons_own_is_enough(host: Host, uri: str) -> None:
    own = Path(host.root) / "etc/tmpfiles.d/10-looking-glass.conf"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("f /dev/shm/looking-glass 0660 me kvm -\n")
    assert create(host, "one", uri)[0][0] == "disk" and not host.exists(PATH)


def test_nobody_to_give_it_to(host: Host, uri: str) -> None:
    (Path(host.root) / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    plan = vm.create(host, Request("one", f"/{IMAGES}/Win10.iso", looking_glass="2560x1440", gpu="none"), uri)
    assert any("could not be told" in each for each in plan.intro)
    assert "file" not in [each.kind for each in plan.changes]
