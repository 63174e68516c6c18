"""`bind --boot` with programs in the place of update-initramfs: built, failed, cut off, put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.builder import build
from tests.trees import Snapshot, difference, snapshot
from vdesk.changes import executor, undoing
from vdesk.changes.executor import Mode
from vdesk.changes.recovery import finish_interrupted
from vdesk.host import Host
from vdesk.host.kernel_model import KernelModel
from vdesk.host.runner import LocalRunner
from vdesk.host.tree import Tree
from vdesk.initramfs.building import OLD
from vdesk.model.address import parse_address
from vdesk.model.errors import Refused
from vdesk.model.report import Report
from vdesk.plans import boot_binding

CARD, SOUND = "0000:01:00.0", "0000:01:00.1"
KERNELS = ("6.1.0-1-amd64", "6.12.107+deb13-amd64")
IMAGES = [f"boot/initrd.img-{each}" for each in KERNELS]
YES = Mode(yes=True)
# As the real one: each image is made beside the old one and renamed over it. BREAK is what goes wrong.
UPDATE = """set -e
echo "update-initramfs: Generating"
for each in ROOT/boot/initrd.img-*; do
    case $each in *.vdesk-old) continue ;; esac
    { echo usr; cat ROOT/etc/vdesk/devices 2>/dev/null && echo etc/vdesk/devices; } > $each.new || :
    BREAK
    mv -f $each.new $each
done
"""
LIST = 'echo "var"; cat ROOT$1'


class Machine:
    """A captured machine whose programs run; `is_live` holds for it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.programs = build("debian", folder / "root"), folder / "bin"
        self.programs.mkdir()
        for name in KERNELS:
            (self.root / "lib/modules" / name).mkdir(parents=True, exist_ok=True)
        for path in IMAGES:
            (self.root / path).write_text("old\n")
        for path in ("run/systemd/system", "usr/bin"):
            (self.root / path).mkdir(parents=True, exist_ok=True)
        (self.root / "usr/bin/python3").touch()
        self.update(":")
        self.program("lsinitramfs", LIST)
        self.program("mkinitramfs", "exit 1")
        for name in ("systemctl", "modprobe"):
            self.program(name, "exit 0")
        self.start = snapshot(self.root)

    def update(self, wrong: str) -> None:
        """update-initramfs, with something that goes wrong."""
        self.program("update-initramfs", UPDATE.replace("BREAK", wrong))

    def program(self, name: str, text: str) -> None:
        """Put a program into PATH; ROOT in its text is the machine's folder."""
        place = self.programs / name
        place.write_text(f"#!/bin/sh\n{text}\n".replace("ROOT", str(self.root)))
        place.chmod(0o755)

    @property
    def host(self) -> Host:
        """A new one each time, as each command has."""
        runner = LocalRunner([str(self.programs), "/usr/bin", "/bin"])
        return Host(str(self.root), runner, KernelModel(Tree(str(self.root))))

    def bind(self, mode: Mode = YES) -> Report:
        """`bind CARD --boot`."""
        host = self.host
        return executor.run(boot_binding.bind(host, [parse_address(CARD)], undoing.entries(host)), host, mode)

    def unbind(self) -> Report:
        """`unbind CARD --boot`."""
        host = self.host
        return executor.run(boot_binding.unbind(host, [parse_address(CARD)], undoing.entries(host)), host, YES)

    def since(self, before: Snapshot | None = None) -> list[str]:
        """What is different, without vdesk's own files; an image built again from the same files is another inode."""
        found = difference(self.start if before is None else before, snapshot(self.root), ("var/lib/vdesk",))
        return [*found.added, *found.removed, *found.changed]


@pytest.fixture
def machine(memory: Path) -> Machine:
    """Two kernels with an image each."""
    return Machine(memory)


def contents(machine: Machine) -> list[bool]:
    return [(machine.root / path).read_text().endswith("etc/vdesk/devices\n") for path in IMAGES]


def test_built_and_looked_into(machine: Machine) -> None:
    said: list[str] = []
    report = machine.bind(Mode(yes=True, progress=said.append))
    assert report.exit_code == 0, report.errors
    assert contents(machine) == [True, True] and "update-initramfs: Generating" in said
    assert not [path.name for path in (machine.root / "boot").iterdir() if "vdesk" in path.name]
    assert machine.unbind().exit_code == 0
    assert contents(machine) == [False, False]
    assert machine.since() == IMAGES, "built again, from the files of before"


FAULTS = {
    "it fails": ("exit 1", "command.failed"),
    "it fails after the first image": ('[ -e ROOT/boot/one ] && exit 1; touch ROOT/boot/one', "command.failed"),
    "an image without the list": ("echo nothing > $each.new", "initramfs.content"),
    "a torn image": ("mv -f $each.new $each; exit 7", "command.failed"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_puts_files_and_images_back(machine: Machine, name: str) -> None:
    wrong, error = FAULTS[name]
    machine.update(wrong)
    report = machine.bind()
    (machine.root / "boot/one").unlink(missing_ok=True)
    assert (report.exit_code, report.errors[0].id) == (1, error)
    assert machine.since() == []


def test_an_image_that_cannot_be_looked_into(machine: Machine) -> None:
    machine.program("lsinitramfs", "echo no cpio >&2; exit 1")
    report = machine.bind()
    assert report.exit_code == 1 and "no cpio" in report.errors[0].cause
    assert machine.since() == []


class Cut(BaseException):
    """The process is gone."""


def cut_at(number: int) -> Mode:
    def reach(place: str, count: int) -> None:
        if count == number:
            raise Cut

    return Mode(yes=True, reach=reach)


def test_killed_at_every_step(memory: Path) -> None:
    """The next vdesk takes back what was begun: files, drivers and images are as they were."""
    number = 1
    while True:
        machine = Machine(_folder(memory / str(number)))
        try:
            machine.bind(cut_at(number))
            break
        except Cut:
            found = finish_interrupted(machine.host, YES, "bind")
            assert found is None or found.exit_code == 0, found
            changed = machine.since()
            assert changed in ([], IMAGES), (number, changed)
            assert contents(machine) == [False, False]
            number += 1
    assert number > 15


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_cut_off_while_images_are_built(machine: Machine) -> None:
    """A power cut after the first of two images: the old ones are put back from beside the new ones."""
    with pytest.raises(Cut):
        machine.bind(cut_at_kind(6))
    for number, path in enumerate(IMAGES):
        place = machine.root / path
        place.with_name(place.name + OLD).hardlink_to(place)
        if not number:
            new = place.with_name("new")
            new.write_text("new\n")
            new.rename(place)
    found = finish_interrupted(machine.host, YES, "bind")
    assert found and found.exit_code == 0
    assert machine.since() == []


def cut_at_kind(number: int) -> Mode:
    """Stops when the change of that number is about to be made."""
    seen: list[str] = []

    def reach(place: str, count: int) -> None:
        seen.append(place)
        if seen.count("apply") == number:
            raise Cut

    return Mode(yes=True, reach=reach)


def test_no_room(machine: Machine) -> None:
    """Known before anything is done."""
    host = machine.host
    host.free_bytes = lambda path: 3  # type: ignore[method-assign]
    with pytest.raises(Refused, match="no room"):
        executor.run(boot_binding.bind(host, [parse_address(CARD)], []), host, YES)
    assert machine.since() == []


def test_undo_after_a_boot_that_has_bound(machine: Machine) -> None:
    """The binding is of another boot than the journal's: the devices go to the drivers that the kernel has for them."""
    before = [machine.host.link_name(f"sys/bus/pci/devices/{each}/driver") for each in (CARD, SOUND)]
    machine.bind()
    (machine.root / "proc/sys/kernel/random/boot_id").write_text("another\n")
    said: list[str] = []
    report = undoing.undo(machine.host, None, True, Mode(yes=True, progress=said.append))
    assert report.exit_code == 0, report.errors
    assert [machine.host.link_name(f"sys/bus/pci/devices/{each}/driver") for each in (CARD, SOUND)] == before
    assert contents(machine) == [False, False] and not (machine.root / "etc/vdesk").exists()


def test_undo_while_a_machine_runs_with_it(machine: Machine) -> None:
    """Taking it back would hang: it comes back at the next boot."""
    machine.bind()
    (machine.root / "proc/sys/kernel/random/boot_id").write_text("another\n")
    group = machine.host.link_name(f"sys/bus/pci/devices/{CARD}/iommu_group")
    (machine.root / "proc/4242/fd").mkdir(parents=True)
    (machine.root / "proc/4242/comm").write_text("qemu-system-x86\n")
    (machine.root / "proc/4242/fd/3").symlink_to(f"/dev/vfio/{group}")
    said: list[str] = []
    report = undoing.undo(machine.host, None, True, Mode(yes=True, progress=said.append))
    assert report.exit_code == 0 and any("comes back at the next boot" in text for text in said)
    assert machine.host.link_name(f"sys/bus/pci/devices/{CARD}/driver") == "vfio-pci"
    assert not (machine.root / "etc/vdesk").exists()


@pytest.mark.parametrize("missing", ["run/systemd/system", "usr/bin/python3"])
def test_what_cannot_be(machine: Machine, missing: str) -> None:
    place = machine.root / missing
    place.rmdir() if place.is_dir() else place.unlink()
    with pytest.raises(Refused, match="cannot be bound at boot"):
        machine.bind()


def test_an_open_device_is_taken_at_the_next_boot(machine: Machine) -> None:
    """With --force in-use nothing is taken from a program now."""
    (machine.root / "proc/4242/fd").mkdir(parents=True)
    (machine.root / "proc/4242/comm").write_text("vlc\n")
    (machine.root / "proc/4242/fd/3").symlink_to("/dev/snd/controlC1")
    host = machine.host
    plan = boot_binding.bind(host, [parse_address(CARD)], [], force=["in-use"])
    assert [each.kind for each in plan.changes] == ["boot-binding", "refresh", "initramfs"]
    assert [each["driver"] for each in plan.data["devices"]] == ["nouveau", "snd_hda_intel"]
    assert any("taken at the next boot" in text for text in plan.intro)
