"""Discs and disk images: what is on them decides, and a broken one breaks nothing."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycdlib import PyCdlib

from tests.unit.discs import plain_disc, windows_disc
from vdesk.host import Host, captured, media
from vdesk.host.eltorito import starts
from vdesk.host.udf import open_udf
from vdesk.host.virtio_iso import find_virtio_iso, has_drivers
from vdesk.model.errors import WrongUsage
from vdesk.vm.answer_disc import answer_disc
from vdesk.vm.install_media import guess_os


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "m").mkdir()
    return captured(str(tmp_path / "m"))


def guess(host: Host, name: str) -> tuple[str, bool]:
    found = media.find(host, f"/{name}", "--iso")
    told = guess_os(found, media.read_disc(found))
    return told.os, told.sure


@pytest.mark.parametrize(("build", "os"), [(19041, "win10"), (19045, "win10"), (22000, "win11"), (26100, "win11")])
def test_a_windows_disc_tells(host: Host, build: int, os: str) -> None:
    windows_disc(Path(host.root, "Win11.iso"), build)
    assert guess(host, "Win11.iso") == (os, True)


def test_other_discs(host: Host) -> None:
    top = Path(host.root)
    plain_disc(top / "win11.iso", "DEBIAN", "CASPER")
    plain_disc(top / "some.iso", "Win10_22H2")
    plain_disc(top / "en-us_windows_11_x64.iso", "CCCOMA_X64FRE_EN-US_DV9")
    plain_disc(top / "ubuntu-24.04.iso", "X")
    plain_disc(top / "unknown.iso", "LABGUEST")
    found = [
        guess(host, name)
        for name in ("win11.iso", "some.iso", "en-us_windows_11_x64.iso", "ubuntu-24.04.iso", "unknown.iso")
    ]
    assert found == [("linux", True), ("win10", False), ("win11", False), ("linux", False), ("win10", False)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 600 * 2048), st.binary(min_size=1, max_size=8)), max_size=40),
    st.integers(0, 700 * 2048),
)
def test_a_broken_disc_breaks_nothing(host: Host, wounds: list[tuple[int, bytes]], end: int) -> None:
    path = Path(host.root, "w.iso")
    if not path.exists():
        windows_disc(path, 19045)
    whole = path.read_bytes()
    data = bytearray(whole)
    for place, bad in wounds:
        data[place : place + len(bad)] = bad
    broken = Path(host.root, "broken.iso")
    broken.write_bytes(bytes(data[:end]))
    found = media.find(host, "/broken.iso", "--iso")
    disc = media.read_disc(found)
    assert guess_os(found, disc).os in ("win10", "win11", "linux")
    assert starts(found) in ("uefi", "bios", "nothing") and has_drivers(found, "win11") in (None, False)
    open_udf(found, "sources", "install.wim")


def test_a_disc_that_ends_in_the_first_name(host: Host) -> None:
    path = Path(host.root, "short.iso")
    plain_disc(path, "X")
    data = path.read_bytes()
    root = int.from_bytes(data[16 * 2048 + 158 : 16 * 2048 + 162], "little") * 2048
    for length in (1, 20, 33, 34):
        path.write_bytes(data[: root + length])
        assert media.read_disc(media.find(host, "/short.iso", "--iso")).names == frozenset()


def test_the_answer_disc(tmp_path: Path) -> None:
    """Another reader finds the file in it, on the ISO 9660 side and on Joliet's, as Windows reads it."""
    data = b"<unattend/>" * 500
    (tmp_path / "a.iso").write_bytes(answer_disc(data))
    disc = PyCdlib()
    disc.open(str(tmp_path / "a.iso"))
    for place in ({"joliet_path": "/autounattend.xml"}, {"iso_path": "/AUTOUNAT.XML;1"}):
        out = io.BytesIO()
        disc.get_file_from_iso_fp(out, **place)
        assert out.getvalue() == data
    disc.close()
    assert answer_disc(data) == answer_disc(data)


# --- which file is meant


def test_the_machines_own_file_comes_first(tmp_path: Path) -> None:
    root = tmp_path / "m"
    there = root / str(tmp_path)[1:]
    there.mkdir(parents=True)
    (there / "a.iso").write_bytes(b"captured")
    (tmp_path / "a.iso").write_bytes(b"here")
    (tmp_path / "b.iso").write_bytes(b"here")
    host = captured(str(root))
    own, fallback = (media.find(host, f"{tmp_path}/{name}", "--iso") for name in ("a.iso", "b.iso"))
    assert [media.read_at(own, 0, 9), own.here] == [b"captured", False]
    assert [media.read_at(fallback, 0, 9), fallback.here] == [b"here", True]
    assert media.find(host, f"{there}/a.iso", "--iso").path == f"{tmp_path}/a.iso", "DIR is no part of a path"


def test_files_that_are_none(host: Host, tmp_path: Path) -> None:
    top = Path(host.root)
    (top / "folder").mkdir()
    (top / "out").symlink_to("../../../../../../../../../etc/passwd")
    os.mkfifo(top / "fifo")
    for path in ("/none", "/folder", "/out", "/fifo", "/", "", "/a\nb", "/a\x00b"):
        with pytest.raises(WrongUsage) as caught:
            media.find(host, path, "--iso")
        assert caught.value.problems[0].id == "usage.no-file"


def test_image_formats(host: Host) -> None:
    for name, data in {"a": b"QFI\xfb\0\0\0\3", "b": b"", "c": b"KDMV", "d": bytes(600)}.items():
        Path(host.root, name).write_bytes(data)
    assert [media.image_format(media.find(host, f"/{name}", "--disk")) for name in "abcd"] == [
        "qcow2",
        "raw",
        "vmdk",
        "raw",
    ]


# --- who may read it, and the drivers


def test_a_closed_home_is_said(host: Host) -> None:
    top = Path(host.root)
    (top / "home/ann/iso").mkdir(parents=True)
    (top / "etc").mkdir()
    (top / "etc/passwd").write_text(f"libvirt-qemu:x:{os.getuid() + 1}:1::/:/bin/false\n")
    assert media.closed_folder(host, "/home/ann/iso/w.iso") is None
    (top / "home/ann").chmod(0o750)
    assert media.closed_folder(host, "/home/ann/iso/w.iso") == "/home/ann"
    (top / "etc/passwd").write_text(f"libvirt-qemu:x:{os.getuid()}:1::/:/bin/false\n")
    assert media.closed_folder(host, "/home/ann/iso/w.iso") is None


def test_the_drivers_disc(host: Host) -> None:
    top = Path(host.root)
    for folder in ("usr/share/virtio-win", "var/lib/libvirt/images", "srv"):
        (top / folder).mkdir(parents=True)
    (top / "srv/win.iso").write_bytes(b"")
    install = media.find(host, "/srv/win.iso", "--iso")
    assert find_virtio_iso(host, install) is None
    plain_disc(top / "srv/virtio-win-0.1.262.iso", "virtio-win-0.1.262")
    found = find_virtio_iso(host, install)
    assert found and found.path == "/srv/virtio-win-0.1.262.iso"
    for name in ("0.1.9", "0.1.285"):
        plain_disc(top / f"var/lib/libvirt/images/virtio-win-{name}.iso", f"virtio-win-{name}")
    found = find_virtio_iso(host, install)
    assert found and found.path == "/var/lib/libvirt/images/virtio-win-0.1.285.iso"
    plain_disc(top / "usr/share/virtio-win/virtio-win.iso", "SOMETHING")
    found = find_virtio_iso(host, install)
    assert found and found.path == "/var/lib/libvirt/images/virtio-win-0.1.285.iso", (
        "a disc of another content is not it"
    )


def test_a_drivers_disc_of_another_label_is_the_second_choice_and_windows_is_none(host: Host) -> None:
    top = Path(host.root)
    (top / "usr/share/virtio-win").mkdir(parents=True)
    (top / "srv").mkdir()
    plain_disc(top / "srv/win.iso", "CCCOMA_X64FRE_EN-US_DV9")
    plain_disc(top / "usr/share/virtio-win/virtio-win.iso", "CCCOMA_X64FRE_EN-US_DV9")
    install = media.find(host, "/srv/win.iso", "--iso")
    assert find_virtio_iso(host, install) is None
    plain_disc(top / "usr/share/virtio-win/virtio-win.iso", "ISOIMAGE")
    found = find_virtio_iso(host, install)
    assert found and found.path == "/usr/share/virtio-win/virtio-win.iso"


def test_the_drivers_disc_beside_a_disc_of_this_machine(host: Host, tmp_path: Path) -> None:
    for name in ("win.iso", "virtio-win.iso"):
        plain_disc(tmp_path / name, name.removesuffix(".iso"))
    found = find_virtio_iso(host, media.find(host, str(tmp_path / "win.iso"), "--iso"))
    assert found and (found.path, found.here) == (str(tmp_path / "virtio-win.iso"), True)


def test_folders_inside_their_entries(host: Host) -> None:
    """UDF may keep a small file inside its file entry (ICB flags 3, ECMA-167 14.6.8); a disc is changed to do so."""
    path = Path(host.root, "w.iso")
    windows_disc(path, 26100)
    data = bytearray(path.read_bytes())
    start = next(place for place in range(257 * 2048) if data[place : place + 2] == b"\5\0" and place % 2048 == 0)
    first = struct.unpack_from("<I", data, start + 188)[0]
    changed = 0
    for place in range(0, len(data) - 2048, 2048):
        tag, flags = struct.unpack_from("<H", data, place)[0], struct.unpack_from("<H", data, place + 34)[0]
        if tag == 261 and data[place + 27] == 4 and flags & 7 == 0:  # a folder with its content elsewhere
            extended, _ = struct.unpack_from("<II", data, place + 168)
            length, block = struct.unpack_from("<II", data, place + 176 + extended)
            content = data[(first + block) * 2048 :][: length & 0x3FFFFFFF]
            struct.pack_into("<H", data, place + 34, flags | 3)
            struct.pack_into("<I", data, place + 172, len(content))
            data[place + 176 + extended : place + 176 + extended + len(content)] = content
            data[(first + block) * 2048 : (first + block + 1) * 2048] = bytes(2048)
            changed += 1
    path.write_bytes(bytes(data))
    assert changed == 2
    assert guess(host, "w.iso") == ("win11", True)


# --- drivers that somebody else put there


def test_drivers_beside_the_disc_by_somebody_else(host: Host) -> None:
    """A link, as anybody can make one in /tmp; a file of another user, which only root can lay out."""
    top = Path(host.root)
    (top / "tmp").mkdir()
    (top / "tmp/win.iso").write_bytes(b"")
    plain_disc(top / "drivers.iso", "virtio-win-0.1.262")
    install = media.find(host, "/tmp/win.iso", "--iso")
    (top / "tmp/virtio-win.iso").symlink_to("../drivers.iso")
    assert find_virtio_iso(host, install) is None
    (top / "tmp/virtio-win.iso").unlink()
    (top / "drivers.iso").rename(top / "tmp/virtio-win.iso")
    host.tree.forget()
    if os.geteuid() == 0:
        os.chown(top / "tmp/virtio-win.iso", 4242, 4242)
        assert find_virtio_iso(host, install) is None
        (top / "etc").mkdir()
        (top / "etc/passwd").write_text("libvirt-qemu:x:4242:4242::/:/bin/false\n")
        assert find_virtio_iso(host, install), "libvirt gives it to QEMU while a machine has it"
        (top / "etc/passwd").unlink()
        os.chown(top / "tmp/win.iso", 4242, 4242)
    found = find_virtio_iso(host, install)
    assert found and found.path == "/tmp/virtio-win.iso"
    (top / "usr/share/virtio-win").mkdir(parents=True)
    (top / "usr/share/virtio-win/virtio-win.iso").symlink_to("../../../tmp/virtio-win.iso")
    found = find_virtio_iso(host, install)
    assert found and found.path == "/usr/share/virtio-win/virtio-win.iso", "a package's own link"
