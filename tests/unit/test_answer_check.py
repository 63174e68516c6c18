"""What `create` says of an answer file of any origin, before Setup stumbles over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from tests.unit.discs import starting_disc, windows_disc
from tests.unit.test_answer_file import LUKE
from tests.unit.vm_cases import IMAGES, in_memory
from vdesk.host import captured, media
from vdesk.model.errors import WrongUsage
from vdesk.plans.vm_answer import warnings
from vdesk.vm.answer_check import Machine
from vdesk.vm.answer_file import Wanted, answer_file
from vdesk.vm.install_media import Images, read_images

TOOLS = b"virtio-win-guest-tools"


def check(root: Path, data: bytes, os: str = "win11", *, virtio: bool = True, **more: Any) -> list[str]:
    (root / "a.xml").write_bytes(data)
    return warnings(captured(str(root)), "/a.xml", Machine(os, virtio, **more))


@pytest.mark.parametrize("os", ["win10", "win11"])
def test_the_checker_has_nothing_to_say(os: str, tmp_path: Path) -> None:
    wanted = Wanted(os, "<&>", "Pro", "en-US", "en-US", "*", None, "--><x>]]>&amp;")
    assert check(tmp_path, answer_file(wanted), os) == []


def test_what_the_checker_sees(tmp_path: Path) -> None:
    data = answer_file(LUKE)
    key = data.replace(b"<WillShowUI>OnError</WillShowUI>\n        </ProductKey>", b"<Key>W269N-X</Key></ProductKey>")
    assert ["product key" in each for each in check(tmp_path, key)] == [True]
    late = data.replace(b"<ComputerName>", b"<ProductKey>VK7JG-X</ProductKey><ComputerName>")
    assert ["product key" in each for each in check(tmp_path, late)] == [True]
    other = data.replace(b"<DiskID>0<", b"<DiskID>1<")
    assert ["disk 1" in each for each in check(tmp_path, other)] == [True]
    bare = data.replace(b"vioscsi", b"frob")
    assert ["answer-file" in each for each in check(tmp_path, bare)] == [True]
    assert check(tmp_path, bare, virtio=False) == []
    assert ["wipes /dev/vg/windows" in each for each in check(tmp_path, data, wiped="/dev/vg/windows")] == [True]
    empty = data.replace(b"<WillShowUI>OnError</WillShowUI>\n        </ProductKey>", b"<Key/></ProductKey>")
    assert check(tmp_path, empty) == []


def test_answers_for_the_other_windows(tmp_path: Path) -> None:
    eleven = answer_file(LUKE)
    assert check(tmp_path, eleven, "win11") == [] and check(tmp_path, eleven, "linux") == []
    drivers, edition = check(tmp_path, eleven, "win10")
    assert "drivers for Windows 11" in drivers and "WARNING" in edition and "--os win10" in edition
    both = eleven.replace(b"\\w11\\", b"\\w10\\").replace(b"Windows 11 Pro", b"Windows 10 Pro")
    assert check(tmp_path, both, "win10") == []


@pytest.mark.parametrize("data", [b"", b"<unattend/>", b"<!-- a -- b -->" + answer_file(LUKE), b"<a", b"\xff"])
def test_what_setup_would_ignore(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage) as caught:
        check(tmp_path, data)
    assert caught.value.problems[0].id == "usage.unattended"


def test_drivers_by_driver_paths_alone(tmp_path: Path) -> None:
    """Windows 11 24H2 does not take them from there; older discs and Windows 10 do."""
    data = answer_file(LUKE).replace(b"drvload", b"echo")
    assert ["drvload" in each for each in check(tmp_path, data)] == [True]
    assert ["drvload" in each for each in check(tmp_path, data, images=Images(26100))] == [True]
    assert check(tmp_path, data, images=Images(22631)) == []
    ten = data.replace(b"\\w11\\", b"\\w10\\").replace(b"Windows 11 Pro", b"Windows 10 Pro")
    assert check(tmp_path, ten, "win10") == []


def test_drivers_for_network_and_agent(tmp_path: Path) -> None:
    """Windows has none of its own; the tools of the drivers' disc bring both."""
    data = answer_file(LUKE)
    without = data.replace(b"NetKVM", b"x").replace(b"netkvm", b"x").replace(b"vioser", b"x")
    assert check(tmp_path, without) == []
    found = check(tmp_path, without.replace(TOOLS, b"x"))
    assert [word in each for word, each in zip(("NetKVM", "vioserial"), found, strict=True)] == [True, True]
    assert check(tmp_path, data.replace(TOOLS, b"x")) == []


def test_partitions_without_a_format(tmp_path: Path) -> None:
    data = answer_file(LUKE)
    assert ["partition 3 " in each for each in check(tmp_path, data.replace(b"<Format>NTFS</Format>", b""))] == [True]
    both = data.replace(b"<Format>NTFS</Format>", b"").replace(b"<Format>FAT32</Format>", b"<Format/>")
    assert ["partition 1, 3 " in each for each in check(tmp_path, both)] == [True]


def test_components_for_another_processor(tmp_path: Path) -> None:
    data = answer_file(LUKE)
    name = b'name="Microsoft-Windows-Deployment" processorArchitecture='
    found = check(tmp_path, data.replace(name + b'"amd64"', name + b'"x86"'))
    assert ["'x86'" in each and each.endswith(": Microsoft-Windows-Deployment") for each in found] == [True]
    beside = b'<component name="Microsoft-Windows-Deployment" processorArchitecture="x86"/></settings>'
    place = data.index(b"</settings>", data.index(name))
    assert check(tmp_path, data[:place] + beside + data[place + len("</settings>") :]) == []


def test_a_pass_that_setup_does_not_know(tmp_path: Path) -> None:
    found = check(tmp_path, answer_file(LUKE).replace(b'"oobeSystem"', b'"oobesytem"'))
    assert ["'oobesytem'" in each and "did you mean oobeSystem?" in each for each in found] == [True]


def test_an_edition_and_a_language_that_the_disc_does_not_have(tmp_path: Path) -> None:
    data = answer_file(LUKE)
    disc = Images(26100, ("Windows 11 Home", "windows 11 pro"), ("EN-us",))
    assert check(tmp_path, data, images=disc) == []
    found = check(tmp_path, data, images=disc._replace(names=("Windows 11 Home", "Windows 11 Education")))
    assert ["Windows 11 Home, Windows 11 Education" in each and "WARNING" in each for each in found] == [True]
    found = check(tmp_path, data, images=disc._replace(languages=("de-DE",)))
    assert ["sets the language en-US, and the disc has de-DE" in each for each in found] == [True]


@pytest.mark.parametrize(("lack", "option"), [("tpm", "--no-tpm"), ("secure_boot", "--no-secure-boot")])
def test_what_windows_11_asks_for(lack: str, option: str, tmp_path: Path) -> None:
    without: dict[str, Any] = {lack: False}
    found = check(tmp_path, answer_file(LUKE), **without)
    assert [each.endswith(f"vdesk answer-file {option}") for each in found] == [True]
    ready = answer_file(replace(LUKE, **without))
    assert check(tmp_path, ready, **without) == [] and check(tmp_path, ready) == []


@pytest.mark.parametrize(
    ("comment", "line"), [(b"<!-- a -- b -->", 1), (b"\n<!--a-->\n<!-- a\n --->", 3), (b"<!-- fine -->", 0)]
)
def test_two_hyphens_in_a_comment(comment: bytes, line: int, tmp_path: Path) -> None:
    data = answer_file(LUKE)
    body = data[data.index(b"<unattend") :]
    if not line:
        assert check(tmp_path, comment + body) == []
        return
    with pytest.raises(WrongUsage) as caught:
        check(tmp_path, comment + body)
    assert f"in line {line} holds `--`" in caught.value.problems[0].cause
    with pytest.raises(WrongUsage) as caught:
        check(tmp_path, b"<!-- fine -->" + body[:-20])
    assert "`--`" not in caught.value.problems[0].cause


# --- the disc, and create


@pytest.mark.parametrize("image", ["install.wim", "install.esd", "boot.wim"])
def test_what_a_windows_disc_tells_of_its_editions(image: str, tmp_path: Path) -> None:
    windows_disc(tmp_path / "w.iso", 26100, image, ["Windows 11 Home", "N & <Pro>", "Windows 11 Home", "\x85"])
    found = read_images(media.find(captured(str(tmp_path)), "/w.iso", "--iso"))
    names = () if image == "boot.wim" else ("Windows 11 Home", "N & <Pro>")
    assert found == Images(26100, names, () if image == "boot.wim" else ("en-US",))


@pytest.fixture
def root() -> Iterator[Path]:
    for folder in in_memory():
        found = build("debian", folder / "machine")
        (found / "root").mkdir(exist_ok=True)
        (found / IMAGES / "virtio-win.iso").write_bytes(b"")
        (found / "root/a.xml").write_bytes(answer_file(LUKE))
        yield found


def create(root: Path, *options: str) -> Any:
    return on(root, "create", "hoth", "--iso", f"/{IMAGES}/w.iso", "--gpu", "none", *options, "-n", "--json")


def test_create_compares_with_its_disc_and_its_machine(root: Path) -> None:
    windows_disc(root / IMAGES / "w.iso", 26100, names=["Windows 11 Home"])
    said = create(root, "--unattended", "/root/a.xml", "--no-tpm").envelope["data"]["warnings"]
    assert len([each for each in said if "the disc has Windows 11 Home" in each]) == 1
    assert len([each for each in said if "LabConfig" in each]) == 1


def test_what_a_person_types_in_setup(root: Path) -> None:
    windows_disc(root / IMAGES / "w.iso", 26100)
    said = create(root, "--no-tpm", "--no-secure-boot").envelope["data"]["warnings"]
    assert [each.partition("/v ")[2].split()[0] for each in said if "Shift+F10" in each] == [
        "BypassTPMCheck", "BypassSecureBootCheck",
    ]  # fmt: skip
    assert not [each for each in create(root).envelope["data"]["warnings"] if "LabConfig" in each]


@pytest.mark.parametrize("options", [("--os", "linux"), ()])
def test_no_other_installer_reads_the_file(options: tuple[str, ...], root: Path) -> None:
    starting_disc(root / IMAGES / "w.iso", 0xEF, loader="casper/x")
    ran = create(root, "--unattended", "/root/a.xml", *options)
    assert (ran.code, ran.errors) == (2, ["usage.unattended"])
