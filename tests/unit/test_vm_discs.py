"""What an installation disc starts, and whether a drivers' disc has the drivers; what `create` makes of both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.commands.running import Ran, on
from tests.machines.builder import build
from tests.unit.discs import drivers_disc, plain_disc, starting_disc
from tests.unit.vm_cases import IMAGES, in_memory
from vdesk.host import Host, captured, media
from vdesk.host.eltorito import starts
from vdesk.host.virtio_iso import find_virtio_iso, has_drivers


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "m").mkdir()
    return captured(str(tmp_path / "m"))


# --- what a disc starts, and the drivers on it

FAT = (bytes(54) + b"FAT12   ").ljust(510, b"\0") + b"\x55\xaa"


@pytest.mark.parametrize(
    ("platforms", "image", "loader", "told"),
    [
        ((), b"x", "", "nothing"),
        ((0,), b"\x90" * 512, "", "bios"),
        ((0, 0xEF), b"\x90" * 512, "", "uefi"),
        ((0xEF,), b"\x90" * 512, "", "uefi"),
        ((0,), FAT, "", "uefi"),
        ((), b"x", "efi/boot/bootx64.efi", "uefi"),
        ((0,), b"\x90" * 512, "efi/boot/bootx64.efi", "uefi"),
        ((0,), b"\x90" * 512, "efi/boot/bootia32.efi", "bios"),
    ],
)
def test_what_a_disc_starts(host: Host, platforms: tuple[int, ...], image: bytes, loader: str, told: str) -> None:
    starting_disc(Path(host.root, "d.iso"), *platforms, image=image, loader=loader)
    assert starts(media.find(host, "/d.iso", "--iso")) == told


def test_a_disc_that_is_a_disk_too(host: Host) -> None:
    """With a partition for UEFI in its MBR, or a GPT, as it is for a USB stick."""
    path = Path(host.root, "d.iso")
    starting_disc(path, 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:450] + b"\xef" + whole[451:510] + b"\x55\xaa" + whole[512:])
    assert starts(media.find(host, "/d.iso", "--iso")) == "uefi"
    path.write_bytes(whole[:512] + b"EFI PART" + whole[520:])
    assert starts(media.find(host, "/d.iso", "--iso")) == "uefi"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(16 * 2048, 40 * 2048), st.binary(min_size=1, max_size=8)), max_size=40),
    st.integers(0, 60 * 2048),
)
def test_a_broken_catalogue_breaks_nothing(host: Host, wounds: list[tuple[int, bytes]], end: int) -> None:
    path = Path(host.root, "d.iso")
    if not path.exists():
        starting_disc(path, 0, 0xEF, loader="efi/boot/bootx64.efi")
    data = bytearray(path.read_bytes())
    for place, bad in wounds:
        data[place : place + len(bad)] = bad
    Path(host.root, "broken.iso").write_bytes(bytes(data[:end]))
    assert starts(media.find(host, "/broken.iso", "--iso")) in ("uefi", "bios", "nothing")


@pytest.mark.parametrize("side", ["plain", "joliet", "udf"])
def test_the_drivers_on_a_disc(host: Host, side: str) -> None:
    drivers_disc(Path(host.root, "v.iso"), "virtio-win", "w10", side=side)
    found = media.find(host, "/v.iso", "--virtio-iso")
    assert [has_drivers(found, os) for os in ("win10", "win11", "")] == [True, False, True]
    Path(host.root, "blank.iso").write_bytes(b"")
    assert has_drivers(media.find(host, "/blank.iso", "--virtio-iso"), "win11") is None


def test_a_disc_that_tells_nothing_of_itself(host: Host) -> None:
    """A volume descriptor and no folder: a stand-in, of which nothing is known."""
    path = Path(host.root, "d.iso")
    plain_disc(path, "virtio-win-0.1.271", "VIOSCSI")
    assert has_drivers(media.find(host, "/d.iso", "--virtio-iso")) is None
    plain_disc(path, "virtio-win-0.1.271", "OTHER")
    assert has_drivers(media.find(host, "/d.iso", "--virtio-iso")) is False
    drivers_disc(path, "virtio-win-0.1.141", "w7")
    assert has_drivers(media.find(host, "/d.iso", "--virtio-iso")) is False
    data = path.read_bytes()
    path.write_bytes(data[: 18 * 2048])
    assert has_drivers(media.find(host, "/d.iso", "--virtio-iso")) is None


def test_the_disc_with_the_drivers_for_the_guest_comes_first(host: Host) -> None:
    (Path(host.root) / "srv").mkdir()
    plain_disc(Path(host.root, "srv/win.iso"), "X")
    drivers_disc(Path(host.root, "srv/virtio-win.iso"), "virtio-win-0.1.141", "w10")
    drivers_disc(Path(host.root, "srv/virtio-win-0.1.285.iso"), "virtio-win-0.1.285", "w10", "w11")
    install = media.find(host, "/srv/win.iso", "--iso")
    found = [find_virtio_iso(host, install, os) for os in ("win10", "win11")]
    assert [each and each.path for each in found] == ["/srv/virtio-win.iso", "/srv/virtio-win-0.1.285.iso"]


# --- create


@pytest.fixture
def root() -> Iterator[Path]:
    for folder in in_memory():
        yield build("debian", folder / "machine")


def create(root: Path, *options: str) -> tuple[Ran, str]:
    """create --json -n, and the bus of the disk."""
    ran = on(root, "create", "hoth", "--iso", f"/{IMAGES}/w.iso", "--gpu", "none", *options, "--json", "-n")
    target = ElementTree.fromstring(ran.envelope["data"]["xml"]).find("devices/disk[@device='disk']/target")
    assert ran.code == 0 and target is not None
    return ran, target.get("bus", "")


def warned(ran: Ran, word: str) -> list[str]:
    return [each for each in ran.envelope["data"]["warnings"] if word in each]


def test_a_disc_that_uefi_cannot_start_is_said(root: Path) -> None:
    disc = root / IMAGES / "w.iso"
    for platforms, word in (((), "no boot catalogue"), ((0,), "BIOS only")):
        starting_disc(disc, *platforms)
        assert len(warned(create(root)[0], word)) == 1
    starting_disc(disc, 0, 0xEF)
    ran, _ = create(root)
    assert not warned(ran, "boot catalogue") and not warned(ran, "BIOS")


def test_a_disc_without_the_drivers_gives_a_slower_disk(root: Path) -> None:
    """A disc that is named, and one that is found: both have to have the drivers for the guest."""
    images = root / IMAGES
    starting_disc(images / "w.iso", 0xEF)
    starting_disc(images / "ubuntu.iso", 0xEF)
    drivers_disc(images / "virtio-win.iso", "virtio-win-0.1.141", "w10")
    for options in (("--os", "win11"), ("--os", "win10", "--virtio-iso", f"/{IMAGES}/ubuntu.iso")):
        ran, bus = create(root, *options)
        folder = f"vioscsi\\w{options[1][3:]}\\amd64"
        assert (bus, ran.envelope["data"]["drivers_folder"], len(warned(ran, folder))) == ("sata", None, 1)
    ran, bus = create(root, "--os", "win10")
    assert (bus, ran.envelope["data"]["drivers_folder"]) == ("scsi", "vioscsi\\w10\\amd64")
    shown = on(root, "create", "hoth", "--iso", f"/{IMAGES}/w.iso", "--gpu", "none", "--os", "win10", "-y")
    assert f"folder vioscsi\\w10\\amd64 of /{IMAGES}/virtio-win.iso" in shown.out
    assert create(root, "--os", "linux", "--virtio-iso", f"/{IMAGES}/ubuntu.iso")[1] == "scsi"
