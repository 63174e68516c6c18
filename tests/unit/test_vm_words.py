"""Names, sizes, resolutions and USB ids as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdesk.model.errors import WrongUsage
from vdesk.plans.vm_spec import BESIDE
from vdesk.vm import words
from vdesk.vm.spec import Usb

GIB = 1 << 30


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8G", 8 * GIB),
        ("8GiB", 8 * GIB),
        ("8 gib", 8 * GIB),
        ("512M", GIB // 2),
        ("1T", 1024 * GIB),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert words.parse_size(text, "--memory") == size


@pytest.mark.parametrize(
    "text",
    [
        "8",
        "",
        "G",
        "-1G",
        "0G",
        "8GB",
        "8K",
        "1e3G",
        "8G8",
        "0.1M",
        "1.5G",
        "1.5GiB",
        "٣G",
        "99999999999G",
        "900000000T",
    ],
)
def test_no_sizes(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        words.parse_size(text, "--memory")
    assert caught.value.problems[0].id == "usage.size"


@given(st.integers(1, 1 << 20))
def test_sizes_are_shown_as_they_are_read(mib: int) -> None:
    assert words.parse_size(words.shown_size(mib << 20), "--disk") == mib << 20


@pytest.mark.parametrize("name", ["a", "Windows 10", "hoth.2", "x" * 64, "Grüße", "日本", "-n", "a&b<c>'\""])
def test_names(name: str) -> None:
    assert words.check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u3000",
        "a/b",
        ".",
        "..",
        "x" * 65,
        "a\n",
        "a\x7f",
        "a\x85",
        "a\u200b",
        "a\u202e",
        "a\u2028",  # to the C library a control character (iswcntrl), of no width, and to many the end of a line
        "a\ud800",
        "a\uffff",
    ],
)
def test_no_names(name: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        words.check_name(name)
    assert caught.value.problems[0].id == "usage.name"


def test_a_name_is_the_name_of_files(tmp_path: Path) -> None:
    """libvirt's NAME.xml.new has to be a name too: 247 bytes are taken, as by its driver, 248 are not."""
    face = "\U0001f600"
    assert words.check_name(face * 61 + "abc")
    (tmp_path / f"{face * 61}abc.xml.new").touch()
    for name in (face * 62, face * 64, face * 61 + "éé"):
        with pytest.raises(WrongUsage) as caught:
            words.check_name(name)
        assert (caught.value.problems[0].id, caught.value.problems[0].remedy) == ("usage.name", "choose a shorter name")


@pytest.mark.parametrize(
    ("most", "rest", "start"), [(245, "-swtpm.log", ""), (216, f"-unattended.iso{BESIDE}", ".")], ids=["TPM", "answers"]
)
def test_the_files_of_some_machines(most: int, rest: str, start: str, tmp_path: Path) -> None:
    (tmp_path / f"{start}{'a' * most}{rest}").touch()
    words.check_room("a" * most, rest, start)
    with pytest.raises(WrongUsage):
        words.check_room("a" * (most + 1), rest, start)



# The sizes that Looking Glass's documentation lists for SDR.
@pytest.mark.parametrize(
    ("text", "mib"),
    [("1920x1080", 32), ("2560x1440", 64), ("3840x2160", 128), ("5120x2880", 256), ("7680x4320", 512), ("640x480", 16)],
)
def test_shared_memory(text: str, mib: int) -> None:
    assert words.shared_memory(*words.parse_resolution(text)) == mib << 20


@given(st.integers(640, 16384), st.integers(480, 16384))
def test_shared_memory_is_enough(width: int, height: int) -> None:
    size = words.shared_memory(width, height)
    assert size & (size - 1) == 0
    assert size >= max(width * 4 * height * 3 + (4 << 20), width * height * 8 + (10 << 20)) > size // 4


@pytest.mark.parametrize(
    "text", ["1920", "1920X1080", "1920x1080@60", "0x0", "639x480", "16385x480", "-1x5", "1920x1080\n", "99999x99999"]
)
def test_no_resolutions(text: str) -> None:
    with pytest.raises(WrongUsage):
        words.parse_resolution(text)


def test_usb() -> None:
    assert words.parse_usb("046D:c52b") == Usb("046d", "c52b")
    for text in ("46d:c52b", "046d-c52b", "046d:c52b:1", "046d:xxxx", ""):
        with pytest.raises(WrongUsage):
            words.parse_usb(text)
