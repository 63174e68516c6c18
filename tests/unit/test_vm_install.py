"""The end of an unattended installation: once the guest's agent answers, the discs go, and the answers with them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.test_vm_golden import GOLDEN
from vdesk.changes.actions import Actions, act
from vdesk.changes.executor import Mode
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import AGENT, Domain
from vdesk.model.errors import Refused
from vdesk.plans import vm_install, vm_life
from vdesk.vm.defined import read_defined

XML = (GOLDEN / "unattended.xml").read_text(encoding="utf-8")
BEGUN = XML.replace('<vdesk:install key="enter" />', "")
"""Setup has begun: the first start has answered the disc."""
ANSWERS = "/var/lib/libvirt/images/hoth-unattended.iso"


@dataclass
class Daemon:
    """libvirt with one running machine, whose guest's agent answers or not."""

    answers: bool
    uri: str = "qemu:///system"
    mock: bool = False
    far: bool = False
    active: bool = True
    xml: str = XML
    changed: list[str] = field(default_factory=list)

    def find(self, name: str) -> Domain:
        return Domain(name, "0" * 36, "running" if self.active else "shut off", self.active, self.xml)

    def domains(self) -> list[Domain]:
        return [self.find("hoth")]

    def agent_answers(self, name: str) -> bool:
        return self.answers

    def destroy(self, name: str) -> None:
        self.active = False

    def shutdown(self, name: str) -> None:
        self.active = False

    def update(self, name: str, xml: str) -> None:
        assert not self.active, "a guest may have locked its drive"
        self.changed.append(xml)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    disc = tmp_path / ANSWERS[1:]
    disc.parent.mkdir(parents=True)
    disc.write_bytes(b"secret")
    return captured(str(tmp_path))


def stop(host: Host, daemon: Daemon, *, force: bool = False, installed: bool = False) -> Actions:
    return vm_life.stop(host, daemon, "hoth", force=force, installed=installed, seconds=5)  # type: ignore[arg-type]


def test_after_the_installation(host: Host) -> None:
    daemon = Daemon(answers=True)
    plan = stop(host, daemon)
    assert [step.kind for step in plan.steps] == ["stop", "eject", "eject", "eject", "remove"]
    assert act(plan, host, Mode(yes=True)).exit_code == 0
    assert not host.exists(ANSWERS[1:])
    drives = [each.split('dev="')[1][:3] for each in daemon.changed]
    assert drives == ["sdb", "sdc", "sdd"] and all("<source" not in each for each in daemon.changed)


def test_while_it_is_installed(host: Host) -> None:
    """The agent does not answer yet: the discs stay, and it is said what becomes of them."""
    daemon = Daemon(answers=False)
    plan = stop(host, daemon)
    assert [step.kind for step in plan.steps] == ["stop"] and any("holds a password" in each for each in plan.notes)
    assert act(plan, host, Mode(yes=True)).exit_code == 0
    assert host.exists(ANSWERS[1:]) and not daemon.changed


def test_a_guest_that_has_shut_itself_down(host: Host) -> None:
    """Nothing proves that Setup is done: it is said how to remove the answers, and done where a person says so."""
    daemon = Daemon(answers=False, active=False, xml=BEGUN)
    plan = stop(host, daemon)
    assert plan.steps == [] and "vdesk stop hoth --installed" in plan.notes[-1]
    plan = stop(host, daemon, installed=True)
    assert [step.kind for step in plan.steps] == ["eject", "eject", "eject", "remove"] and plan.ask
    assert act(plan, host, Mode(yes=True)).exit_code == 0
    assert not host.exists(ANSWERS[1:]) and len(daemon.changed) == 3
    daemon.xml = BEGUN.replace(f'<source file="{ANSWERS}" />', "")
    assert stop(host, daemon, installed=True).steps == [], "done is done"


def test_a_disc_that_a_person_took_out_of_its_drive(host: Host) -> None:
    """The file goes; the discs that are in the drives now are not vdesk's affair."""
    daemon = Daemon(answers=False, active=False, xml=BEGUN.replace(f'<source file="{ANSWERS}" />', ""))
    assert [step.kind for step in stop(host, daemon, installed=True).steps] == ["remove"]


def test_no_person_knows_before_the_first_start(host: Host) -> None:
    with pytest.raises(Refused) as caught:
        stop(host, Daemon(answers=False, active=False), installed=True)
    assert caught.value.problems[0].id == "vm.not-installed"


def test_the_power_is_taken_from_an_installed_guest(host: Host) -> None:
    daemon = Daemon(answers=True, xml=BEGUN)
    plan = stop(host, daemon, force=True)
    assert [step.kind for step in plan.steps] == ["stop", "eject", "eject", "eject", "remove"]
    assert act(plan, host, Mode(yes=True)).exit_code == 0 and not host.exists(ANSWERS[1:])
    plan = stop(host, Daemon(answers=False, xml=BEGUN), force=True)
    assert [step.kind for step in plan.steps] == ["stop"] and "--installed" in plan.notes[-1]


def test_a_machine_without_answers(host: Host) -> None:
    found = read_defined((GOLDEN / "defaults.xml").read_text(encoding="utf-8"))
    assert not vm_install.waits(found) and vm_install.said(host, found) == []
    ejected = read_defined(XML.replace(f'<source file="{ANSWERS}" />', ""))
    assert ejected.answers == ANSWERS and not vm_install.waits(ejected)


def test_the_start_of_an_installation_says_what_to_type(host: Host) -> None:
    plan = vm_life.start(host, Daemon(answers=False), "hoth")  # type: ignore[arg-type]
    assert any("FS0:" in each and "\\EFI\\BOOT\\BOOTX64" in each for each in plan.notes)


def test_the_start_of_an_installation_names_the_drivers_folder(host: Host) -> None:
    """Where nothing answers for the person; with answers, or once Setup has begun, nobody has to load a driver."""

    def said(xml: str) -> list[str]:
        plan = vm_life.start(host, Daemon(answers=False, xml=xml), "hoth")  # type: ignore[arg-type]
        return [each for each in plan.notes if "Load driver" in each]

    xml = (GOLDEN / "linux-no-card.xml").read_text(encoding="utf-8")
    assert said(xml) == []
    by_hand = XML.replace(f'<vdesk:disk path="{ANSWERS}" answers="yes" />', "")
    by_hand = re.sub("<hostdev.*?</hostdev>", "", by_hand, flags=re.DOTALL)
    assert len(said(by_hand)) == 1 and "vioscsi\\w10\\amd64 of /" in said(by_hand)[0]
    assert said(by_hand.replace('<vdesk:install key="enter" />', "")) == []


def test_show_tells_what_waits(host: Host) -> None:
    """What to type in the firmware's shell, and that the answers are still there; gone with them."""
    from vdesk.plans.vm_look import show
    from vdesk.render.views.vm import _notes

    daemon = Daemon(answers=False)
    notes = _notes(show(host, daemon, "hoth"))  # type: ignore[arg-type]
    assert len(notes) == 3 and "\\EFI\\BOOT\\BOOTX64" in notes[1] and "sudo vdesk stop hoth" in notes[2]
    daemon.xml = XML.replace(f'<source file="{ANSWERS}" />', "")
    assert len(_notes(show(host, daemon, "hoth"))) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(("state", "expected"), [(" state='connected'", True), (" state='disconnected'", False)])
def test_the_agent_is_told_from_the_live_definition(state: str, expected: bool) -> None:
    live = f"<channel><target type='virtio' name='org.qemu.guest_agent.0'{state}/><alias name='c0'/></channel>"
    assert bool(AGENT.search(live)) is expected
