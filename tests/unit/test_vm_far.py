"""`--connect` to another host: what its libvirt tells is shown, and nothing of this machine decides about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.machines.builder import build
from tests.unit.test_vm_golden import GOLDEN
from vdesk.changes.actions import act
from vdesk.changes.choices import Choices
from vdesk.changes.executor import Mode
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import Domain, is_far
from vdesk.model.address import parse_address
from vdesk.model.errors import NeedsRoot, Refused
from vdesk.plans import vm, vm_attach, vm_delete, vm_life, vm_look
from vdesk.plans.setup import setup
from vdesk.vm.spec import Request

URI = "qemu+ssh://root@tower/system"
XML = (GOLDEN / "unattended.xml").read_text(encoding="utf-8")
NODE = """<device><name>pci_{0}</name><driver><name>vfio-pci</name></driver><capability type='pci'>
<product id='0x1402'>GM206</product><vendor id='0x10de'>NVIDIA Corporation</vendor></capability></device>"""
CAPABILITIES = """<capabilities><host><topology><cells num='1'><cell id='0'><cpus num='4'>
<cpu id='0' socket_id='0' core_id='0' siblings='0,2'/><cpu id='1' socket_id='0' core_id='1' siblings='1,3'/>
<cpu id='2' socket_id='0' core_id='0' siblings='0,2'/><cpu id='3' socket_id='0' core_id='1' siblings='1,3'/>
</cpus></cell></cells></topology><cache><bank id='0' level='3' type='both' size='8' unit='MiB' cpus='0-3'/></cache>
</host></capabilities>"""


@dataclass
class Tower:
    """libvirt on another host, with one machine."""

    uri: str = URI
    mock: bool = False
    active: bool = False
    far: bool = True
    done: list[str] = field(default_factory=list)

    def find(self, name: str) -> Domain | None:
        return Domain("hoth", "0" * 36, "running" if self.active else "shut off", self.active, XML)

    def domains(self) -> list[Domain]:
        return [Domain("hoth", "0" * 36, "running" if self.active else "shut off", self.active, XML)]

    def node_device(self, name: str) -> str | None:
        return NODE.format(name) if name.endswith("_0") else None

    def capabilities(self) -> str:
        return CAPABILITIES

    def network(self, name: str) -> tuple[bool, bool]:
        return True, True

    def start(self, name: str, seconds: float, waiting: object) -> None:
        self.active = True
        self.done.append("start")

    def press_enter(self, name: str) -> None:
        raise KeyboardInterrupt

    def forget_install(self, name: str, mark: str, uri: str) -> None:
        self.done.append("forget")

    def shutdown(self, name: str) -> None:
        self.active = False

    def destroy(self, name: str) -> None:
        self.active = False
        self.done.append("destroy")

    def agent_answers(self, name: str) -> bool:
        return True


@pytest.fixture
def here(tmp_path: Path) -> Host:
    """A machine that has files of the same names, and none of the devices."""
    root = build("empty", tmp_path / "here")
    for name in ("hoth.img", "hoth-unattended.iso"):
        file = root / "var/lib/libvirt/images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    return captured(str(root))


def kept(host: Host) -> bool:
    return host.names("var/lib/libvirt/images") == ["hoth-unattended.iso", "hoth.img"]


@pytest.mark.parametrize(
    ("uri", "far"),
    [
        ("qemu:///system", False),
        ("qemu:///session", False),
        ("qemu+unix:///system", False),
        ("test:///default", False),
        (URI, True),
        ("qemu+tls://tower/system", True),
        ("qemu+ssh://user@[::1]:22/system", True),
    ],
)
def test_which_addresses_are_far(uri: str, far: bool) -> None:
    assert is_far(uri) == far


def test_its_devices_and_cores(here: Host) -> None:
    tower: Any = Tower()
    (row,) = vm_look.machines(here, tower)
    first = row["devices"][0]
    assert (first["name"], first["driver"], first["machine"]) == ("NVIDIA Corporation GM206", "vfio-pci", None)
    assert {each["name"] for each in row["devices"][1:]} <= {"not there"}
    tower.active = True
    assert vm_look.machines(here, tower)[0]["devices"][0]["machine"] == "hoth"
    cores = vm_look.cpu_map(here, tower, "hoth")["cores"]
    assert [(core["cpus"], core["cache"], core["node"]) for core in cores] == [([0, 2], 0, 0), ([1, 3], 0, 0)]


def test_started_and_stopped(here: Host) -> None:
    """Its files are not looked for here, and the answers of an installation there are no file of this machine."""
    tower: Any = Tower()
    plan = vm_life.start(here, tower, "hoth")
    assert plan.intro == [f"Not looked at: devices, memory and files, for they are on another machine ({URI})."]
    assert act(plan, here, Mode(yes=True)).exit_code == 0 and tower.done[0] == "start"
    notes = " ".join(plan.notes)
    assert f"virt-viewer -c {URI}" in notes and "on that machine: sudo vdesk doctor hoth" in notes
    ended = vm_life.stop(here, tower, "hoth", force=False, seconds=5)
    assert [step.kind for step in ended.steps] == ["stop"]
    assert act(ended, here, Mode(yes=True)).exit_code == 0 and not tower.active and kept(here)


class WithoutRights(Host):
    """This machine, for a user who is not root."""

    @property
    def needs_root(self) -> bool:
        return True


def test_its_power_is_taken_without_root_here(here: Host) -> None:
    """What changes is the other machine, and who may do that is decided there."""
    tower: Any = Tower(active=True)
    user = WithoutRights(here.root, here.runner)
    plan = vm_life.stop(user, tower, "hoth", force=True)
    assert plan.ask and act(plan, user, Mode(yes=True)).exit_code == 0 and tower.done == ["destroy"]
    tower.far, tower.active = False, True
    with pytest.raises(NeedsRoot):
        act(vm_life.stop(user, tower, "hoth", force=True), user, Mode(yes=True))


def test_deleted_without_a_file_of_this_machine(here: Host) -> None:
    tower: Any = Tower()
    plan = vm_delete.delete(here, tower, "hoth", disks=False)
    assert [change.kind for change in plan.changes] == ["undefine"]
    assert plan.notes and all(note.endswith("stays there") for note in plan.notes)
    with pytest.raises(Refused) as refused:
        vm_delete.delete(here, tower, "hoth", disks=True)
    assert refused.value.problems[0].id == "vm.far" and kept(here)


def test_setup_keeps_nothing_of_what_it_refuses(here: Host) -> None:
    with pytest.raises(Refused) as refused:
        setup(here, Choices(gpu="0000:01:00.0"), Mode(yes=True), None, lambda host: [], URI)
    assert refused.value.problems[0].id == "vm.far" and not here.exists("var/lib/vdesk")


def test_what_is_decided_there(here: Host) -> None:
    tower: Any = Tower()
    with pytest.raises(Refused) as made:
        vm.create(here, Request("new", "/win10.iso"), URI, dry_run=True)
    with pytest.raises(Refused) as given:
        vm_attach.attach(here, tower, "hoth", parse_address("01:00.0"))
    for error in (made.value, given.value):
        assert error.problems[0].id == "vm.far" and "tower" in error.problems[0].what
