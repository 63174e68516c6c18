"""A start whose memory is in too many pieces for huge pages: once without them, which is said; nothing is redefined."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.test_vm_golden import GOLDEN
from tests.unit.vm_cases import own_driver
from vdesk.changes.actions import act
from vdesk.changes.executor import Mode
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import Domain, Libvirt
from vdesk.libvirt_hook.memory import IN_PIECES
from vdesk.model.errors import VdeskError, problem
from vdesk.plans import vm_life
from vdesk.vm.defined import read_defined, without_hugepages

HOOK = f"Hook script execution failed: unexpected exit status 1: vdesk: {IN_PIECES}: 3 of 2048 pages of 2 MiB"
PLAIN = """<domain type='test'><name>hoth</name><uuid>6b1f8f5e-0000-4000-8000-000000000001</uuid>
<memory>1048576</memory>{}<os><type>hvm</type></os></domain>"""
HUGE = PLAIN.format("<memoryBacking><hugepages/><nosharepages/></memoryBacking>")


@dataclass
class Daemon:
    """libvirt, whose hook refuses a start with what it is told to."""

    refusal: str
    xml: str = HUGE
    uri: str = "qemu:///system"
    mock: bool = True
    far: bool = False
    started: list[str] = field(default_factory=list)

    def find(self, name: str) -> Domain:
        return Domain(name, "0" * 36, "shut off", False, self.xml)

    def start(self, name: str, *more: object) -> None:
        if self.refusal:
            raise VdeskError(problem("libvirt.refused", "libvirt refused: start hoth", self.refusal, "as shown"))
        self.started.append(self.xml)

    def start_once(self, name: str, edit: object, *more: object) -> None:
        assert callable(edit)
        self.started.append(edit(self.xml))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return captured(str(tmp_path))


def test_once_without_them(host: Host) -> None:
    daemon = Daemon(HOOK)
    report = act(vm_life.start(host, daemon, "hoth"), host, Mode(yes=True))  # type: ignore[arg-type]
    assert report.exit_code == 0 and report.notes[1].startswith("Warning: hoth runs without huge pages"), report
    assert daemon.started == [HUGE.replace("<hugepages/>", "")]


def test_with_them_nothing_is_said(host: Host) -> None:
    daemon = Daemon("")
    report = act(vm_life.start(host, daemon, "hoth"), host, Mode(yes=True))  # type: ignore[arg-type]
    assert daemon.started == [HUGE] and not any("huge pages" in each for each in report.notes)


@pytest.mark.parametrize(("refusal", "xml"), [("the disk is gone", HUGE), (HOOK, PLAIN.format(""))])
def test_other_reasons_are_told(refusal: str, xml: str, host: Host) -> None:
    daemon = Daemon(refusal, xml)
    report = act(vm_life.start(host, daemon, "hoth"), host, Mode(yes=True))  # type: ignore[arg-type]
    assert report.exit_code == 1 and report.errors[0].cause == refusal and not daemon.started


@pytest.mark.parametrize(
    "asked", ["<hugepages/>", "<hugepages />", "<hugepages>\n<page size='1' unit='G'/>\n</hugepages>"]
)
def test_nothing_else_is_changed(asked: str) -> None:
    xml = (GOLDEN / "everything.xml").read_text(encoding="utf-8")
    other = xml.replace("<hugepages />", asked)
    assert read_defined(other).hugepages
    assert without_hugepages(other) == xml.replace("<hugepages />", "")
    assert not read_defined(without_hugepages(other)).hugepages


def test_libvirt_keeps_the_definition(tmp_path: Path) -> None:
    """What runs is the edited one; what is defined asks for huge pages as before, and does so again after the end."""
    libvirt = Libvirt(own_driver(tmp_path))
    libvirt.define(HUGE)
    libvirt.start_once("hoth", without_hugepages, 20.0)
    found = libvirt.find("hoth")
    assert found and found.active and read_defined(found.xml).hugepages
    live = libvirt._conn.lookupByName("hoth").XMLDesc(0)
    assert not read_defined(live).hugepages and "<nosharepages/>" in live
    libvirt.destroy("hoth")
    found = libvirt.find("hoth")
    assert found and not found.active and read_defined(found.xml).hugepages
