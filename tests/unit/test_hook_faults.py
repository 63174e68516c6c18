"""What the hook refuses, and what a failure in the middle leaves: everything as it was, and a text for a person."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import (
    CARD,
    DISK,
    NET,
    OWN,
    PORT,
    SOUND,
    STATE,
    Fault,
    ModelMachine,
    call,
    domain,
    drivers,
    fails,
    hangs_until,
    machine,
    named,
    nothing,
    process,
    put,
    small,
    written,
)
from tests.machines.parts import Link
from tests.trees import difference, snapshot
from vdesk.libvirt_hook.machine import Machine

# --- refused before anything is changed -------------------------------------------------------------------------------


def refused(found: ModelMachine, xml: bytes, capfd: pytest.CaptureFixture[str]) -> str:
    """What a prepare says that refuses and changes nothing."""
    before = snapshot(found.root)
    assert call(found, "prepare", xml) == 1
    assert not difference(before, snapshot(found.root), OWN) and written(found) == [] and not found.exists(STATE)
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("vdesk: ")
    return err


def test_a_holder_isnamed(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory, small("nouveau") | process(812, "gnome-shell", "/dev/dri/card1"))
    said = refused(found, domain(CARD, SOUND), capfd)
    assert "gnome-shell (pid 812, user desk) has /dev/dri/card1 open" in said


def test_a_sound_server_lets_go_by_itself(memory: Path) -> None:
    found = machine(memory, small() | process(900, "wireplumber", "/dev/snd/controlC1"))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"]


def test_a_disk_in_use(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also when it is named: addresses move when hardware is added, and this one was a card once."""
    path = f"sys/devices/pci0000:00/{DISK}/nvme/nvme0/nvme0c1n1/uevent"  # one of several paths: it has no node
    found = machine(memory, small() | {path: "DEVTYPE=disk\nDISKSEQ=9\n"})
    for node in ("dev/sda", "dev/nvme0n1"):
        found.busy_disks = {node}
        assert f"the disk /{node} on it is in use" in refused(found, domain(CARD, SOUND, DISK), capfd)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("dev/sda", ""),  # it opens
        ("dev/gone", ""),
        ("dev/zero/x", "may be in use by this machine: it could not be looked at (Not a directory)"),
        ("dev/loop", "may be in use by this machine: it could not be looked at (Too many levels of symbolic links)"),
    ],
)
def test_only_what_the_kernel_calls_free_is(node: str, said: str, memory: Path) -> None:
    """A look that was refused, as SELinux or AppArmor do, is no answer."""
    found = machine(memory, small(**{"dev/sda": "", "dev/zero": "", "dev/loop": Link("loop")}))
    assert Machine.disk_in_use(found, node) == said


class Looking(ModelMachine):
    """A machine that opens its disks."""

    disk_in_use = Machine.disk_in_use


def test_a_disk_that_could_not_be_looked_at(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = Looking(put(small(**{"dev/sda": Link("sda")}), memory))
    assert "the disk /dev/sda on it may be in use by this machine" in refused(found, domain(CARD, SOUND, DISK), capfd)


def test_the_default_route(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A companion that carries it stays, through a bridge too; a card that is named is what the person wants."""
    row = "br0 00000000 0101A8C0 3 0 0 0 00000000"
    route = "Iface Destination Gateway Flags RefCnt Use Metric Mask\n" + row.replace(" ", "\t") + "\n"
    tree = small() | {"proc/net/route": route, "sys/class/net/br0/lower_eth0": "", "sys/class/net/eth0/x": ""}
    tree[f"sys/devices/pci0000:00/{NET}/iommu_group"] = tree[f"sys/devices/pci0000:00/{PORT}/iommu_group"]
    found = machine(memory, tree)
    assert "default route goes through its interface eth0" in refused(found, domain(CARD), capfd)
    assert call(found, "prepare", domain(CARD, SOUND, NET)) == 0
    assert found.driver(NET) == "vfio-pci"


def test_not_there_a_bridge_no_group(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tree = small()
    del tree[f"sys/devices/pci0000:00/{NET}/iommu_group"]
    found = machine(memory, tree)
    assert "there is no device at it" in refused(found, domain("0000:7f:00.0"), capfd)
    assert "it is a bridge" in refused(found, domain(CARD, PORT), capfd)
    assert "IOMMU is off" in refused(found, domain(NET), capfd)


def test_a_folder_that_others_can_write(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory)
    os.makedirs(found.place("run/vdesk/hook"))
    os.chmod(found.place("run/vdesk"), 0o777)
    assert "can be written by others" in refused(found, domain(CARD), capfd)


# --- failures put back ------------------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Fault]] = {
    "the override is refused": {f"at_{CARD}__driver_override": fails(errno.EINVAL)},
    "the unbind is refused": {f"at_{SOUND}__driver__unbind": fails(errno.EBUSY)},
    "the probe is refused": {"at_drivers_probe": fails(errno.EIO)},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_puts_back(name: str, memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The fault is there once, so that the way back is free."""
    found = machine(memory)
    found.faults = {end: _once(found, fault) for end, fault in named(FAULTS[name]).items()}
    before = snapshot(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    assert "Everything is as it was before." in capfd.readouterr().err
    moved = difference(before, snapshot(memory), (*OWN, "once"))
    assert (moved.added, moved.removed) == ([], []) and all(path.endswith("d3cold_allowed") for path in moved.changed)
    assert drivers(found) == ["", "snd_hda_intel"] and not found.exists(STATE)
    assert call(found, "release", domain(CARD, SOUND), extra="failed") == 0


def _once(machine: ModelMachine, fault: Fault) -> Fault:
    """The fault, the first time that a process meets it (children meet it, so it is a file that remembers)."""

    def first(found: ModelMachine, path: str, text: str) -> bool:
        try:
            os.close(os.open(machine.place("once"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return fault(found, path, text)

    return first


def test_a_probe_that_binds_nothing(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory)
    found.faults = {"drivers_probe": _once(found, nothing)}
    assert call(found, "prepare", domain(SOUND)) == 1
    assert f"{SOUND} has no driver after the probe, not vfio-pci" in capfd.readouterr().err
    assert drivers(found) == ["", "snd_hda_intel"] and not found.exists(STATE)


def test_no_room_for_the_state(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory)
    os.makedirs(found.place("run/vdesk/hook"), 0o700)
    os.makedirs(found.place(f"{STATE}.new"), 0o700)  # a file cannot be made there, as on a full /run
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    assert "the hook itself failed" in capfd.readouterr().err
    assert written(found) == [] and drivers(found) == ["", "snd_hda_intel"]


def test_what_cannot_go_back_is_told_and_kept(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    found.faults = {"drivers_probe": nothing}
    assert call(found, "release", domain(CARD, SOUND)) == 1
    assert f"{SOUND} has no driver instead of snd_hda_intel" in capfd.readouterr().err
    assert list(json.loads(found.text(STATE))["functions"]) == [SOUND]
    found.faults = {}
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["", "snd_hda_intel"]


def test_started_again_before_all_is_back(memory: Path) -> None:
    """The probe of the release bound nothing: a later start and end bring the driver, the override and D3cold back."""
    override = f"sys/bus/pci/devices/{SOUND}/driver_override"
    found = machine(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    found.faults = {"drivers_probe": nothing}
    assert call(found, "release", domain(CARD, SOUND)) == 1 and found.driver(SOUND) == ""
    found.faults = {}
    found.real_write(override, "none\n")
    assert call(found, "prepare", domain(CARD, SOUND)) == 0 and drivers(found) == ["vfio-pci", "vfio-pci"]
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["", "snd_hda_intel"] and found.text(override) in ("(null)", "")
    assert not found.exists(STATE)


def test_vfio_pci_is_loaded_first(memory: Path) -> None:
    tree = small() | {"usr/sbin/modprobe": '#!/bin/sh\nd=${0%/usr/sbin/modprobe}\necho "$@" >>"$d/ran"\n'
                      'mkdir "$d/sys/bus/pci/drivers/$1"\n'}  # fmt: skip
    del tree["sys/bus/pci/drivers/vfio-pci"]
    found = machine(memory, tree)
    assert call(found, "prepare", domain(CARD)) == 0
    assert found.text("ran") == "vfio-pci" and drivers(found) == ["vfio-pci", "vfio-pci"]


def test_a_writer_that_hangs_is_left_behind(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The unbind returns after its time: prepare has ended before, and the function goes back by itself."""
    gate = memory / "gate"
    found = machine(memory, small() | process(31, "pulseaudio", "/dev/snd/controlC1 (deleted)"))
    found.faults = {f"{SOUND}/driver/unbind": hangs_until(gate)}
    begun = time.monotonic()
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    assert time.monotonic() - begun < 40, "it waited for the kernel"
    said = capfd.readouterr().err
    assert "did not let go of 0000:01:00.1 within 3 s: pulseaudio (pid 31, user desk) has /dev/snd/controlC1" in said
    assert f"{SOUND} goes back to snd_hda_intel by itself" in said
    assert found.driver(SOUND) == "snd_hda_intel" and found.exists(STATE)
    gate.touch()
    for _ in range(300):
        time.sleep(0.1)
        if written(found)[-1:] == [f"devices/{SOUND}/d3cold_allowed 1"]:
            break
    assert drivers(found) == ["", "snd_hda_intel"]
    assert found.text(f"sys/bus/pci/devices/{SOUND}/driver_override") in ("(null)", "")
    found.faults = {}
    assert call(found, "release", domain(CARD, SOUND), extra="failed") == 0
    assert not found.exists(STATE)
