"""A card's ROM: read, judged, saved; and bytes that somebody made to break the reader."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.article import gop_rom
from tests.machines.builder import build
from vdesk.host import Host
from vdesk.host.option_rom import LEGACY, faults, has_uefi, images
from vdesk.host.pci import Device, devices
from vdesk.host.rom_reader import is_shadow, read
from vdesk.host.runner import LocalRunner
from vdesk.host.sysfs import LiveKernel
from vdesk.model.errors import HostError

CARD = "0000:01:00.0"
IDS = ("10de", "1402")
WHOLE = gop_rom(0x10DE, 0x1402)


@pytest.fixture
def root(memory: Path) -> Path:
    """A card with a whole ROM."""
    return build("article-booted", memory / "root")


def with_rom(root: Path, data: bytes) -> Path:
    place = root / f"sys/bus/pci/devices/{CARD}/rom"
    place.chmod(0o600)
    place.write_bytes(data)
    return root


def said(data: bytes) -> str:
    return "; ".join(each.text for each in faults(data, *IDS))


def test_a_whole_rom(root: Path) -> None:
    found = on(root, "gpu", "rom", CARD, "--json").envelope["data"]
    assert (found["uefi"], found["size"], found["faults"]) == (True, len(WHOLE), [])
    assert [each["kind"] for each in found["images"]] == ["legacy BIOS", "UEFI"]


def changed(at: int, *values: int) -> bytes:
    data = bytearray(WHOLE)
    data[at : at + len(values)] = bytes(values)
    return bytes(data)


FAULTS = {
    "empty": (b"", "no byte", True),
    "ones": (b"\xff" * 4096, "has not answered", True),
    "text": (b"<html>not a rom" * 40, "begins with 3c68", True),
    "no PCIR": (changed(0x1C, 0), "no image with a PCIR", True),
    "cut short": (WHOLE[:700], "cut short", True),
    "not the last": (changed(512 + 0x1C + 0x15, 0), "does not say that it is the last", True),
    "no length": (changed(512 + 0x1C + 0x10, 0, 0), "cut short", True),
    "another vendor's": (gop_rom(0x1002, 0x1402), "an image is for 1002:1402", True),
    "another device's": (gop_rom(0x10DE, 0x1401), "an image is for 10de:1401", False),
    "changed by the firmware": (changed(0x100, 7), "checksum", False),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong(root: Path, name: str) -> None:
    data, words, bad = FAULTS[name]
    found = faults(data, *IDS)
    assert words in found[0].text and found[0].bad is bad
    ran = on(with_rom(root, data), "gpu", "rom", CARD, "--json")
    assert ran.code == (1 if bad else 0)
    if bad:
        assert ran.envelope["errors"][0]["id"] == "gpu.rom-broken"
    else:
        assert ran.envelope["findings"][0]["id"] == "gpu.rom" and words in ran.envelope["findings"][0]["title"]


def test_a_list_of_further_devices() -> None:
    """Revision 3 of the structure may name several cards."""
    data = bytearray(gop_rom(0x10DE, 0x1401))
    for begin in (0, 512):
        at = begin + 0x1C
        struct.pack_into("<H", data, at + 8, 0x40)
        data[at + 0x0C] = 3
        struct.pack_into("<HHH", data, at + 0x40, 0x1403, 0x1402, 0)
    data[511] = (data[511] - sum(data[:512])) & 0xFF
    assert said(bytes(data)) == ""
    struct.pack_into("<H", data, 0x1C + 0x42, 0)
    assert "10de:1401" in said(bytes(data))


def test_only_for_a_legacy_bios(root: Path) -> None:
    data = bytearray(WHOLE[:512])
    data[0x1C + 0x15] = 0x80
    data[-1] = (data[-1] - sum(data)) & 0xFF
    ran = on(with_rom(root, bytes(data)), "gpu", "rom", CARD)
    assert ran.code == 0 and "no part for UEFI" in ran.out


def test_saved_and_never_over_a_file(root: Path, memory: Path) -> None:
    target = memory / "card.rom"
    ran = on(root, "gpu", "rom", CARD, "-o", str(target))
    assert ran.code == 0 and target.read_bytes() == WHOLE and target.stat().st_mode & 0o777 == 0o644
    again = on(with_rom(root, WHOLE[:700]), "gpu", "rom", CARD, "-o", str(target), "--json")
    assert again.code == 2 and again.envelope["errors"][0]["id"] == "usage.file-exists"
    assert target.read_bytes() == WHOLE
    nowhere = on(root, "gpu", "rom", CARD, "-o", str(memory / "nowhere/card.rom"), "--json")
    assert nowhere.code == 2 and nowhere.envelope["errors"][0]["id"] == "usage.no-file"
    (memory / "link").symlink_to(memory / "elsewhere")
    through = on(root, "gpu", "rom", CARD, "-o", str(memory / "link"))
    assert through.code in (0, 1, 2) and (memory / "link").is_symlink()
    assert on(root, "gpu", "rom", CARD, "-o", str(memory / "none/card.rom")).code in (1, 2)


def test_a_dry_run_saves_nothing(root: Path, memory: Path) -> None:
    target = memory / "card.rom"
    with_rom(root, WHOLE)
    ran = on(root, "gpu", "rom", CARD, "-o", str(target), "-n", "--json")
    report = json.loads(ran.out)
    assert ran.code == 0 and not target.exists() and report["data"]["file"] is None
    assert [(each["state"], each["target"]) for each in report["changes"]] == [("planned", str(target))]


def test_nothing_that_is_no_rom_is_saved(root: Path, memory: Path) -> None:
    target = memory / "card.rom"
    assert on(with_rom(root, b"\xff" * 512), "gpu", "rom", CARD, "-o", str(target)).code == 1
    assert not target.exists()


def test_switched_on_read_and_switched_off(root: Path) -> None:
    """As on a live machine: woken, enabled, read, disabled, and asleep again."""
    host = Host(str(root), LocalRunner([]), Recorder(root))
    device = next(each for each in devices(host) if str(each.address) == CARD)
    (root / device.path / "power").mkdir(exist_ok=True)
    for name, text in (("control", "auto"), ("runtime_status", "suspended")):
        (root / device.path / "power" / name).write_text(f"{text}\n")
    assert read(host, device) == WHOLE
    awake, on = ("power/control", "on"), ("enable", "1")
    assert Recorder.seen == [awake, on, ("rom", "1"), ("rom", "0"), ("enable", "0"), ("power/control", "auto")]


def driverless(root: Path, enable: str, fault: str = "") -> tuple[Host, Device]:
    """The card without a driver."""
    host = Host(str(root), LocalRunner([]), Recorder(root, fault))
    device = next(each for each in devices(host) if str(each.address) == CARD)
    (root / device.path / "driver").unlink(missing_ok=True)
    (root / device.path / "enable").write_text(f"{enable}\n")
    return host, device


def test_without_a_driver_its_memory_is_switched_on(root: Path) -> None:
    """Off, it answers with ones, which would be taken for an empty ROM."""
    host, device = driverless(root, "0")
    assert read(host, device) == WHOLE
    assert Recorder.seen == [("enable", "1"), ("rom", "1"), ("rom", "0"), ("enable", "0")]
    host, device = driverless(root, "1")
    assert read(host, device) == WHOLE
    assert Recorder.seen == [("rom", "1"), ("rom", "0")], "somebody has it on"


def test_a_driver_has_switched_it_on_itself(root: Path) -> None:
    host, device = driverless(root, "0")
    (root / device.path / "driver").symlink_to("../../../../bus/pci/drivers/vfio-pci")
    assert read(host, device) == WHOLE
    assert Recorder.seen == [("rom", "1"), ("rom", "0")], "the kernel would refuse it (EBUSY)"


@pytest.mark.parametrize("fault", ["rom", "enable"])
def test_all_is_put_back_after_a_failure(root: Path, fault: str) -> None:
    host, device = driverless(root, "0", fault)
    with pytest.raises(HostError):
        read(host, device)
    put_back = {"rom": [("rom", "1"), ("rom", "0"), ("enable", "0")], "enable": []}
    assert Recorder.seen == [("enable", "1"), *put_back[fault]]


class Recorder(LiveKernel):
    """Takes the writes; the card is awake after the first."""

    seen: list[tuple[str, str]]

    def __init__(self, root: Path, fault: str = "") -> None:
        self.root, self.fault = root, fault
        Recorder.seen = []

    def write(self, path: str, text: str, seconds: float, late: object = ()) -> None:
        name = path.partition(f"{CARD}/")[2]
        self.seen.append((name, text))
        if name == self.fault and text == "1":
            raise HostError(path, "Input/output error (EIO)")
        if path.endswith("power/control"):
            state = "active" if text == "on" else "suspended"
            (self.root / path.replace("control", "runtime_status")).write_text(f"{state}\n")


def test_the_firmware_s_copy(root: Path) -> None:
    host = Host(str(root))
    device = next(each for each in devices(host) if str(each.address) == CARD)
    rows = ["0x0 0x0 0x0"] * 6 + ["0x00000000000c0000 0x00000000000dffff 0x0000000000000212"]
    (root / device.path / "resource").write_text("\n".join(rows) + "\n")
    assert is_shadow(host, device)
    assert "the firmware left in memory" in on(root, "gpu", "rom", CARD).out
    for text in ("", "x\n" * 9, "0xf7000000 0xf707ffff 0x46200\n" * 7):
        (root / device.path / "resource").write_text(text)
        assert not is_shadow(host, device)


def test_hostile_bytes() -> None:
    """Whatever the bytes, the reader ends, and what it says is of bounded size."""
    chance = random.Random(20261123)
    for number in range(3000):
        data = bytearray(WHOLE if number % 3 else chance.randbytes(chance.randrange(0, 2048)))
        for _ in range(chance.randrange(0, 12)):
            if data:
                data[chance.randrange(len(data))] = chance.choice((0, 1, 0x55, 0xAA, 0xFF, chance.randrange(256)))
        if chance.random() < 0.3:
            data = data[: chance.randrange(len(data) + 1)]
        found = images(bytes(data))
        told = faults(bytes(data), *IDS)
        assert len(found) <= 16 and len(told) <= 40
        assert all(image.offset < len(data) for image in found)
        assert isinstance(has_uefi(found), bool) and (found or told)


def test_images_that_point_at_themselves() -> None:
    """A chain without an end, and structures that lie on each other, are cut."""
    loop = bytearray(WHOLE)
    struct.pack_into("<H", loop, 0x1C + 0x10, 0)
    assert len(images(bytes(loop))) == 1
    many = b"".join(WHOLE[:512] for _ in range(40))
    assert len(images(many)) == 16 and images(many)[0].code == LEGACY
