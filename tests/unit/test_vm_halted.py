"""`vdesk start` and `stop` of a machine that is on and does not run: told what it is, and at once. The states are those
of libvirt's test driver."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vdesk.changes.actions import act
from vdesk.changes.executor import Mode
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import Libvirt, connect
from vdesk.host.libvirt_uri import allow
from vdesk.model.errors import Refused
from vdesk.plans import vm_life

NODE = """<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>hoth</name>
<memory>8192</memory><os><type>hvm</type></os><test:runstate>{state}</test:runstate></domain></node>"""
PAUSED, CRASHED, RUNNING = 3, 6, 1
YES = Mode(yes=True)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return captured(str(tmp_path))


def libvirt_with(host: Host, state: int) -> Libvirt:
    """libvirt with one machine, hoth, in that state."""
    node = Path(host.root) / "node.xml"
    node.write_text(NODE.format(state=state))
    allow(host, f"test://{node}")
    return connect(host, f"test://{node}")


@pytest.mark.parametrize(("state", "word", "remedy"), [(PAUSED, "paused", "virsh resume hoth"),
                                                      (CRASHED, "crashed", "vdesk stop hoth --force")])  # fmt: skip
def test_halted(state: int, word: str, remedy: str, host: Host) -> None:
    libvirt = libvirt_with(host, state)
    found = libvirt.find("hoth")
    assert found and found.active and found.state == word
    with pytest.raises(Refused) as caught:
        vm_life.start(host, libvirt, "hoth")
    (told,) = caught.value.problems
    assert told.id == "vm.halted" and told.what.endswith(word) and remedy in told.remedy
    begin = time.monotonic()
    report = act(vm_life.stop(host, libvirt, "hoth", force=False, seconds=20), host, YES)
    assert time.monotonic() - begin < 10, "nobody waits for a machine that hears nothing"
    assert report.exit_code == 1 and vm_life.still_running(report) and word in report.errors[0].what
    assert remedy in report.errors[0].remedy
    assert act(vm_life.stop(host, libvirt, "hoth", force=True), host, YES).exit_code == 0


def test_running(host: Host) -> None:
    libvirt = libvirt_with(host, RUNNING)
    assert vm_life.start(host, libvirt, "hoth").notes[0] == "hoth is running already."
    assert act(vm_life.stop(host, libvirt, "hoth", force=False, seconds=20), host, YES).exit_code == 0
