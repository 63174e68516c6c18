"""Findings on cards and on vfio-pci that have more than one reason for a level."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.machines.parts import Link, Machine
from tests.unit.scenes import CARD, IGPU, Scene, Stage, logged, with_card, with_device
from vdesk.model.finding import Finding

Base = str | Callable[[], Machine]
ONE, TWO = "0000:01:00.0", "0000:00:02.0"
LIT = {"sys/class/drm/card1-HDMI-A-2/status": "connected\n", "sys/class/drm/card1-HDMI-A-2/enabled": "enabled\n"}
VFIO = Link("../../../bus/pci/drivers/vfio-pci")
REGIONS = "sys/kernel/iommu_groups/1/reserved_regions"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Return where machines are laid out, each once."""
    return Stage(tmp_path_factory.mktemp("machines"))


def about(stage: Stage, scene: Scene, id: str, device: str = "") -> Finding:
    """Return one finding of the scene."""
    return next(each for each in stage.look(scene).findings if each.id == id and each.device == device)


def test_a_monitor_on_each_card(stage: Stage) -> None:
    """The card that did not boot the machine is the one to hand over: its monitor has to go first."""
    scene = Scene("debian", LIT)
    assert about(stage, scene, "gpu.host-display", TWO).level == "ok"
    found = about(stage, scene, "gpu.host-display", ONE)
    assert found.level == "warn" and "a monitor is in use on it" in found.title and "HDMI-A-2" in found.title


def test_a_pulled_cable_is_no_monitor(stage: Stage) -> None:
    lit = LIT | {"sys/class/drm/card1-HDMI-A-2/status": "disconnected\n"}
    assert "free for a virtual machine" in about(stage, Scene("debian", lit), "gpu.host-display", ONE).title


def test_no_card_is_left(stage: Stage) -> None:
    scene = Scene("handed-over", {f"{IGPU}/driver": VFIO})
    for device in (ONE, TWO):
        found = about(stage, scene, "gpu.host-display", device)
        assert found.level == "warn" and f"sudo vdesk unbind {device}" in found.remedy


def test_the_other_card_is_handed_over(stage: Stage) -> None:
    """One card for the desktop is enough, where the other is meant for a virtual machine."""
    assert about(stage, Scene("handed-over"), "gpu.host-display", TWO).level == "ok"
    assert about(stage, Scene("handed-over"), "gpu.driver", ONE).title == "vfio-pci has it"


@pytest.mark.parametrize(("kind", "level"), [("direct", "fail"), ("direct-relaxable", "ok"), ("msi", "ok")])
def test_memory_that_the_firmware_keeps(stage: Stage, kind: str, level: str) -> None:
    edits = {REGIONS: f"0x000000007b800000 0x000000007fffffff {kind}\n"}
    assert about(stage, Scene("debian", edits), "gpu.group", ONE).level == level


def test_what_has_to_go_along(stage: Stage) -> None:
    """Idle members go with the card, bridges do not."""
    assert about(stage, Scene("debian"), "gpu.group", ONE).title.endswith("together with 0000:01:00.1")


def test_without_power_on_vfio(stage: Stage) -> None:
    found = about(stage, Scene(with_card("handed-over", power="D3cold")), "gpu.power", ONE)
    assert found.level == "warn" and f"{CARD}/d3cold_allowed" in found.remedy


def test_asleep_under_its_driver(stage: Stage) -> None:
    found = about(stage, Scene(with_card("debian", power="D3cold")), "gpu.power", ONE)
    assert found.level == "ok" and "wakes up" in found.title


@pytest.mark.parametrize(("address", "level"), [(ONE, "fail"), ("0000:03:00.0", "ok")])
def test_a_line_of_the_log_belongs_to_its_device(stage: Stage, address: str, level: str) -> None:
    line = f"vfio-pci {address}: Unable to change power state from D3cold to D0, device inaccessible"
    assert about(stage, logged("debian", line), "gpu.power", ONE).level == level


def test_a_rom_that_the_kernel_could_not_read(stage: Stage) -> None:
    line = f"nouveau {ONE}: Invalid PCI ROM header signature: expecting 0xaa55, got 0xffff"
    found = about(stage, logged("debian", line), "gpu.rom", ONE)
    assert found.level == "warn" and "0xffff" in found.cause


def test_kernels_without_reset_method(stage: Stage) -> None:
    """Before 5.15 there is only the file `reset`."""
    found = about(stage, Scene(with_card("debian", reset=""), {f"{CARD}/reset": ""}), "gpu.reset", ONE)
    assert found.level == "ok" and found.evidence.endswith("/reset is there")


# --- vfio-pci


@pytest.mark.parametrize(
    ("base", "line", "level", "said"),
    [
        ("debian", "install vfio_pci /bin/false", "fail", "prohibits"),
        ("handed-over", "blacklist vfio_pci", "warn", "loaded all the same"),
        ("debian", "options vfio-pci ids=8086:1912", "fail", "the card that shows the desktop"),
        ("debian", "options vfio-pci ids=144d:a808", "fail", "the controller of a disk that this machine uses"),
        ("identical-gpus", "options vfio-pci disable_vga=1 ids=10de:1c03", "fail", "the card that shows the desktop"),
        (with_device("debian", group=40), "options vfio-pci ids=10de:1402", "warn", "several equal cards"),
        ("debian", "options vfio-pci ids=10de:1402", "warn", "take the line out of /etc/modprobe.d/mine.conf, and"),
        ("debian", "options vfio-pci ids=10de:1402", "warn", "sudo vdesk bind 0000:01:00.0 --boot"),
        ("debian", "options vfio-pci ids=dead:beef", "info", "no device of this machine"),
        ("debian", "install vfio-pci /sbin/vfio-pci-override.sh", "warn", "runs a program whenever vfio-pci is loaded"),
        ("debian", "options vfio-pci disable_vga=1", "ok", "vfio-pci is there"),
        ("debian", "softdep nouveau pre: vfio-pci", "ok", "vfio-pci is there"),
        ("debian", "# blacklist vfio-pci", "ok", "vfio-pci is there"),
    ],
)
def test_modprobe(stage: Stage, base: Base, line: str, level: str, said: str) -> None:
    found = about(stage, Scene(base, {"etc/modprobe.d/mine.conf": f"{line}\n"}), "kernel.vfio")
    assert found.level == level and said in " ".join(found)


def test_ids_in_a_list_of_modules(stage: Stage) -> None:
    """modules(5) takes a module's options too, and the initramfs' list is one."""
    found = about(stage, Scene("debian", {"etc/initramfs-tools/modules": "vfio_pci ids=10de:1402\n"}), "kernel.vfio")
    assert found.level == "warn" and "take the line out of /etc/initramfs-tools/modules" in found.remedy


@pytest.mark.parametrize(
    ("address", "driver", "level", "said"),
    [
        ("0000:01:00.0", "vfio-pci", "warn", "sudo driverctl unset-override 0000:01:00.0"),
        ("0000:01:00.0", "nouveau", "warn", "driverctl gives 0000:01:00.0 to nouveau"),
        ("0000:03:00.0", "vfio-pci", "fail", "the controller of a disk that this machine uses (0000:03:00.0)"),
        ("0000:00:02.0", "vfio-pci", "fail", "the card that shows the desktop"),
        ("0000:7f:00.0", "vfio-pci", "warn", "driverctl binds 0000:7f:00.0 at boot"),
        ("0000:02:00.0", "uio_pci_generic", "ok", "vfio-pci is there"),
    ],
)
def test_driverctl(stage: Stage, address: str, driver: str, level: str, said: str) -> None:
    """It sets its override whenever the device appears, in every boot."""
    found = about(stage, Scene("debian", {f"etc/driverctl.d/pci-{address}": f"{driver}\n"}), "kernel.vfio")
    assert found.level == level and said in " ".join(found)


def test_every_leftover_is_told(stage: Stage) -> None:
    """The worst first, and how to take out each."""
    edits = {
        "etc/driverctl.d/pci-0000:03:00.0": "vfio-pci\n",
        "etc/driverctl.d/junk": "\0",
        "etc/modprobe.d/mine.conf": "options vfio-pci ids=10de:1402\n",
    }
    found = about(stage, Scene("debian", edits), "kernel.vfio")
    assert found.level == "fail" and "0000:03:00.0" in found.title
    assert "unset-override 0000:03:00.0" in found.remedy and "/etc/modprobe.d/mine.conf" in found.remedy


def test_virqfd_was_a_module_once(stage: Stage) -> None:
    lists = {"etc/modules": "vfio_virqfd\n"}
    assert about(stage, Scene("debian", lists), "kernel.vfio").level == "warn"
    old = lists | {"proc/sys/kernel/osrelease": "6.1.0-37-amd64\n", "sys/module/vfio_pci/version": "0.2\n"}
    assert about(stage, Scene("debian", old), "kernel.vfio").level == "ok"


def test_a_log_whose_start_is_gone(stage: Stage) -> None:
    late = Scene("debian", {"run/vdesk/kernel.log": "[ 9000.1] kernel: usb 1-1: new device\n"})
    assert "start of the boot is no longer in it" in about(stage, late, "kernel.log").title
    assert "start of the boot" not in about(stage, logged("debian"), "kernel.log").title


def test_a_hook_of_somebody_else(stage: Stage) -> None:
    with_hook = Scene("debian", {"etc/libvirt/hooks/qemu.d/10-other": None})
    assert about(stage, with_hook, "libvirt.hook").title == "libvirt's hook: nothing wrong was seen in it"
    own = Scene("debian", {"etc/libvirt/hooks/qemu.d/50-vdesk": None})
    assert about(stage, own, "libvirt.hook").title == "libvirt's hook: vdesk's own"
