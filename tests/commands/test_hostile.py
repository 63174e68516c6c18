"""A captured machine is somebody else's: whatever lies in it, no traceback, no wait, no read outside."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.cases import ISO
from tests.commands.running import Machines, on

LINES = (
    "check",
    "groups",
    "iommu status",
    "iommu enable --igfx-off --pt -n",
    "iommu disable -n",
    "bind 01:00.0 -n",
    "unbind 01:00.0 -n",
    f"create hoth --iso {ISO} --gpu 01:00.0 --pin --evdev --print-xml",
    "history",
    "undo --all -n",
)
SECRET = "the-content-of-a-file-outside"
DEVICE = "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0"


def survive(root: Path, secret: str = SECRET) -> None:
    """Every command ends in time with a document that is valid, and tells nothing from outside."""
    for line in LINES:
        ran = on(root, *line.split(), "--json")
        assert ran.envelope["exit_code"] in (0, 1, 2, 3), line
        assert secret not in ran.out + ran.err
        said = on(root, *line.split())
        assert secret not in said.out + said.err
        assert not any(sign in said.out + said.err for sign in ("\x1b", "\x07", "\x00")), line


def files_of(root: Path) -> list[Path]:
    """Every regular file, in order."""
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def replace(path: Path, how: Callable[[Path], object]) -> None:
    """Put something else at the place of whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    how(path)


GARBAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "bytes": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "escapes": lambda path: path.write_bytes(b"\x1b]0;x\x07\x1b[2J\x1b[31m\r\n" * 3),
    "number": lambda path: path.write_bytes(b"9" * 5000 + b"\n"),
    "superscript": lambda path: path.write_text("²\n", encoding="utf-8"),
    "nul": lambda path: path.write_bytes(b"\0" * 100),
    "long-line": lambda path: path.write_bytes(b"0x10de " * 100_000),
    "template": lambda path: path.write_bytes(b"%s%n{0}{x!r}$(touch /tmp/x)`id`;'\"\n"),
    "folder": lambda path: path.mkdir(),
    "pipe": lambda path: os.mkfifo(path),
    "loop": lambda path: path.symlink_to(path.name),
    "out": lambda path: path.symlink_to("../" * 40 + "etc/passwd"),
    "absolute": lambda path: path.symlink_to("/etc/hostname"),
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_everywhere(kind: str, fresh: Machines) -> None:
    """Every file of the machine replaced by the same nonsense."""
    root = fresh("debian")
    for path in files_of(root):
        replace(path, GARBAGE[kind])
    survive(root)


@pytest.mark.parametrize("seed", range(8))
def test_garbage_here_and_there(seed: int, fresh: Machines) -> None:
    """A tenth of the files replaced, each by something else: the rest still leads deep into every command."""
    chance = random.Random(seed)
    root = fresh(chance.choice(["debian", "article-booted", "lvm-crypt-raid", "intel-hybrid"]))
    for path in files_of(root):
        if chance.random() < 0.1:
            replace(path, GARBAGE[chance.choice(sorted(GARBAGE))])
    survive(root)


@pytest.mark.parametrize("seed", range(4))
def test_links_here_and_there(seed: int, fresh: Machines) -> None:
    """A fifth of the links lead to something else inside: to the wrong thing, to nothing, to a parent."""
    chance = random.Random(seed)
    root = fresh("debian")
    links = sorted(path for path in root.rglob("*") if path.is_symlink())
    for path in links:
        if chance.random() < 0.2:
            target = chance.choice(
                ["..", ".", "nowhere", "../../..", "²", "-1", "\udcff", str(chance.choice(links).readlink())]
            )
            path.unlink()
            path.symlink_to(target)
    survive(root)


def test_nothing_is_read_outside(fresh: Machines) -> None:
    """Links to a file beside the machine, relative and absolute, at every place that commands print something of."""
    root = fresh("debian")
    outside = root.parent / "outside"
    outside.write_text(f"{SECRET}\nGRUB_CMDLINE_LINUX_DEFAULT={SECRET}\n")
    names = [
        "proc/cmdline",
        "etc/default/grub",
        "boot/grub/grub.cfg",
        "proc/cpuinfo",
        "etc/os-release",
        "usr/share/misc/pci.ids",
    ]
    names += [
        "run/vdesk/kernel.log",
        "run/vdesk/commands.json",
        "proc/mounts",
        "etc/passwd",
        f"{DEVICE}/modalias",
        "proc/bus/input/devices",
    ]
    for target in (outside, Path("../" * 30) / str(outside).lstrip("/")):
        for name in names:
            replace(root / name, lambda path, target=target: path.symlink_to(target))  # type: ignore[misc]
        survive(root)


@pytest.mark.parametrize(
    "place", ["etc/default", "sys/bus/pci/devices", "sys/bus/pci", "proc", "var/lib/vdesk", "var", "etc/vdesk"]
)
def test_nothing_is_written_outside(place: str, fresh: Machines) -> None:
    """A folder that commands write below is a link out: they refuse, and the folder outside stays empty."""
    root = fresh("debian")
    outside = root.parent / "outside"
    outside.mkdir()
    replace(root / place, lambda path: path.symlink_to("../" * 30 + str(outside).lstrip("/")))
    for line in (
        "iommu enable --igfx-off -y",
        "bind 01:00.0 -y",
        f"create hoth --iso {ISO} --connect test:///default -y",
    ):
        assert on(root, *line.split(), "--json").envelope["exit_code"] != 5
    assert os.listdir(outside) == []


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]", "{}", "null", '"x"', "[[[]]]", "[{}]", '[{"argv": "virsh"}]', '[{"argv": [1], "stdout": 2}]',
        "[" * 100_000,
        '[{"argv": ["virsh", "--version"], "exit_code": "0", "stdout": {"a": 1}, "stderr": null}]', "not json", "",
        '[{"argv": ["qemu-system-x86_64", "--version"], "exit_code": 1e400, "stdout": "\\ud800"}]',
    ],
    ids=[str(number) for number in range(13)],
)  # fmt: skip
def test_recorded_commands_of_any_shape(text: str, fresh: Machines) -> None:
    root = fresh("debian")
    (root / "run/vdesk/commands.json").write_text(text)
    (root / "run/vdesk/machine.json").write_text(text)
    survive(root)


@pytest.mark.parametrize("name", ["²", "-1", "0x1", "99999999999999999999999", "a b", "\udcff", "1\n2", "0000:01:00.0"])
def test_odd_names(name: str, fresh: Machines) -> None:
    """Groups, devices, drivers and processes whose names are none."""
    root = fresh("debian")
    for folder in (
        "sys/kernel/iommu_groups",
        "sys/bus/pci/devices",
        "sys/bus/pci/drivers",
        "sys/class/drm",
        "sys/class/net",
        "proc",
        "sys/class/block",
    ):
        (root / folder / name).mkdir(exist_ok=True)
    replace(root / DEVICE / "iommu_group", lambda path: path.symlink_to(f"../../../../kernel/iommu_groups/{name}"))
    replace(root / DEVICE / "driver", lambda path: path.symlink_to(f"../../../../bus/pci/drivers/{name}"))
    survive(root)


def test_a_huge_file(fresh: Machines) -> None:
    """A file of many gigabytes is not read; it has no bytes on the disk here."""
    root = fresh("debian")
    for name in (
        "proc/cpuinfo",
        "etc/default/grub",
        f"{DEVICE}/vendor",
        f"{DEVICE}/rom",
        "run/vdesk/kernel.log",
        "usr/share/misc/pci.ids",
    ):
        with (root / name).open("wb") as file:
            file.truncate(64 << 30)
    survive(root)


def test_what_could_not_be_read_is_unknown(fresh: Machines) -> None:
    """Not absent: `check` says that it does not know, and no command takes it for a no."""
    root = fresh("debian")
    names = [
        "sys/kernel/iommu_groups",
        "sys/class/iommu",
        "proc/cpuinfo",
        "etc/default/grub",
        "sys/firmware/acpi/tables",
    ]
    text = '{"unreadable": [' + ", ".join(f'"{name}"' for name in names) + "]}"
    (root / "run/vdesk/machine.json").write_text(text)
    survive(root)
    ran = on(root, "check", "--json")
    levels = {each["id"]: each["level"] for each in ran.envelope["findings"]}
    assert (ran.code, levels["kernel.iommu"], levels["cpu.virtualization"]) == (3, "unknown", "unknown")


@pytest.mark.parametrize(
    "line", ["groups", "bind 01:00.0 -n", "unbind 01:00.0 -n", f"create hoth --iso {ISO} -n", "gpu list"]
)
def test_groups_that_could_not_be_read(line: str, fresh: Machines) -> None:
    """What rests on the groups is refused: which devices go together is not known."""
    root = fresh("debian")
    (root / "run/vdesk/machine.json").write_text('{"unreadable": ["sys/kernel/iommu_groups"]}')
    ran = on(root, *line.split(), "--json")
    assert (ran.code, ran.envelope["status"], ran.errors) == (3, "refused", ["host.groups-unreadable"])
    assert "/sys/kernel/iommu_groups" in ran.envelope["errors"][0]["what"]


@pytest.mark.parametrize("name", ["domcapabilities.xml", "capabilities.xml"])
def test_capabilities_with_bytes_that_are_no_text(name: str, fresh: Machines) -> None:
    root = fresh("article-booted")
    folder = root / "run/vdesk"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"<domainCapabilities>\xff</domainCapabilities>")
    for line in (f"create hoth --iso {ISO} --gpu 01:00.0 --print-xml", f"setup --iso {ISO} -n"):
        ran = on(root, *line.split(), "--json")
        assert not any(each["id"] == "internal" for each in ran.envelope["errors"]), line
    assert on(root, *f"create hoth --iso {ISO} --gpu 01:00.0 --print-xml".split()).code == 0
