"""Giving back what vdesk has no record of in this boot: the driver is loaded, named against ids=, or its lack told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.kernel.binding import FOLDER, GPU, SOUND, YES, driver
from tests.kernel.pieces import function, host_of
from tests.machines.builder import build
from tests.trees import difference, snapshot
from tests.unit.test_boot_image import Machine
from vdesk.changes import executor, undoing
from vdesk.changes.native import claimed_by
from vdesk.host import Host, captured
from vdesk.host.kernel_model import KernelModel
from vdesk.host.runner import LocalRunner
from vdesk.model.address import parse_address
from vdesk.model.report import Report
from vdesk.plans import giving_back

DRIVERS = "sys/bus/pci/drivers"
COLD = f"{FOLDER}/{GPU}/d3cold_allowed"


def next_boot(root: Path) -> None:
    """Another boot, that has bound the card: its own driver is not loaded, the program has forbidden D3cold."""
    (root / "proc/sys/kernel/random/boot_id").write_text("another\n")
    shutil.rmtree(root / DRIVERS / "nouveau", ignore_errors=True)
    assert (root / COLD).read_text().strip() == "0"


def modules(root: Path, *names: str) -> None:
    """The modules that claim the card."""
    release = (root / "proc/sys/kernel/osrelease").read_text().strip()
    aliases = root / f"lib/modules/{release}/modules.alias"
    new = "".join(f"alias pci:v000010DEd*sv*sd*bc03sc*i* {name}\n" for name in names)
    aliases.write_text(new + aliases.read_text())


@pytest.fixture
def booted(tmp_path: Path) -> Machine:
    """A machine whose programs run, in the boot after `bind --boot`; modprobe loads nouveau by the card's alias."""
    at = Machine(tmp_path)
    assert at.bind().exit_code == 0
    next_boot(at.root)
    alias = (at.root / f"{FOLDER}/{GPU}/modalias").read_text().strip()
    at.program("modprobe", f'[ "$*" = "-q -- {alias}" ] || exit 0; mkdir -p ROOT/{DRIVERS}/nouveau')
    return at


def test_the_driver_is_loaded(booted: Machine) -> None:
    """nvidia refuses to be loaded while vfio-pci has its only card, so it comes after the unbind."""
    report = booted.unbind()
    assert report.exit_code == 0, report.errors
    assert driver(booted.host, GPU) == "nouveau" and driver(booted.host, SOUND) == "snd_hda_intel"
    assert (booted.root / COLD).read_text().strip() == "1", "as before vdesk first took it"
    assert [each["driver"] for each in report.data["devices"]] == ["nouveau", "snd_hda_intel"]
    shown = [each for each in report.changes if each.kind == "driver-load"]
    assert [(each.target, each.state) for each in shown] == [(GPU, "done")]
    assert shown[0].diff.startswith("$ modprobe -q -- pci:v000010DE")
    assert not any("no driver" in note for note in report.notes)


def test_undo_loads_it_too(booted: Machine) -> None:
    assert undoing.undo(booted.host, None, False, YES).exit_code == 0
    assert driver(booted.host, GPU) == "nouveau" and (booted.root / COLD).read_text().strip() == "1"


@pytest.mark.parametrize("way", ["unbind", "undo"])
def test_a_driver_that_is_not_there_is_told(booted: Machine, way: str) -> None:
    booted.program("modprobe", "echo 'modprobe: FATAL: Module not found' >&2; exit 1")
    told: list[str] = []
    if way == "unbind":
        report = booted.unbind()
        told += report.notes
    else:
        report = undoing.undo(booted.host, None, False, executor.Mode(yes=True, progress=told.append))
    assert report.exit_code == 0 and driver(booted.host, GPU) is None
    assert any(f"{GPU} has no driver now" in each and "sudo modprobe -v pci:v000010DE" in each for each in told), told


def test_on_a_captured_machine(tmp_path: Path) -> None:
    """Nothing is loaded there: the command is shown, skipped, and what is missing is said."""
    root = build("debian", tmp_path / "debian")
    on(root, "bind", GPU, "--boot", "--yes")
    next_boot(root)
    before = snapshot(root)
    shown = on(root, "unbind", GPU, "--boot", "-n")
    assert "$ modprobe -q -- pci:v000010DE" in shown.out and snapshot(root) == before
    ran = on(root, "unbind", GPU, "--boot", "--yes")
    assert ran.code == 0 and f"{GPU} has no driver now" in " ".join(ran.out.split())
    assert (root / COLD).read_text().strip() == "1" and not (root / f"{FOLDER}/{GPU}/driver").exists()


def test_undo_of_a_plain_unbind_takes_it_again(booted: Machine) -> None:
    """From whatever driver was loaded meanwhile, also where a captured machine, or a person, has done that later."""
    host = booted.host
    assert given_back(host, GPU).exit_code == 0 and driver(host, GPU) == "nouveau"
    assert undoing.undo(host, None, False, executor.Mode(dry_run=True)).errors == []
    assert undoing.undo(host, None, False, YES).exit_code == 0
    assert driver(host, GPU) == "vfio-pci" and (booted.root / COLD).read_text().strip() == "0"


# --- a vfio-pci that was loaded with ids= -----------------------------------------------------------------------------


class Greedy(KernelModel):
    """vfio-pci takes every device of its ids that is probed without an override."""

    def _native(self, device: str) -> list[str]:
        return ["vfio-pci", *super()._native(device)]


@pytest.fixture
def greedy(tmp_path: Path) -> Host:
    """Return a machine whose boot has bound the card by its id."""
    host = captured(str(build("handed-over", tmp_path / "machine")))
    return Host(host.root, host.runner, Greedy(host.tree))


def given_back(host: Host, *addresses: str) -> Report:
    plan = giving_back.unbind(host, [parse_address(each) for each in addresses], undoing.entries(host))
    return executor.run(plan, host, YES)


def test_the_driver_is_named(greedy: Host) -> None:
    report = given_back(greedy, SOUND)
    assert report.exit_code == 0, report.errors
    assert driver(greedy, SOUND) == "snd_hda_intel"
    assert greedy.value(f"{FOLDER}/{SOUND}/driver_override") == "(null)"


def test_several_drivers_are_named_in_turn(greedy: Host) -> None:
    root = Path(greedy.root)
    modules(root, "nvidia")
    for name in ("nouveau", "nvidia"):
        (root / DRIVERS / name).mkdir(exist_ok=True)
    assert given_back(greedy, GPU).exit_code == 0 and driver(greedy, GPU) == "nvidia"
    undoing.undo(greedy, None, False, YES)
    assert driver(greedy, GPU) == "vfio-pci"


def test_what_keeps_it_is_named(greedy: Host) -> None:
    """Nothing else is there to take it: it stays where it was, and the reason is what a person can change."""
    root = Path(greedy.root)
    programs = root.parent / "programs"
    programs.mkdir(parents=True)
    (programs / "modprobe").write_text("#!/bin/sh\nexit 1\n")
    (programs / "modprobe").chmod(0o755)
    live = Host(greedy.root, LocalRunner([str(programs)]), Greedy(greedy.tree))
    before = snapshot(root)
    (root / "proc/cmdline").write_text("ro quiet vfio_pci.ids=8086:1533,10de:1402\n")
    report = given_back(live, GPU)
    assert (report.exit_code, [each.id for each in report.errors]) == (1, ["driver.taken-back"])
    assert "vfio-pci.ids=8086:1533,10de:1402 in /proc/cmdline" in report.errors[0].cause
    assert driver(live, GPU) == "vfio-pci" and live.value(f"{FOLDER}/{GPU}/driver_override") == "vfio-pci"
    moved = difference(before, snapshot(root), ("var/lib/vdesk",))
    assert (moved.added, moved.removed, moved.changed) == ([], [], ["proc/cmdline"])


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("proc/cmdline", "ro vfio-pci.ids=10de:1402,10de:0fba\n", "vfio-pci.ids=10de:1402,10de:0fba in /proc/cmdline"),
        ("proc/cmdline", "ro -- vfio-pci.ids=10de:1402\n", ""),
        ("etc/modprobe.d/a.conf", "options vfio-pci ids=10DE:1402:1043 disable_vga=1\n", "in /etc/modprobe.d/a.conf"),
        ("etc/modprobe.d/a.conf", "options vfio-pci ids=10de:1402:1458\n", ""),
        ("etc/modprobe.d/a.conf", "options vfio_pci disable_vga=1 ids=1,10de:1402\n", "ids=1,10de:1402 in /etc"),
        ("etc/modprobe.d/a.conf", "# options vfio-pci ids=10de:1402\n", ""),
        ("etc/modprobe.d/a.conf", "options vfio-pci ids=10de:1403\n", ""),
        ("etc/modprobe.d/a.txt", "options vfio-pci ids=10de:1402\n", ""),
    ],
)
def test_who_gives_ids_to_vfio(tmp_path: Path, path: str, text: str, told: str) -> None:
    ids = {"vendor": "0x10de", "device": "0x1402", "subsystem_vendor": "0x1043", "subsystem_device": "0x8591"}
    found = claimed_by(host_of(tmp_path, function(GPU, "030000", **ids), {path: text}), GPU)
    assert told in found and bool(told) is bool(found)
