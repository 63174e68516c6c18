"""--unattended with something beside the machine's new disk that Setup could wipe: refused before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from tests.unit.scenes import changed
from tests.unit.vm_cases import in_memory
from vdesk.vm.answer_file import Wanted, answer_file

ANSWERS = answer_file(Wanted("win10", "luke", "Windows 10 Pro", "en-US", "en-US", "*", None, "secret"))
DISCS = ("--iso", "/srv/win10.iso", "--virtio-iso", "/srv/virtio.iso")
CREATE = ["create", "hoth", "--os", "win10", *DISCS, "--gpu", "none", "--print-xml"]
UNATTENDED = ["--unattended", "/root/answers.xml"]
STICK = "sys/bus/usb/devices/1-6"
DISK = "var/lib/libvirt/images/mine.img"


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """debian with the discs, the answers, and two USB devices."""
    files: dict[str, str | bytes | None] = {
        "srv/win10.iso": "", "srv/virtio.iso": "", "root/answers.xml": ANSWERS,
        f"{STICK}/idVendor": "0781\n", f"{STICK}/idProduct": "5581\n", f"{STICK}:1.0/bInterfaceClass": "08\n",
        "sys/bus/usb/devices/1-5/idVendor": "046d\n", "sys/bus/usb/devices/1-5/idProduct": "c52b\n",
        "sys/bus/usb/devices/1-5:1.0/bInterfaceClass": "03\n",
    }  # fmt: skip
    for folder in in_memory():
        found = build("debian", folder / "debian")
        with changed(found, files):
            yield found


@pytest.mark.parametrize(
    ("more", "content", "errors"),
    [
        ([], b"", []),
        (["--device", "02:00.0"], b"", []),
        (["--usb", "046d:c52b"], b"", []),
        (["--usb", "0781:5581"], b"", ["vm.would-wipe"]),
        (["--disk", f"/{DISK}"], bytes(2 << 20), []),
        (["--disk", f"/{DISK}"], bytes(1024) + b"\x53\xef" + bytes(1 << 20), ["vm.would-wipe"]),
        (["--disk", f"/{DISK}"], b"QFI\xfb" + bytes(190 << 10), []),
        (["--disk", f"/{DISK}"], b"QFI\xfb" + bytes(5 << 20), ["vm.would-wipe"]),
    ],
)
def test_what_setup_could_wipe(root: Path, more: list[str], content: bytes, errors: list[str]) -> None:
    with changed(root, {DISK: content}):
        ran = on(root, *CREATE, *UNATTENDED, *more, "--json")
        assert (ran.errors, ran.code) == (errors, 3 if errors else 0), ran.out
        assert on(root, *CREATE, *more, "--json").code == 0, "Setup asks"
        quiet = ANSWERS.replace(b"<WillWipeDisk>true", b"<WillWipeDisk>false")
        with changed(root, {"root/answers.xml": quiet}):
            assert on(root, *CREATE, *UNATTENDED, *more, "--json").code == 0


def test_a_controller_with_disks(root: Path) -> None:
    nvme = ["--device", "02:00.0"]
    with changed(root, {"sys/bus/pci/devices/0000:02:00.0/class": "0x010802\n"}):
        ran = on(root, *CREATE, *UNATTENDED, *nvme, "--json")
        assert ran.errors == ["vm.would-wipe"] and "0000:02:00.0" in ran.envelope["errors"][0]["what"]
        assert on(root, *CREATE, *nvme, "--json").code == 0


def test_disks_at_a_usb_controller_are_warned_of(root: Path) -> None:
    ran = on(root, *CREATE, *UNATTENDED, "--device", "02:00.0", "--json")
    assert [each for each in ran.envelope["data"]["warnings"] if "unplug" in each and "0000:02:00.0" in each]
