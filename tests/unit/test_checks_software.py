"""The readers behind software.*, libvirt.*, graphics.mode and user.groups, where a table of levels is too coarse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.machines.software_files import descriptor
from tests.unit.scenes import CARD, Edits, Scene, Stage, recorded
from vdesk.checks.user import _judged
from vdesk.host import captured
from vdesk.host.account import Account, account
from vdesk.host.kernel_log import kernel_log
from vdesk.host.option_rom import has_uefi, images
from vdesk.host.software import find_version, firmwares
from vdesk.model.finding import Finding

FIRMWARE = "usr/share/qemu/firmware"
OTHER = json.loads(descriptor("60-edk2-x86_64"))
HOOK = "etc/libvirt/hooks/qemu"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Return where machines are laid out, each once."""
    return Stage(tmp_path_factory.mktemp("machines"))


def about(stage: Stage, id: str, edits: Edits, base: str = "debian", device: str = "") -> Finding:
    """Return one finding of the machine with the edits."""
    found = stage.look(Scene(base, edits)).findings
    return next(each for each in found if each.id == id and each.device == device)


def tree(root: Path, files: dict[str, str]) -> Path:
    """Write the files below the root."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


# --- firmware


def test_etc_overrides_and_masks(tmp_path: Path) -> None:
    files = {
        f"{FIRMWARE}/{name}.json": descriptor(name) for name in ("40-edk2-x86_64-secure-enrolled", "60-edk2-x86_64")
    }
    images = {f"usr/share/OVMF/OVMF_CODE_4M{kind}.fd": "" for kind in ("", ".ms")}
    host = captured(str(tree(tmp_path, files | images)))
    assert [each.secure for each in firmwares(host)[0]] == [True, False]
    tree(tmp_path, {"etc/qemu/firmware/40-edk2-x86_64-secure-enrolled.json": ""})
    assert [each.descriptor for each in firmwares(captured(str(tmp_path)))[0]] == [f"/{FIRMWARE}/60-edk2-x86_64.json"]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OTHER | {"interface-types": ["bios"]}),
        json.dumps(OTHER | {"targets": [{"architecture": "aarch64", "machines": ["virt-*"]}]}),
        json.dumps(OTHER | {"targets": [{"architecture": "x86_64", "machines": ["pc-i440fx-*"]}]}),
        json.dumps(OTHER | {"targets": "x86_64", "interface-types": 7}),
        json.dumps(OTHER | {"mapping": {"device": "flash", "executable": {"filename": "/gone.fd"}}}),
        "[]",
        "{",
        "[" * 100_000,
    ],
)
def test_what_is_no_firmware_for_q35(tmp_path: Path, text: str) -> None:
    host = captured(str(tree(tmp_path, {f"{FIRMWARE}/1.json": text, "usr/share/OVMF/OVMF_CODE_4M.fd": ""})))
    assert firmwares(host)[0] == []


@pytest.mark.parametrize(("masked", "told"), [(("40", "50"), "no image has Secure Boot"), (("40",), "keys enrolled")])
def test_secure_boot_without_keys(stage: Stage, masked: tuple[str, ...], told: str) -> None:
    """As on Arch: enough for Windows 11's Setup, which is not the same as no Secure Boot."""
    names = {"40": "40-edk2-x86_64-secure-enrolled", "50": "50-edk2-x86_64-secure"}
    found = about(stage, "software.firmware", {f"etc/qemu/firmware/{names[each]}.json": "" for each in masked})
    assert found.level == "warn" and told in found.cause


def test_a_missing_image_is_named(stage: Stage) -> None:
    found = about(stage, "software.firmware", {"usr/share/OVMF": "\0gone"})
    assert found.level == "fail" and "OVMF_CODE_4M" in found.cause


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds)", (10, 0, 13)),
        ("8.2\n", (8, 2)),
        ("none", None),
        ("", None),
    ],
)
def test_versions(text: str, version: tuple[int, ...] | None) -> None:
    assert find_version(text) == version


# --- graphics.mode

ENVY = 'ACTION=="add", SUBSYSTEM=="pci", ATTR{vendor}=="0x10de", ATTR{class}=="0x040300", ATTR{remove}="1"\n'


@pytest.mark.parametrize(
    ("edits", "level", "said"),
    [
        ({"etc/udev/rules.d/80-nvidia-pm.rules": ENVY}, "warn", "audio or USB function"),
        ({"etc/udev/rules.d/80-nvidia-pm.rules": "#" + ENVY}, "ok", "no tool"),
        (
            {"usr/lib/udev/rules.d/50-x.rules": ENVY.replace("0x040300", "0x03[0-9]*")},
            "warn",
            "removes a graphics card",
        ),
        ({"etc/supergfxd.conf": '{"mode": "Vfio"}'}, "warn", "supergfxd: Vfio"),
        ({"etc/supergfxd.conf": '{"mode": "Integrated"}', CARD: "\0gone"}, "fail", "Integrated"),
        ({"etc/supergfxd.conf": '{"mode": "Hybrid"}'}, "warn", "sudo vdesk bind 0000:01:00.0 --boot"),
        ({"etc/modprobe.d/system76-power.conf": "x"}, "warn", "system76-power"),
        (
            {"etc/modprobe.d/system76-power.conf": "x"},
            "warn",
            "system76-power graphics hybrid, reboot, then sudo vdesk bind 0000:01:00.0 --boot",
        ),
        ({"usr/bin/envycontrol": ""}, "info", "envycontrol is installed"),
        ({"usr/bin/optimus-manager": ""}, "warn", "optimus-manager"),
        ({"usr/sbin/prime-select": "", "etc/prime/current_type": "nvidia\n"}, "warn", "sudo prime-select intel"),
        ({"usr/bin/prime-select": "", "etc/prime-discrete": "on\n"}, "warn", "drawn on the NVIDIA card"),
        ({"usr/bin/prime-select": "", "etc/prime-discrete": "off\n"}, "ok", "prime-select: intel"),
        ({"etc/prime-discrete": "on\n"}, "ok", "no tool"),
    ],
)
def test_switching_tools(stage: Stage, edits: Edits, level: str, said: str) -> None:
    found = about(stage, "graphics.mode", edits)
    assert found.level == level and said in " ".join(found)


# --- libvirt


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\nvirsh net-start default\n", "line 2 calls libvirt"),
        ("#!/usr/bin/python3\nimport libvirt\n", "line 2 calls libvirt"),
        ("#!/usr/bin/python3\nc = libvirt.open()\n", "line 2 calls libvirt"),
        ("#!/usr/bin/env python\nprint 1\n", "Python 2"),
        ("#!/bin/sh\n# virsh would hang here\necho /run/virsh.d\n", ""),
    ],
)
def test_hooks(tmp_path: Path, text: str, said: str) -> None:
    """The article's hook opens libvirt from inside of it, and is written in Python 2."""
    from vdesk.checks.libvirt import hook
    from vdesk.checks.machine import look

    root = tree(tmp_path, {HOOK: text})
    (root / HOOK).chmod(0o755)
    found = hook(look(captured(str(root))))
    assert found.level == ("warn" if said else "ok") and said in found.cause


def test_vdesks_own_hook(stage: Stage) -> None:
    found = about(stage, "libvirt.hook", {"etc/libvirt/hooks/qemu.d/50-vdesk": "#!/usr/bin/python3\n"})
    assert found.level == "warn" and "50-vdesk: it is not executable" in found.cause


def test_modular_daemon(stage: Stage) -> None:
    answers = recorded(libvirtd_socket=(3, "inactive\n"), virtqemud_socket=(0, "active\n"))
    found = about(stage, "libvirt.daemon", {"run/vdesk/commands.json": answers})
    assert found.level == "ok" and "one daemon per driver" in found.title


# --- people


PERSON = Account("u", 1000, frozenset({"u", "libvirt", "kvm"}), None, frozenset({"u", "libvirt", "kvm"}))


@pytest.mark.parametrize(
    ("person", "level", "said"),
    [
        (PERSON, "ok", "may use"),
        (PERSON._replace(active=frozenset({"u"})), "warn", "log out and in"),
        (PERSON._replace(active=PERSON.groups), "ok", "may use"),
        (PERSON._replace(name="root", uid=0), "info", "root"),
        (PERSON._replace(existing=frozenset({"u"})), "info", "comes with libvirt"),
        (PERSON._replace(groups=frozenset({"u"})), "warn", "sudo usermod -aG libvirt,kvm u, then log out and in"),
    ],
)
def test_groups_of_a_person(person: Account, level: str, said: str) -> None:
    found = _judged(person)
    assert found.level == level and said in " ".join(found)


def test_the_primary_group_counts(tmp_path: Path) -> None:
    files = {
        "etc/passwd": "root:x:0:0:::\nu:x:1000:109:::\nv:x:1001:1001:::\n",
        "etc/group": "libvirt:x:109:\nkvm:x:1:v\n",
    }
    found = account(captured(str(tree(tmp_path, files))))
    assert (found.name, set(found.groups), found.active) == ("u", {"libvirt"}, None)


# --- the card and the log


def rom(*codes: tuple[int, int], last: bool = True) -> bytes:
    """A ROM of one 512-byte image per (code type, EFI machine)."""
    whole = b""
    for number, (code, arch) in enumerate(codes, 1):
        head = bytearray(512)
        head[0:2], head[4:8], head[10:12] = (
            b"\x55\xaa",
            b"\xf1\x0e\0\0" if code == 3 else b"\0" * 4,
            arch.to_bytes(2, "little"),
        )
        head[0x18:0x1A] = (0x40).to_bytes(2, "little")
        head[0x40:0x44], head[0x44:0x48] = b"PCIR", b"\xde\x10\x02\x14"
        head[0x50:0x52], head[0x54], head[0x55] = b"\x01\0", code, 0x80 if last and number == len(codes) else 0
        whole += bytes(head)
    return whole


@pytest.mark.parametrize(
    ("data", "codes", "uefi"),
    [
        (rom((0, 0), (3, 0x8664)), [0, 3], True),
        (rom((0, 0)), [0], False),
        (rom((3, 0xAA64)), [3], False),
        (rom((0, 0), last=False), [0], False),
        (rom((0, 0), (3, 0x8664))[:590], [0], False),
        (b"\xff" * 4096, [], False),
        (b"\x55\xaa", [], False),
        (b"", [], False),
    ],
)
def test_images_of_a_rom(data: bytes, codes: list[int], uefi: bool) -> None:
    found = images(data)
    assert [each.code for each in found] == codes and has_uefi(found) is uefi


def test_a_rom_without_uefi(stage: Stage) -> None:
    found = about(stage, "gpu.rom", {f"{CARD}/rom": rom((0, 0))}, device="0000:01:00.0")
    assert found.level == "warn" and "legacy BIOS" in found.cause


def test_a_card_known_not_to_reset(stage: Stage) -> None:
    edits: Edits = {f"{CARD}/vendor": "0x1002\n", f"{CARD}/device": "0x67df\n", "usr/share/misc/pci.ids": AMD_IDS}
    found = about(stage, "gpu.reset", edits, device="0000:01:00.0")
    assert found.level == "warn" and "vendor-reset" in found.remedy


AMD_IDS = "1002  Advanced Micro Devices, Inc. [AMD/ATI]\n\t67df  Ellesmere [Radeon RX 470/480]\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[   22.174645] kernel: DMAR: x", "DMAR: x"),
        ("[   22.174645] host kernel: DMAR: x", "DMAR: x"),
        ("[    0.000000] DMAR: x", "DMAR: x"),
        ("<6>[    0.000000] DMAR: x", "DMAR: x"),
        ("[    0.000000][    T0] DMAR: x", "DMAR: x"),
        ("DMAR: x", "DMAR: x"),
    ],
)
def test_lines_of_the_log_without_their_stamp(tmp_path: Path, line: str, message: str) -> None:
    log = kernel_log(captured(str(tree(tmp_path, {"run/vdesk/kernel.log": f"-- Boot 1 --\n{line}\n"}))))
    assert log.lines == (message,) and not log.complete
