"""--rom: the file is looked at as the card's own ROM is, and where it lies."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.running import Ran, on
from tests.machines.article import gop_rom
from tests.machines.builder import build
from tests.unit.scenes import Edits, changed
from tests.unit.test_checks_software import rom as other_rom
from tests.unit.vm_cases import IMAGES, in_memory
from vdesk.host import Host
from vdesk.host.option_rom import begin
from vdesk.host.pci import devices, find
from vdesk.host.runner import LocalRunner
from vdesk.model.address import parse_address
from vdesk.model.errors import WrongUsage
from vdesk.plans import vm_rom

CARD = "01:00.0"
PLACE = "usr/share/vgabios/card.rom"
OWN, LEGACY = gop_rom(0x10DE, 0x1402), gop_rom(0x10DE, 0x1402)[:512]
NVGI = b"NVGI" + bytes(range(256)) * 4 + b"\x55\xaa no ROM" + b"\xff" * 91
APPARMOR: Edits = {"sys/module/apparmor/parameters/enabled": "Y\n"}
TEXT = b"# A card's ROM, one day\n" * 40


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    for folder in in_memory():
        found = build("debian", folder / "debian")
        for name in ("Win10.iso", "virtio-win.iso"):
            (found / IMAGES / name).write_bytes(b"")
        yield found


def create(root: Path, place: str = PLACE) -> Ran:
    options = ["--iso", f"/{IMAGES}/Win10.iso", "--gpu", CARD, "--rom", f"/{place}", "--print-xml"]
    return on(root, "create", "hoth", *options, "--json")


def said(root: Path, place: str = PLACE) -> list[str]:
    """What is said of the ROM by a machine that is taken."""
    ran = create(root, place)
    assert ran.code == 0, ran.out
    return [each for each in ran.envelope["data"]["warnings"] if "ROM" in each or "vgabios" in each]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (TEXT, "it is no option ROM"),
        (b"\xff" * 4096, "it is empty"),
        (OWN[:700], "cut short"),
        (gop_rom(0x1002, 0x67DF), "an image is for 1002:67df"),
        (LEGACY, "not say that it is the last"),
        (OWN + bytes(17 << 20), "longer than any ROM"),
        (NVGI + OWN, f"begins at byte {len(NVGI)}"),
        (NVGI + gop_rom(0x1002, 0x67DF), "it is no option ROM"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_no_rom(content: bytes, why: str, root: Path) -> None:
    with changed(root, {PLACE: content}):
        ran = create(root)
    assert (ran.code, ran.errors) == (2, ["usage.no-rom"]) and why in ran.envelope["errors"][0]["cause"]


def test_the_command_that_cuts_a_dump(root: Path, tmp_path: Path) -> None:
    with changed(root, {PLACE: NVGI + OWN}):
        remedy = create(root).envelope["errors"][0]["remedy"]
    (tmp_path / "dump.rom").write_bytes(NVGI + OWN)
    command = remedy.partition(": ")[2].replace(f"/{PLACE}", "dump.rom")
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    assert (tmp_path / "card.rom").read_bytes() == OWN


def test_where_a_rom_begins() -> None:
    cases = {OWN: 0, NVGI + OWN: len(NVGI), TEXT: None, b"\x55\xaa" * 9000: None, b"": None}
    assert {each: begin(each) for each in cases} == cases


def test_what_is_doubtful_is_said(root: Path) -> None:
    bios = other_rom((0, 0))
    torn = bytearray(OWN)
    torn[100] ^= 1
    for content, words in {
        OWN: "",
        gop_rom(0x10DE, 0x1401): "may not be the card's (0000:01:00.0): an image is for 10de:1401",
        bytes(torn): "the checksum of its legacy image is wrong",
        bios: "no part for UEFI",
        b"": "has no content here",
        b"\x55\xaa": "has no content here",
        b"\x55\xaa" + b"stand-in" * 100: "is no whole ROM for the card 0000:01:00.0",
    }.items():
        with changed(root, {PLACE: content}):
            found = said(root)
            assert bool(found) is bool(words) and words in " ".join(found), found


def test_a_live_machine_has_no_stand_ins(root: Path) -> None:
    host = Host(str(root), LocalRunner())
    card = find(devices(host, names=False), parse_address(CARD))
    with changed(root, {PLACE: b"\x55\xaa"}), pytest.raises(WrongUsage):
        vm_rom.path(host, str(root / PLACE), card, print)


@pytest.mark.parametrize(
    ("place", "mode", "edits", "words"),
    [
        (PLACE, 0o644, {}, ""),
        (PLACE, 0o644, APPARMOR, ""),
        (PLACE, 0o600, {}, "QEMU's user may not read it"),
        ("home/luke/a card.rom", 0o644, {}, "may not enter /home/luke"),
        ("home/luke/a card.rom", 0o644, {"etc/libvirt/qemu.conf": 'user = "root"\n'}, ""),
        ("srv/card.rom", 0o644, {}, ""),
        ("srv/card.rom", 0o644, APPARMOR, "AppArmor's profile"),
    ],
)
def test_where_it_lies(place: str, mode: int, edits: Edits, words: str, root: Path) -> None:
    (root / "home/luke").mkdir(parents=True, exist_ok=True)
    (root / "home/luke").chmod(0o700)
    passwd = {"etc/passwd": f"libvirt-qemu:x:{os.getuid() + 1}:1::/:/bin/false\n"}
    with changed(root, {place: OWN, **passwd, **edits}):
        (root / place).chmod(mode)
        found = " ".join(said(root, place))
    assert bool(found) is bool(words) and words in found
    if " " in place and words:
        assert "sudo install -D -m 644 '/home/luke/a card.rom' '/usr/share/vgabios/a card.rom'" in found
