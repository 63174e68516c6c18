"""Every finding id at every level it can have, each on a machine that is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.machines.builder import machine
from tests.unit.scenes import CARD, GONE, IGPU, Scene, Stage, booted, logged, recorded, with_card, with_device
from vdesk.at_boot.listed import digest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "checks.md"
LEVELS = {
    "cpu.virtualization": "ok fail unknown",
    "kvm.device": "ok fail unknown",
    "firmware.iommu": "ok info fail unknown",
    "kernel.iommu": "ok fail unknown",
    "kernel.irq-remapping": "ok info warn fail unknown",
    "kernel.cmdline": "ok info warn fail unknown",
    "kernel.log": "ok info warn unknown",
    "kernel.vfio": "ok info warn fail unknown",
    "gpu.present": "ok warn fail unknown",
    "gpu.host-display": "ok warn unknown",
    "gpu.group": "ok info warn fail unknown",
    "gpu.driver": "ok info warn unknown",
    "gpu.rom": "ok info warn unknown",
    "gpu.reset": "ok info warn unknown",
    "gpu.power": "ok info warn fail unknown",
    "graphics.mode": "ok info warn fail unknown",
    "software.qemu": "ok warn fail unknown",
    "software.libvirt": "ok warn fail unknown",
    "software.firmware": "ok warn fail unknown",
    "software.tpm": "ok warn unknown",
    "software.virtio-iso": "ok warn unknown",
    "libvirt.daemon": "ok warn fail unknown",
    "libvirt.hook": "ok warn unknown",
    "user.groups": "ok info warn unknown",
    "boot.loader": "ok info warn unknown",
    "boot.binding": "ok info warn",
    "host.memory": "ok warn fail unknown",
}
KERNEL = machine("debian").distribution.kernel
OLD_VERSIONS = recorded(qemu_system_x86_64=(0, "QEMU emulator version 5.2.0\n"), virsh=(0, "6.0.0\n"))
NO_VERSIONS = recorded(qemu_system_x86_64=None, virsh=(1, ""), libvirtd=None)
NO_DAEMON = recorded(libvirtd_socket=(3, "inactive\n"))
TWO_DAEMONS = recorded(virtqemud_socket=(0, "active\n"))
NOT_ASKED = recorded(libvirtd_socket=None, libvirtd_service=None, virtqemud_socket=None, virtqemud_service=None)
PROGRAMS = ("usr/bin/qemu-system-x86_64", "usr/bin/virsh", "usr/sbin/libvirtd", "usr/bin/swtpm")
ACPI = "sys/firmware/acpi/tables"
RULE = 'ACTION=="add", ATTR{vendor}=="0x10de", ATTR{class}=="0x03[0-9]*", ATTR{remove}="1"\n'
HOOK = "#!/bin/sh\nset -e\nvirsh net-start default\n"
MEMINFO = "MemTotal: {} kB\nMemAvailable: {} kB\n"
NO_GRUB = {each: GONE for each in ("boot/grub", "etc/default", "usr/sbin/update-grub")}
NO_ISO = {"var/lib/libvirt/images/virtio-win.iso": GONE}
ONLY_LIBVIRT = "kvm:x:108:\nlibvirt:x:109:user\n"
NO_IDS = "\n".join(f"{name}:x:{number}:" for name, number in (("kvm", 108), ("libvirt", 109))) + "\n"


BOARD = "10de:1402 1043:8591"
AT_BOOT = f"0000:01:00.0 {BOARD}\n"


def at_boot(phase: str) -> dict[str, str]:
    """The card bound at boot, and what the boots have shown."""
    state = {"phase": phase, "digest": digest(AT_BOOT)}
    return {"etc/vdesk/devices": AT_BOOT, "var/lib/vdesk/boot/state": json.dumps(state)}


class Case(NamedTuple):
    """What is seen there: the finding, its level, its device, and words that it has to say."""

    scene: Scene
    id: str
    level: str
    words: str = ""
    device: str = ""


def everywhere(scene: Scene, level: str, *ids: str) -> list[Case]:
    """One case per id, of the same level."""
    return [Case(scene, id, level) for id in ids]


GOOD, NONE = Scene("debian"), Scene("empty")
CARDS = "gpu.host-display gpu.group gpu.driver gpu.rom gpu.reset gpu.power"
SOMETIMES = "boot.binding"  # only where something is bound at boot
EVERYWHERE = [id for id in LEVELS if id not in CARDS and id != SOMETIMES]
AWAY: dict[str, str | bytes | None] = {CARD: GONE}
ONE, TWO = "0000:01:00.0", "0000:00:02.0"
CASES = [
    *everywhere(GOOD, "ok", *EVERYWHERE),
    *everywhere(NONE, "unknown", *EVERYWHERE),
    Case(Scene("debian", {"proc/cpuinfo": "flags : fpu\n"}), "cpu.virtualization", "fail", "switched off"),
    Case(logged("debian", "x86/cpu: VMX (outside TXT) disabled by BIOS"), "cpu.virtualization", "fail", "VT-x"),
    Case(logged("amd-two-ccx", "kvm: disabled by bios"), "cpu.virtualization", "fail", "SVM Mode"),
    Case(Scene("debian", {"proc/cpuinfo": "flags : hypervisor\n"}), "cpu.virtualization", "fail", "itself nested"),
    Case(
        Scene("debian", {"dev/kvm": GONE, "sys/module/kvm/refcnt": "0\n"}),
        "kvm.device",
        "fail",
        "sudo modprobe kvm_intel",
    ),
    Case(Scene("debian", {f"{ACPI}/DMAR": GONE}), "firmware.iommu", "info"),
    Case(Scene("no-iommu"), "firmware.iommu", "fail", "VT-d"),
    Case(Scene("no-iommu"), "kernel.iommu", "fail", "sudo vdesk iommu enable"),
    Case(Scene("article"), "kernel.iommu", "fail", "sudo vdesk iommu enable, then reboot"),
    Case(booted("off-in-kernel", "iommu=off"), "kernel.iommu", "fail", "take iommu=off out of /etc/default/grub"),
    Case(booted("off-in-kernel", "intel_iommu=on"), "kernel.iommu", "fail", "still made no groups"),
    Case(Scene("article"), "kernel.irq-remapping", "info"),
    Case(Scene("no-irq-remap"), "kernel.irq-remapping", "fail", "intremap=off"),
    Case(
        Scene("no-irq-remap", {"sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts": "Y\n"}),
        "kernel.irq-remapping",
        "warn",
        "only guests that you trust",
    ),
    Case(logged("debian"), "kernel.irq-remapping", "unknown", "no line about interrupt remapping"),
    Case(booted("debian", "video=efifb:off"), "kernel.cmdline", "info", "6.0"),
    Case(booted("debian", "intel_iommu=pt"), "kernel.cmdline", "warn", "iommu=pt was meant"),
    Case(Scene("off-in-kernel"), "kernel.cmdline", "fail", "intel_iommu=off sudo vdesk iommu enable"),
    Case(logged("debian"), "kernel.log", "info"),
    Case(
        logged("article", "DMAR: IOMMU enabled"), "kernel.log", "warn", "only says that intel_iommu=on was understood"
    ),
    Case(logged("debian", "DMAR: Initialization failed"), "kernel.log", "warn", "could not start VT-d"),
    Case(Scene("debian", {"etc/modules-load.d/vfio.conf": "# a\nvfio_virqfd\n"}), "kernel.vfio", "warn", "vfio.conf:2"),
    Case(Scene("debian", {"etc/modprobe.d/v.conf": "blacklist vfio-pci\n"}), "kernel.vfio", "fail", "v.conf:1"),
    Case(Scene("debian", {"etc/modprobe.d/v.conf": "options vfio-pci ids=1:2\n"}), "kernel.vfio", "info", "v.conf:1"),
    Case(
        Scene("debian", {f"lib/modules/{KERNEL}/modules.dep": "kernel/x.ko:\n"}), "kernel.vfio", "fail", "no vfio-pci"
    ),
    Case(Scene("single-gpu"), "gpu.present", "warn", "GTX 950"),
    Case(Scene("debian", {CARD: GONE, IGPU: GONE}), "gpu.present", "fail"),
    Case(GOOD, "gpu.host-display", "ok", "stays with this machine", TWO),
    Case(GOOD, "gpu.host-display", "ok", "free for a virtual machine", ONE),
    Case(Scene("single-gpu"), "gpu.host-display", "warn", "only card", ONE),
    Case(Scene("debian", unreadable=("sys/class/drm",)), "gpu.host-display", "unknown", "", ONE),
    Case(GOOD, "gpu.group", "ok", "0000:01:00.1", ONE),
    Case(Scene("article-booted"), "gpu.group", "info", "none is needed", TWO),
    Case(Scene(with_device("shared-group", group=40)), "gpu.group", "warn", "blocked by 0000:03:00.0", ONE),
    Case(Scene("shared-group"), "gpu.group", "fail", "nvme0n1p2 another slot", ONE),
    Case(Scene("article"), "gpu.group", "fail", "the IOMMU is off sudo vdesk iommu enable", ONE),
    Case(Scene(with_card("debian", group=None)), "gpu.group", "fail", "igfx_off", ONE),
    Case(Scene("article", unreadable=("sys/kernel/iommu_groups",)), "gpu.group", "unknown", "", ONE),
    Case(Scene(with_card("debian", driver=None)), "gpu.driver", "ok", "no driver has it", ONE),
    Case(GOOD, "gpu.driver", "info", "sudo vdesk bind 0000:01:00.0", ONE),
    Case(Scene("intel-hybrid"), "gpu.driver", "warn", "gnome-shell sudo vdesk bind", ONE),
    Case(Scene(with_card("debian", driver="amdgpu")), "gpu.driver", "warn", "0000:01:00.0 --boot", ONE),
    Case(Scene("debian", {f"{CARD}/driver_override": "vfio-pci\n"}), "gpu.driver", "warn", "meant for vfio-pci", ONE),
    Case(
        Scene("debian", {"proc/77/cmdline": "x", "proc/77/fd": None}, ("proc/77/fd",)),
        "gpu.driver",
        "unknown",
        "1",
        ONE,
    ),
    Case(GOOD, "gpu.rom", "ok", "GOP", ONE),
    Case(GOOD, "gpu.rom", "info", "", TWO),
    Case(Scene("debian", {f"{CARD}/rom": GONE}), "gpu.rom", "warn", "--rom FILE", ONE),
    Case(Scene("debian", {f"{CARD}/rom": b"\0" * 2048}), "gpu.rom", "unknown", "2 KiB root only", ONE),
    Case(GOOD, "gpu.reset", "ok", "bus", ONE),
    Case(GOOD, "gpu.reset", "info", "", TWO),
    Case(Scene(with_card("debian", reset="")), "gpu.reset", "warn", "reset_method is not there", ONE),
    Case(
        Scene(with_card("debian", reset=""), unreadable=(f"{CARD}/reset_method",)),
        "gpu.reset",
        "unknown",
        "captured",
        ONE,
    ),
    Case(GOOD, "gpu.power", "ok", "D0", ONE),
    Case(Scene("debian", {f"{CARD}/power_state": GONE, f"{CARD}/power": GONE}), "gpu.power", "info", "", ONE),
    Case(
        Scene("debian", {f"{CARD}/power/runtime_status": "error\n"}), "gpu.power", "warn", "power the machine off", ONE
    ),
    Case(Scene("debian", {f"{CARD}/config": b"\xff" * 64}), "gpu.power", "fail", "fallen off the bus", ONE),
    Case(
        Scene("debian", unreadable=(f"{CARD}/power_state", f"{CARD}/power/runtime_status")),
        "gpu.power",
        "unknown",
        "",
        ONE,
    ),
    Case(Scene("debian", {"usr/bin/prime-select": ""}), "graphics.mode", "info"),
    Case(Scene("laptop-muxless"), "graphics.mode", "warn", "on-demand sudo prime-select intel"),
    Case(
        Scene("debian", AWAY | {"etc/udev/rules.d/50-remove-nvidia.rules": RULE}),
        "graphics.mode",
        "fail",
        "50-remove-nvidia.rules:1 envycontrol",
    ),
    *everywhere(
        Scene("debian", {"run/vdesk/commands.json": OLD_VERSIONS}), "warn", "software.qemu", "software.libvirt"
    ),
    *everywhere(Scene("debian", {each: GONE for each in PROGRAMS}), "fail", "software.qemu", "software.libvirt"),
    *everywhere(Scene("debian", {each: GONE for each in PROGRAMS}), "warn", "software.tpm"),
    *everywhere(
        Scene("debian", {"run/vdesk/commands.json": NO_VERSIONS}), "unknown", "software.qemu", "software.libvirt"
    ),
    Case(Scene("no-tpm"), "software.firmware", "warn", "Secure Boot apt install ovmf"),
    Case(Scene("debian", {"usr/share/qemu": GONE}), "software.firmware", "fail", "sudo apt install ovmf"),
    Case(Scene("debian", unreadable=("usr/share/qemu/firmware",)), "software.firmware", "unknown"),
    Case(Scene("debian", NO_ISO), "software.virtio-iso", "warn", "fedorapeople.org"),
    Case(Scene("debian", unreadable=("var/lib/libvirt/images",)), "software.virtio-iso", "unknown"),
    Case(Scene("debian", {"run/vdesk/commands.json": TWO_DAEMONS}), "libvirt.daemon", "warn", "two"),
    Case(
        Scene("debian", {"run/vdesk/commands.json": NO_DAEMON}),
        "libvirt.daemon",
        "fail",
        "enable --now libvirtd.socket",
    ),
    Case(Scene("debian", {"run/vdesk/commands.json": NOT_ASKED}), "libvirt.daemon", "unknown", "not recorded"),
    Case(Scene("debian", {"etc/libvirt/hooks/qemu": HOOK}), "libvirt.hook", "warn", "line 3 chmod 755"),
    Case(Scene("debian", unreadable=("etc/libvirt/hooks",)), "libvirt.hook", "unknown"),
    Case(Scene("debian", {"etc/group": ONLY_LIBVIRT}), "user.groups", "info", "usermod -aG kvm"),
    Case(Scene("debian", {"etc/group": NO_IDS}), "user.groups", "warn", "sudo usermod -aG libvirt,kvm user"),
    Case(Scene("debian", unreadable=("etc/group",)), "user.groups", "unknown"),
    Case(Scene("debian", {"etc/NIXOS": ""}), "boot.loader", "info", "nixos"),
    Case(Scene("debian", {"boot/refind_linux.conf": ""}), "boot.loader", "warn", "refind bootctl"),
    Case(Scene("article", {"run/ostree-booted": ""}), "boot.loader", "warn", "rpm-ostree kargs"),
    Case(Scene("debian", NO_GRUB), "boot.loader", "unknown"),
    Case(Scene("handed-over", {"etc/vdesk/devices": AT_BOOT}), "boot.binding", "info", "trial"),
    Case(Scene("handed-over", at_boot("confirmed")), "boot.binding", "ok", "0000:01:00.0"),
    Case(Scene("handed-over", at_boot("failed")), "boot.binding", "warn", "off"),
    Case(Scene("debian", {"etc/vdesk/devices": f"0000:7f:00.0 {BOARD}\n"}), "boot.binding", "warn", "0000:7f:00.0"),
    Case(Scene("debian", {"proc/meminfo": MEMINFO.format(6 << 20, 5 << 20)}), "host.memory", "warn", "6.0 GiB"),
    Case(Scene("debian", {"proc/meminfo": MEMINFO.format(16 << 20, 2 << 20)}), "host.memory", "warn", "close programs"),
    Case(Scene("debian", {"proc/meminfo": MEMINFO.format(3 << 20, 2 << 20)}), "host.memory", "fail"),
    Case(Scene("debian", {"proc/meminfo": "MemFree: 1 kB\n"}), "host.memory", "unknown", "MemTotal"),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Return where machines are laid out, each once."""
    return Stage(tmp_path_factory.mktemp("machines"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.level}")
def test_level(case: Case, stage: Stage) -> None:
    report = stage.look(case.scene)
    found = [each for each in report.findings if each.id == case.id and each.device == case.device]
    assert [each.level for each in found] == [case.level], found
    said = " ".join(found[0])
    assert all(word in said for word in case.words.split()), said


def test_every_level_has_a_case() -> None:
    shown = {(case.id, case.level) for case in CASES}
    assert shown == {(id, level) for id, levels in LEVELS.items() for level in levels.split()}


def test_the_documentation_knows_every_level() -> None:
    """docs/checks.md has a row for each id and level, and no other."""
    rows = re.findall(r"^\| `([a-z]+\.[a-z-]+)` \| (\w+) \| .+ \| .+ \|$", DOCS.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((id, level) for id, levels in LEVELS.items() for level in levels.split())
