"""Which device a machine means at an address: written by create, kept by attach and detach, read by the hook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.builder import build
from tests.unit.vm_cases import IMAGES, in_memory
from vdesk.changes.domain_devices import MARK, identity_in, mark_with
from vdesk.changes.executor import Mode, run
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import connect
from vdesk.host.libvirt_uri import allow
from vdesk.libvirt_hook.domain import Domain
from vdesk.model.address import Address
from vdesk.plans import vm
from vdesk.vm.defined import mark_without_install, read_defined
from vdesk.vm.spec import Request

CARD, SOUND = Address(0, 1, 0, 0), Address(0, 1, 0, 1)
OURS, ANOTHER = "10de:1402 1043:8591", "1002:744c 1043:0001"


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from in_memory()


@pytest.fixture
def host(folder: Path) -> Host:
    root = build("article-booted", folder / "machine")
    (root / IMAGES).mkdir(parents=True, exist_ok=True)
    for name in ("Win10.iso", "virtio-win.iso"):
        (root / IMAGES / name).write_bytes(b"")
    return captured(str(root))


def test_create_writes_what_is_meant(host: Host) -> None:
    xml = vm.create(host, Request("hoth", f"/{IMAGES}/Win10.iso"), "test:///default").data["xml"]
    known = Domain(xml.encode()).identities
    assert known == {str(CARD): OURS, str(SOUND): identity_in(xml, SOUND)} and known[str(SOUND)].startswith(
        "10de:0fba "
    )
    assert identity_in(xml, Address(0, 9, 0, 0)) == ""


def test_the_mark_of_a_defined_machine(host: Host, tmp_path: Path) -> None:
    """libvirt takes the element that attach and detach write, and the hook reads it; the rest of the mark stays."""
    node = "<node><domain type='test'><name>t</name><memory>8192</memory><os><type>hvm</type></os></domain>{}</node>"
    network = "<network><name>default</name><bridge name='virbr0'/></network>"
    (tmp_path / "node.xml").write_text(node.format(network))
    uri = f"test://{tmp_path}/node.xml"
    allow(host, uri)
    assert run(vm.create(host, Request("hoth", f"/{IMAGES}/Win10.iso"), uri), host, Mode(yes=True)).exit_code == 0
    libvirt = connect(host, uri)
    for known, expected in ((ANOTHER, {str(CARD): ANOTHER}), ("", {})):
        before = libvirt.find("hoth")
        assert before
        mark = mark_with(before.xml, CARD, known)
        assert mark
        libvirt.forget_install("hoth", mark, MARK)
        after = libvirt.find("hoth")
        assert after and identity_in(after.xml, CARD) == known
        found = Domain(after.xml.encode())
        assert found.marked and {at: ids for at, ids in found.identities.items() if at != str(SOUND)} == expected
        assert str(SOUND) in found.identities
        was, now = read_defined(before.xml), read_defined(after.xml)
        assert (now.made, now.install, now.gpu, now.os) == (was.made, was.install, was.gpu, was.os)
    assert SOUND in now.functions and mark_with("<domain/>", CARD, OURS) is None
    assert after and "device" in str(mark_without_install(after.xml)), "the first start keeps it"
