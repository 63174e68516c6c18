"""`vdesk capture`: it says the same as the machine, holds nothing private, and hostile archives are refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.private import PRIVATE, plant
from tests.commands.running import vdesk
from tests.machines.builder import build, names
from vdesk.host import archive

LINES = ("check", "groups", "iommu status", "gpu list", "gpu query", "bind 01:00.0 --dry-run", "iommu enable --dry-run")


def said(root: Path, line: str) -> dict[str, object]:
    return vdesk("--root", root, *line.split(), "--json").envelope


@pytest.mark.parametrize("name", names())
def test_the_same_is_seen_in_it(name: str, tmp_path: Path) -> None:
    root = build(name, tmp_path / "machine")
    ran = vdesk("--root", root, "capture", tmp_path / "captured", "--json")
    assert ran.code == 0 and ran.envelope["data"]["files"] > 0
    for line in LINES:
        assert said(tmp_path / "captured", line) == said(root, line), line


@pytest.mark.parametrize("suffix", [".tar.zst", ".tar.gz", ".tar.xz", ".tar"])
def test_as_one_file(suffix: str, tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    file = tmp_path / f"machine{suffix}"
    assert vdesk("--root", root, "capture", file).code == 0
    assert said(file, "check") == said(root, "check")
    assert str(tmp_path) not in json.dumps(said(file, "bind 01:00.0 --dry-run"))


# --- private data


def test_nothing_private_is_in_it(tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    plant(root)
    assert vdesk("--root", root, "capture", tmp_path / "captured").code == 0
    found = tmp_path / "captured"
    everything: list[bytes] = []
    for place, folders, files in os.walk(found):
        everything += [os.fsencode(f"{place}/{name}"[len(str(found)) :]) for name in (*folders, *files)]
        for name in (*folders, *files):
            each = Path(place, name)
            everything.append(os.readlink(each).encode() if each.is_symlink() else b"")
            everything.append(each.read_bytes() if each.is_file() and not each.is_symlink() else b"")
    whole = b"\n".join(everything).lower()
    assert not [word for word in PRIVATE if word.lower().encode() in whole]
    assert b"options vfio-pci ids=10de:1402" in whole and b"user:x:1000" in whole
    levels = [(each["id"], each["level"]) for each in vdesk("--root", found, "check", "--json").envelope["findings"]]
    there = [(each["id"], each["level"]) for each in vdesk("--root", root, "check", "--json").envelope["findings"]]
    assert levels == there


def test_of_the_kernels_configuration_only_what_is_looked_for(tmp_path: Path) -> None:
    root = build("debian", tmp_path / "machine")
    (config,) = (root / "boot").glob("config-*")
    config.write_text(f"{config.read_text()}CONFIG_LOCALVERSION='mine'\n")
    assert vdesk("--root", root, "capture", tmp_path / "captured").code == 0
    kept = (tmp_path / "captured/boot" / config.name).read_text()
    assert "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y\n" in kept and "LOCALVERSION" not in kept


def test_short_logins_and_the_running_name(tmp_path: Path) -> None:
    """A login of two letters is a name too, and a machine without /etc/hostname has one; `pt` and `ab` say other
    things than who sits there."""
    root = build("article-booted", tmp_path / "machine")
    (root / "etc/hostname").unlink(missing_ok=True)
    (root / "proc/sys/kernel").mkdir(parents=True, exist_ok=True)
    (root / "proc/sys/kernel/hostname").write_text("cloud-city\n")
    (root / "proc/cmdline").write_text("root=/dev/mapper/cloud--city--vg-root quiet iommu=pt\n")
    rows = [f"{name}:x:{1001 + number}:1000::/:/bin/sh" for number, name in enumerate(("bo", "pt", "ab"))]
    (root / "etc/passwd").write_text((root / "etc/passwd").read_text() + "\n".join(rows) + "\n")
    with (root / "etc/default/grub").open("a") as grub:
        grub.write("# by bo, for bob\n")
    assert vdesk("--root", root, "capture", tmp_path / "captured").code == 0
    assert (tmp_path / "captured/proc/cmdline").read_text() == "root=/dev/mapper/host--vg-root quiet iommu=pt\n"
    assert (tmp_path / "captured/etc/default/grub").read_text().endswith("# by user, for bob\n")
    assert not [path for path in (tmp_path / "captured").rglob("*") if "cloud" in path.name]


def test_processes_that_hold_no_device_are_nobodys_business(tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    for pid, target in (("77", "/dev/snd/controlC1"), ("78", "/home/me/diary")):
        (root / f"proc/{pid}/fd").mkdir(parents=True)
        (root / f"proc/{pid}/comm").write_text(f"program{pid}\n")
        (root / f"proc/{pid}/fd/3").symlink_to(target)
        (root / f"proc/{pid}/fd/4").symlink_to("/home/me/letters")
    assert vdesk("--root", root, "capture", tmp_path / "captured").code == 0
    kept = sorted(path.name for path in (tmp_path / "captured/proc").iterdir() if path.name.isdecimal())
    assert "78" not in kept and not list((tmp_path / "captured/proc").glob("*/fd/4"))


# --- where it goes


@pytest.mark.parametrize("name", ["there.tar.gz", "full", "machine.txt"])
def test_nothing_is_written_over(name: str, tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "there.tar.gz").write_text("mine")
    before = sorted(path.name for path in tmp_path.rglob("*") if "machine/" not in str(path))
    ran = vdesk("--root", root, "capture", tmp_path / name, "--json")
    assert (ran.code, ran.errors) == (2, ["usage.file-exists"])
    assert sorted(path.name for path in tmp_path.rglob("*") if "machine/" not in str(path)) == before


@pytest.mark.parametrize("name", ["no where/machine", "no where/machine.tar.gz", "there.tar.gz/machine"])
def test_a_folder_that_is_not_there(name: str, tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    (tmp_path / "there.tar.gz").write_text("mine")
    ran = vdesk("--root", root, "capture", tmp_path / name, "--json")
    assert (ran.code, ran.errors) == (2, ["usage.no-file"])
    assert "mkdir -p" in ran.envelope["errors"][0]["remedy"]


def test_dry_run_and_an_empty_folder(tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    (tmp_path / "empty").mkdir()
    assert vdesk("--root", root, "capture", tmp_path / "empty", "--dry-run").code == 0
    assert not list((tmp_path / "empty").iterdir())
    assert vdesk("--root", root, "capture", tmp_path / "empty").code == 0
    assert (tmp_path / "empty/run/vdesk/machine.json").exists()


# --- archives that nobody should trust

Fill = Callable[[tarfile.TarFile], None]


def member(name: str, data: bytes = b"x", **more: object) -> Fill:
    def add(file: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for key, value in more.items():
            setattr(info, key, value)
        file.addfile(info, io.BytesIO(data) if info.isreg() else None)

    return add


def many(*fills: Fill) -> Fill:
    def add(file: tarfile.TarFile) -> None:
        for fill in fills:
            fill(file)

    return add


HOSTILE: dict[str, Fill] = {
    "absolute": member("/etc/evil"),
    "above": member("../evil"),
    "above, inside": member("a/../../evil"),
    "hard link": member("a", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "device": member("null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "pipe": member("pipe", b"", type=tarfile.FIFOTYPE),
    "through a link": many(member("a", b"", type=tarfile.SYMTYPE, linkname="/tmp"), member("a/evil")),
    "over a link": many(member("a", b"", type=tarfile.SYMTYPE, linkname="/tmp/evil"), member("a")),
    "over a file": many(member("a"), member("a")),
    "a folder over a file": many(member("a"), member("a/b")),
    "long name": member("a" * 5000),
    "huge": member("big", b"\0" * ((64 << 20) + 1)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "private"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    file = tmp_path / "evil.tar.gz"
    with tarfile.open(file, "w:gz") as made:
        HOSTILE[name](made)
    ran = vdesk("--root", file, "check", "--json")
    assert (ran.code, ran.errors) == (2, ["usage.archive"])
    assert not list(place.iterdir()) and not Path("/tmp/evil").exists()


@pytest.mark.parametrize("suffix", [".tar.zst", ".tar.gz", ".tar.xz", ".tar"])
def test_a_cut_archive_says_nothing(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a machine would be judged like a whole one: files that were cut off are no files that are not there."""
    root, file = build("article-booted", tmp_path / "machine"), tmp_path / f"machine{suffix}"
    assert vdesk("--root", root, "capture", file).code == 0
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    whole = file.read_bytes()
    places = [len(whole) * part // 8 for part in (2, 5, 6, 7)]
    if suffix == ".tar":
        end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
        places += [end, end + 512, *range(512, 5120, 512)]  # before a header, and between the two blocks of the end
    for place in places:
        file.write_bytes(whole[:place])
        ran = vdesk("--root", file, "check", "--json")
        assert (ran.code, ran.errors) == (2, ["usage.archive"]), place
    assert not list(tmp_path.glob("vdesk-demo-*"))


def test_a_name_deeper_than_any_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "deep.tar"
    with tarfile.open(file, "w") as made:
        member("a/" * 2000 + "b")(made)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ran = vdesk("--root", file, "check", "--json")
    assert (ran.code, ran.errors) == (2, ["usage.archive"])
    assert not list(tmp_path.glob("vdesk-demo-*"))


@pytest.mark.parametrize("suffix", [".tar.zst", ".tar.gz", ".tar.xz", ".tar"])
def test_bytes_that_are_no_archive(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"broken{suffix}"
    for data in (b"", b"no archive at all", b"\x1f\x8b\x08" + bytes(40), b"\x28\xb5\x2f\xfd" + bytes(99)):
        file.write_bytes(data)
        assert vdesk("--root", file, "check", "--json").code in (2, 3)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """Files that are each small enough, and without end: the sum counts."""
    file = tmp_path / "bomb.tar.gz"
    zeros, count = bytes(archive.MOST_FILE), archive.MOST_ALL // archive.MOST_FILE + 1
    with tarfile.open(file, "w:gz", compresslevel=1) as made:
        many(*(member(f"{number}", zeros) for number in range(count)))(made)
    assert vdesk("--root", file, "check", "--json").errors == ["usage.archive"]


def test_links_in_an_archive_lead_nowhere_outside(tmp_path: Path) -> None:
    file = tmp_path / "links.tar.gz"
    with tarfile.open(file, "w:gz") as made:
        many(
            member("etc/hostname", b"", type=tarfile.SYMTYPE, linkname="/etc/hostname"),
            member("proc/cmdline", b"", type=tarfile.SYMTYPE, linkname="../../../../../proc/cmdline"),
        )(made)
    assert vdesk("--root", file, "check", "--json").code == 3


def test_what_is_another_for_each_process(tmp_path: Path) -> None:
    """/proc/net and /proc/mounts lead through /proc/self, a link to a number that is gone when the capture is read."""
    root = build("article-booted", tmp_path / "machine")
    route, mounts = (root / "proc/net/route").read_bytes(), (root / "proc/self/mountinfo").read_bytes()
    shutil.rmtree(root / "proc/net")
    shutil.rmtree(root / "proc/self")
    (root / "proc/4711/net").mkdir(parents=True)
    (root / "proc/4711/net/route").write_bytes(route)
    (root / "proc/4711/mountinfo").write_bytes(mounts)
    (root / "proc/self").symlink_to("4711")
    (root / "proc/net").symlink_to("self/net")
    ids = root / "usr/share/misc/pci.ids"
    ids.write_text(ids.read_text().replace("\n\t", "\n# a remark in the middle\n\t"))
    assert vdesk("--root", root, "capture", tmp_path / "captured").code == 0
    for line in ("check", "groups"):
        assert said(tmp_path / "captured", line) == said(root, line), line
