"""Taking a created machine back: one that nobody used goes with its disk, one with a guest stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.vm_cases import IMAGES, own_driver, with_discs
from vdesk.changes import undoing
from vdesk.changes.domain import DefineDomain
from vdesk.changes.executor import Mode, run
from vdesk.host import Host
from vdesk.host.libvirt_conn import connect
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import Refused
from vdesk.model.report import Report
from vdesk.plans import vm
from vdesk.vm.spec import Request

YES = Mode(yes=True)
DISK = f"{IMAGES}/hoth.img"


@pytest.fixture
def host() -> Iterator[Host]:
    yield from with_discs("article-booted")


@pytest.fixture
def uri(tmp_path: Path, host: Host) -> str:
    """A test driver of this test's own, with hoth created in it, on a disk that was there."""
    address = own_driver(tmp_path, host)
    (Path(host.root) / DISK).write_bytes(bytes(512))
    request = Request("hoth", f"/{IMAGES}/Win10.iso", disk=f"/{DISK}")
    assert run(vm.create(host, request, address), host, YES).exit_code == 0
    return address


def started(host: Host, uuid: str) -> None:
    """What libvirt makes at the first start."""
    (Path(host.root) / f"var/lib/libvirt/swtpm/{uuid}/tpm2").mkdir(parents=True)


def test_a_machine_with_a_guest_stays(host: Host, uri: str) -> None:
    (Path(host.root) / DISK).write_bytes(b"windows")
    for everything in (False, True):
        back = undoing.undo(host, None, everything, YES)
        assert (back.exit_code, back.errors[0].id) == (5, "undo.vm-used"), back.errors
        assert connect(host, uri).find("hoth"), "its NVRAM and its TPM state would have gone with it"
    assert "vdesk delete hoth --disks" in back.errors[0].remedy and f"/{DISK}" in back.errors[0].what


def test_one_that_was_started_and_wrote_nothing_goes(host: Host, uri: str) -> None:
    found = connect(host, uri).find("hoth")
    assert found
    started(host, found.uuid)
    assert undoing.undo(host, None, True, YES).exit_code == 0
    assert connect(host, uri).find("hoth") is None


def test_what_goes_is_said_before(host: Host, uri: str) -> None:
    shown: list[Report] = []

    def no(report: Report) -> bool:
        shown.append(report)
        return False

    undoing.undo(host, None, False, Mode(ask=no))
    assert "its NVRAM and its TPM state" in shown[0].changes[0].diff
    assert "its NVRAM and its TPM state" in undoing.undo(host, None, False, Mode(dry_run=True)).changes[0].diff


@pytest.mark.parametrize(("kind", "exit_code"), [("file", 0), ("block", 0), ("block", 2)])
def test_a_disk_that_nobody_knew(host: Host, tmp_path: Path, kind: str, exit_code: int) -> None:
    """A disk that is not in the record: only a machine that was never started, or an empty device, may go."""
    uri, name = own_driver(tmp_path, host), {"file": "file", "block": "dev"}[kind]
    (Path(host.root) / DISK).write_bytes(b"something")
    connect(host, uri).define(
        f"<domain type='test'><name>hoth</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        f"<disk type='{kind}' device='disk'><source {name}='/{DISK}'/><target dev='sda'/></disk></devices></domain>"
    )
    found = connect(host, uri).find("hoth")
    assert found
    (tmp_path / "blkid").write_text(f"#!/bin/sh\nexit {exit_code}\n")
    (tmp_path / "blkid").chmod(0o755)
    record = {"name": "hoth", "uuid": found.uuid, "uri": uri}
    DefineDomain.can_undo(_with_programs(host, tmp_path), record)
    started(host, found.uuid)
    if exit_code:
        DefineDomain.can_undo(_with_programs(host, tmp_path), record)
        return
    with pytest.raises(Refused, match="stays"):
        DefineDomain.can_undo(_with_programs(host, tmp_path), record)


def _with_programs(host: Host, programs: Path) -> Host:
    """The same machine and the same libvirt, for a new command that finds blkid."""
    found = Host(host.root, LocalRunner([str(programs)]))
    found.memory["libvirt"] = host.memory["libvirt"]
    return found
