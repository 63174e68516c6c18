"""attach and detach one function of a card after another: what the machine has counts, and the card stays one card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import tostring

import pytest

from tests.libvirt_embed import Embedded
from tests.short import short_folder
from tests.unit.fragments import Fragments, with_fragments
from tests.unit.test_vm_golden import GOLDEN
from tests.unit.vm_cases import IMAGES, with_discs
from vdesk.changes import undoing
from vdesk.changes.actions import act
from vdesk.changes.domain_devices import fragment_of
from vdesk.changes.executor import Mode, run
from vdesk.host import Host
from vdesk.model.address import Address
from vdesk.model.errors import Refused
from vdesk.model.report import Report
from vdesk.plans import vm, vm_attach, vm_life, vm_look
from vdesk.vm.answer_disc import answer_disc
from vdesk.vm.answer_file import Wanted, answer_file
from vdesk.vm.defined import placed, read_defined
from vdesk.vm.devices_xml import hotplug_hostdev
from vdesk.vm.layout import join
from vdesk.vm.spec import Request

YES = Mode(yes=True)
CARD, SOUND, USB = Address(0, 1, 0, 0), Address(0, 1, 0, 1), Address(0, 2, 0, 0)
NVME, IDE = "sys/bus/pci/devices/0000:02:00.0/class", "0x010802\n"


@pytest.fixture
def host() -> Iterator[Host]:
    yield from with_discs("debian")


@pytest.fixture
def libvirt(host: Host, tmp_path: Path) -> Fragments:
    return with_fragments(host, tmp_path)


def create(host: Host, libvirt: Fragments, **more: object) -> None:
    wanted = Request("hoth", f"/{IMAGES}/Win10.iso", **more)  # type: ignore[arg-type]
    assert run(vm.create(host, wanted, libvirt.uri), host, YES).exit_code == 0


def attach(host: Host, libvirt: Fragments, *addresses: Address) -> Report:
    for address in addresses:
        report = run(vm_attach.attach(host, libvirt, "hoth", address), host, YES)
        assert report.exit_code == 0, report.errors
    return report


def detach(host: Host, libvirt: Fragments, *addresses: Address) -> None:
    for address in addresses:
        assert run(vm_attach.detach(libvirt, "hoth", address), host, YES).exit_code == 0


def xml(libvirt: Fragments) -> str:
    found = libvirt.find("hoth")
    assert found
    return found.xml


def shape(libvirt: Fragments) -> dict[Address, tuple[int, int]]:
    """Function of the host -> bus and function in the guest."""
    return {host: (guest.bus, guest.function) for host, guest in placed(xml(libvirt)).items()}


# --- round and back


def test_the_card_leaves_and_comes_back(host: Host, libvirt: Fragments) -> None:
    """Its sound is with the machine, so it does not stay in the group; the card is where it was in the guest."""
    create(host, libvirt)
    before = shape(libvirt)
    detach(host, libvirt, CARD)
    attach(host, libvirt, CARD)
    assert shape(libvirt) == before == {CARD: (1, 0), SOUND: (1, 1)}
    assert xml(libvirt).count("multifunction='on'") == 1


def test_a_stranger_in_the_group_is_still_refused(host: Host, libvirt: Fragments) -> None:
    create(host, libvirt, gpu="none")
    with pytest.raises(Refused) as told:
        vm_attach.attach(host, libvirt, "hoth", CARD)
    assert [each.id for each in told.value.problems] == ["rule.group"] and "vdesk bind" in told.value.problems[0].remedy


def test_bound_functions_become_one_card(host: Host, libvirt: Fragments) -> None:
    """After `vdesk bind` each is given; libvirt has the first function say that there are more."""
    create(host, libvirt, gpu="none")
    bound(host, CARD, SOUND)
    report = attach(host, libvirt, CARD, SOUND)
    assert shape(libvirt) == {CARD: (1, 0), SOUND: (1, 1)} and "multifunction='on'" in xml(libvirt)
    assert any("<memballoon model='none'/>" in each for each in report.notes)


def test_the_sound_first(host: Host, libvirt: Fragments) -> None:
    create(host, libvirt, gpu="none")
    bound(host, CARD, SOUND)
    report = attach(host, libvirt, SOUND, CARD)
    assert shape(libvirt) == {SOUND: (1, 0), CARD: (1, 1)}
    assert any("is function 1 of its card" in each for each in report.notes)


def test_what_has_no_card_beside_it_gets_a_port(host: Host, libvirt: Fragments) -> None:
    create(host, libvirt)
    report = attach(host, libvirt, USB)
    assert shape(libvirt)[USB] == (2, 0) and libvirt.live == [True]
    assert not [each for each in report.notes if "balloon" in each]


def test_a_running_machine_gets_a_cards_function_at_its_next_start(host: Host, libvirt: Fragments) -> None:
    create(host, libvirt)
    detach(host, libvirt, SOUND)
    bound(host, CARD, SOUND)
    assert act(vm_life.start(host, libvirt, "hoth"), host, YES).exit_code == 0
    report = attach(host, libvirt, SOUND)
    assert libvirt.live == [False, False] and any("at its next start" in each for each in report.notes)
    assert undoing.undo(host, None, False, YES).exit_code == 0
    assert libvirt.live == [False] * 3 and SOUND not in shape(libvirt)


def test_a_running_machine_keeps_a_cards_function_until_its_end(host: Host, libvirt: Fragments) -> None:
    """libvirt unplugs none of several in a slot, and undo could plug none in; another device leaves at once."""
    create(host, libvirt, devices=(USB,))
    bound(host, CARD, SOUND, USB)
    assert act(vm_life.start(host, libvirt, "hoth"), host, YES).exit_code == 0
    for address, live in ((CARD, False), (USB, True)):
        plan = vm_attach.detach(libvirt, "hoth", address)
        assert bool([each for each in plan.notes if "until it is off" in each]) is not live
        assert run(plan, host, YES).exit_code == 0
        assert libvirt.live[-1] is live


@pytest.fixture
def driver() -> Iterator[Embedded]:
    with short_folder() as folder:
        yield Embedded(folder)


def test_the_real_driver_takes_the_fragments(tmp_path: Path, driver: Embedded) -> None:
    """Round and back, and a card that is given function by function: it turns multifunction on by itself."""
    golden = (GOLDEN / "defaults.xml").read_text(encoding="utf-8")
    text = golden if driver.kvm else golden.replace('<domain type="kvm">', '<domain type="qemu">')

    def do(command: str, xml: str) -> str:
        (tmp_path / "piece.xml").write_text(xml, encoding="utf-8")
        ran = driver.virsh(f"{command.format(tmp_path / 'piece.xml')}; dumpxml hoth --inactive")
        assert ran.returncode == 0, ran.stderr
        return ran.stdout[ran.stdout.index("<domain") :]

    now = do("define {}", text)
    now = do("detach-device hoth {} --config", fragment_of(now, CARD) or "")
    for address in (CARD, USB, Address(0, 2, 0, 1)):
        piece = hotplug_hostdev(address, join(placed(now), address))
        now = do("attach-device hoth {} --config", tostring(piece, encoding="unicode"))
    found = placed(now)
    assert [found[each].function for each in (CARD, SOUND, USB, Address(0, 2, 0, 1))] == [0, 1, 0, 1]
    assert len({guest.slot_name for guest in found.values()}) == 2
    assert [each for each in found if 'multifunction="on"' in str(fragment_of(now, each))] == [CARD, USB]


def test_the_place_in_the_guest() -> None:
    guest = Address(0, 5, 0, 0)
    assert join({}, CARD) is None and join({USB: guest}, CARD) is None
    assert join({SOUND: guest}, CARD) == Address(0, 5, 0, 1), "the number is taken"
    assert join({SOUND: Address(0, 5, 0, 1)}, CARD) == guest
    full = {Address(0, 1, 0, number): Address(0, 5, 0, number) for number in range(1, 8)}
    assert join({**full, Address(0, 9, 0, 0): guest}, CARD) is None


def test_a_slot_that_is_closed_to_others(host: Host, libvirt: Fragments) -> None:
    create(host, libvirt)
    assert SOUND not in placed(xml(libvirt).replace("multifunction='on'", "multifunction='off'"))


def bound(host: Host, *addresses: Address) -> None:
    """As `vdesk bind` leaves them."""
    for address in addresses:
        driver = Path(host.root, f"sys/bus/pci/devices/{address}/driver")
        driver.unlink(missing_ok=True)
        driver.symlink_to("../../../../bus/pci/drivers/vfio-pci")
    host.tree.forget()


# --- the mark


def test_the_card_is_named_while_the_machine_has_it(host: Host, libvirt: Fragments) -> None:
    create(host, libvirt)
    bound(host, CARD, SOUND)
    detach(host, libvirt, CARD)
    assert vm_look.machines(host, libvirt)[0]["gpu"] is None
    assert not [each for each in vm_life.start(host, libvirt, "hoth").notes if "the monitor at the card" in each]
    attach(host, libvirt, CARD)
    assert vm_look.machines(host, libvirt)[0]["gpu"] == str(CARD)
    detach(host, libvirt, CARD)
    assert undoing.undo(host, None, False, YES).exit_code == 0
    assert read_defined(xml(libvirt)).gpu == str(CARD)


def test_a_card_that_a_machine_without_one_gets(host: Host, libvirt: Fragments) -> None:
    create(host, libvirt, gpu="none")
    bound(host, CARD, SOUND)
    attach(host, libvirt, SOUND)
    assert read_defined(xml(libvirt)).gpu == ""
    attach(host, libvirt, CARD)
    assert read_defined(xml(libvirt)).gpu == str(CARD)
    assert undoing.undo(host, None, False, YES).exit_code == 0
    assert read_defined(xml(libvirt)).gpu == ""


def test_the_desktop_ends_for_its_own_card_alone(tmp_path: Path) -> None:
    for host in with_discs("single-gpu"):
        libvirt = with_fragments(host, tmp_path)
        create(host, libvirt, single_gpu=True)
        assert read_defined(xml(libvirt)).single_gpu
        detach(host, libvirt, CARD)
        assert not read_defined(xml(libvirt)).single_gpu
        plan = vm_attach.attach(host, libvirt, "hoth", CARD, ("host-display", "in-use"))
        assert run(plan, host, YES).exit_code == 0
        assert read_defined(xml(libvirt)).single_gpu


# --- an installation that waits


def waiting(host: Host, libvirt: Fragments, answers: bytes) -> None:
    """A machine whose first start is still to come, with the answers in its drive."""
    Path(host.root, IMAGES, "answers.xml").write_bytes(answers)
    create(host, libvirt, gpu="none", os="win10", unattended=f"/{IMAGES}/answers.xml")
    Path(host.root, IMAGES, "hoth-unattended.iso").write_bytes(answer_disc(answers))


ANSWERS = answer_file(Wanted("win10", "luke", "Windows 10 Pro", "en-US", "en-US", "*", None, "secret"))


@pytest.mark.parametrize(
    ("answers", "refused"), [(ANSWERS, True), (ANSWERS.replace(b"<WillWipeDisk>true", b"<WillWipeDisk>false"), False)]
)
def test_disks_that_setup_would_see_first(host: Host, libvirt: Fragments, answers: bytes, refused: bool) -> None:
    Path(host.root, NVME).write_text(IDE)
    waiting(host, libvirt, answers)
    if not refused:
        attach(host, libvirt, USB)
        return
    with pytest.raises(Refused) as told:
        vm_attach.attach(host, libvirt, "hoth", USB)
    (problem,) = told.value.problems
    assert problem.id == "vm.would-wipe" and str(USB) in problem.what
    assert "sudo vdesk stop hoth --installed" in problem.remedy


@pytest.mark.parametrize("disc", [b"", b"junk", None])
def test_a_disc_that_cannot_be_told(host: Host, libvirt: Fragments, disc: bytes | None) -> None:
    """Another's content counts as answers that wipe; no file at all wipes nothing."""
    Path(host.root, NVME).write_text(IDE)
    waiting(host, libvirt, ANSWERS)
    path = Path(host.root, IMAGES, "hoth-unattended.iso")
    path.unlink() if disc is None else path.write_bytes(disc)
    if disc is None:
        attach(host, libvirt, USB)
        return
    with pytest.raises(Refused):
        vm_attach.attach(host, libvirt, "hoth", USB)


def test_a_usb_controller_is_warned_of(host: Host, libvirt: Fragments) -> None:
    waiting(host, libvirt, ANSWERS)
    assert any("unplug the disks" in each for each in vm_attach.attach(host, libvirt, "hoth", USB).intro)
    attach(host, libvirt, USB)
    assert any("unplug the disks" in each for each in vm_life.start(host, libvirt, "hoth").intro)


def test_the_start_looks_too(host: Host, libvirt: Fragments) -> None:
    """What another program gave to the machine; its own disk may have Windows on it by now."""
    waiting(host, libvirt, ANSWERS)
    attach(host, libvirt, USB)
    Path(host.root, NVME).write_text(IDE)
    Path(host.root, IMAGES, "hoth.img").write_bytes(b"windows" * 1000)
    with pytest.raises(Refused) as told:
        vm_life.start(host, libvirt, "hoth")
    assert [each.id for each in told.value.problems] == ["vm.would-wipe"]
    detach(host, libvirt, USB)
    assert vm_life.start(host, libvirt, "hoth").steps
