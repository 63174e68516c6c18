"""`bind --boot`, `unbind --boot` and `bind --list` on captured machines: the whole difference, and what is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from tests.trees import Difference, Snapshot, difference, snapshot
from vdesk.initramfs import dracut, initramfs_tools, mkinitcpio

CARD, SOUND, IGPU = "0000:01:00.0", "0000:01:00.1", "0000:00:02.0"
LIST, STATE = "etc/vdesk/devices", "var/lib/vdesk/boot/state"
UNITS = "etc/systemd/system"
FILES = [
    "etc/systemd",
    UNITS,
    *(f"{UNITS}/{each}.target.d{file}" for each in ("multi-user", "sysinit") for file in ("", "/vdesk.conf")),
    *(f"{UNITS}/vdesk-{each}.service" for each in ("boot-proof", "boot-release", "boot", "hold")),
    "etc/vdesk",
    "etc/vdesk/boot",
    LIST,
    "etc/vdesk/hold",
]
TOOLS = "etc/initramfs-tools"


@pytest.fixture
def debian(memory: Path) -> Path:
    """A card on nouveau with its sound, and initramfs-tools."""
    return with_builder(memory / "debian", "mkinitramfs")


def with_builder(folder: Path, *names: str) -> Path:
    """The machine with these programs, and no other that builds an initramfs; all quiet on the sound card."""
    root = build("debian", folder)
    for old in ("mkinitramfs", "update-initramfs", "dracut", "mkinitcpio"):
        for place in ("usr/sbin", "usr/bin"):
            (root / place / old).unlink(missing_ok=True)
    for name in names:
        program(root, name)
    return root


def program(root: Path, name: str) -> None:
    """Something to be found under that name."""
    place = root / "usr/sbin" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("")
    place.chmod(0o755)
    (root / "usr/lib/dracut/modules.d").mkdir(parents=True, exist_ok=True)
    (root / "etc/initcpio").mkdir(parents=True, exist_ok=True)


def outside_sys(before: Snapshot, root: Path) -> Difference:
    return difference(before, snapshot(root), ("var/lib/vdesk", "sys"))


def rows(root: Path) -> list[str]:
    return [line for line in (root / LIST).read_text().splitlines() if not line.startswith("#")]


def finding(root: Path) -> dict[str, Any] | None:
    found = on(root, "check", "--json").envelope["findings"]
    return next((each for each in found if each["id"] == "boot.binding"), None)


def tried(root: Path, phase: str, **more: str) -> None:
    """What the program writes after boots."""
    from vdesk.at_boot.listed import digest

    place = root / STATE
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"phase": phase, "digest": digest((root / LIST).read_text()), **more}))


def test_bound_now_and_at_boot(debian: Path) -> None:
    before = snapshot(debian)
    found = on(debian, "bind", CARD, "--boot", "--yes", "--json").envelope
    assert found["status"] == "ok"
    assert [(each["kind"], each["state"]) for each in found["changes"]] == [
        ("boot-binding", "done"),
        ("refresh", "skipped"),
        ("command", "skipped"),
        ("driver", "done"),
        ("driver", "done"),
        ("initramfs", "skipped"),
    ]
    assert [each["driver"] for each in found["data"]["devices"]] == ["vfio-pci", "vfio-pci"]
    moved = outside_sys(before, debian)
    scripts = [TOOLS, *parents(path for path, _, _ in initramfs_tools.builder(None).files)]  # type: ignore[arg-type]
    assert sorted(moved.added) == sorted({*FILES, *scripts}) and not moved.removed and not moved.changed
    assert [row.split()[0] for row in rows(debian)] == [CARD, SOUND]
    for each in moved.added:
        if (debian / each).is_file():
            mode = 0o755 if each.startswith(TOOLS) else 0o644
            assert (debian / each).stat().st_mode & 0o777 == mode, each
    assert on(debian, "bind", CARD, "--boot", "--json").envelope["changes"] == []
    assert "Bound at every boot already." in on(debian, "bind", CARD, "--boot").out


def parents(paths: Any) -> list[str]:
    found = set()
    for path in paths:
        while path not in ("etc", "usr", "usr/lib"):
            found.add(path)
            path = path.rpartition("/")[0]
    return sorted(found)


@pytest.mark.parametrize("way", ["unbind", "undo", "undo after a reboot"])
def test_given_back(debian: Path, way: str) -> None:
    """Nothing is left, by either way; after a reboot the drivers are the kernel's to choose."""
    before = snapshot(debian)
    on(debian, "bind", CARD, "--boot", "--yes")
    tried(debian, "confirmed", proven="yes")
    if way == "unbind":
        assert on(debian, "unbind", CARD, "--boot", "--yes").code == 0
    elif way == "undo":
        assert on(debian, "undo", "--yes").code == 0
    else:
        (debian / "proc/sys/kernel/random/boot_id").write_text("another\n")
        assert on(debian, "undo", "--yes").code == 0
    own = ("var/lib/vdesk/journal", "var/lib/vdesk/lock", *(["sys", "proc"] if "reboot" in way else []))
    assert not difference(before, snapshot(debian), own)
    assert "nothing to take back" in on(debian, "undo", "--all", "--yes").out


def test_one_of_two(debian: Path) -> None:
    """Devices come and go alone; whatever is undone first, the others stay."""
    usb = next(path.name for path in (debian / "sys/bus/pci/devices").iterdir() if _class(path) == "0x0c0330")
    before = snapshot(debian)
    assert on(debian, "bind", CARD, "--boot", "--yes").code == 0
    more = on(debian, "bind", usb, "--boot", "--yes", "--force", "last-input")
    assert more.code == 0, more.err
    assert [row.split()[0] for row in rows(debian)] == sorted([CARD, SOUND, usb])
    assert on(debian, "undo", "1", "--yes").code == 0
    assert [row.split()[0] for row in rows(debian)] == [usb] and (debian / "etc/vdesk/boot").exists()
    assert on(debian, "undo", "--all", "--yes").code == 0
    assert not outside_sys(before, debian)
    on(debian, "bind", CARD, "--boot", "--yes")
    on(debian, "bind", usb, "--boot", "--yes", "--force", "last-input")
    assert f"Still bound at boot: {CARD}, {SOUND}" in on(debian, "unbind", usb, "--boot", "--yes").out
    assert [row.split()[0] for row in rows(debian)] == [CARD, SOUND]
    on(debian, "undo", "--all", "--yes")
    assert not outside_sys(before, debian)


def _class(path: Path) -> str:
    return (path / "class").read_text().strip()


def test_rules_hold(debian: Path) -> None:
    before = snapshot(debian)
    refused = on(debian, "bind", IGPU, "--boot", "--yes", "--json")
    assert refused.code == 3 and refused.envelope["errors"][0]["id"] == "rule.host-display"
    assert not difference(before, snapshot(debian))


def test_a_plain_unbind_says_that_it_comes_again(debian: Path) -> None:
    on(debian, "bind", CARD, "--boot", "--yes")
    said = on(debian, "unbind", CARD, "--yes").out
    assert "The next boot binds" in said and f"vdesk unbind {CARD} {SOUND} --boot" in said
    assert len(rows(debian)) == 2


def test_unbind_of_what_is_not_bound_at_boot(debian: Path) -> None:
    on(debian, "bind", CARD, "--yes")
    said = on(debian, "unbind", CARD, "--boot", "--yes")
    assert said.code == 0 and "None of these is bound at boot" in said.out
    assert on(debian, "unbind", "0000:7f:00.0", "--boot", "--yes").code == 2


@pytest.mark.parametrize("name", ["dracut", "mkinitcpio"])
def test_other_builders(memory: Path, name: str) -> None:
    root = with_builder(memory / "root", name)
    before = snapshot(root)
    on(root, "bind", CARD, "--boot", "--yes")
    tool = {"dracut": dracut, "mkinitcpio": mkinitcpio}[name]
    for path, text, mode in tool.builder(None if name == "mkinitcpio" else _Without()).files:
        assert (root / path).read_text() == text and (root / path).stat().st_mode & 0o777 == mode
    assert not (root / TOOLS).exists()
    assert on(root, "unbind", CARD, "--boot", "--yes").code == 0
    assert not difference(before, snapshot(root), ("var/lib/vdesk",))


class _Without:
    """A host without any program."""

    def which(self, program: str) -> None:
        return None


def test_without_a_builder(memory: Path) -> None:
    """The units do it; that is said."""
    found = on(with_builder(memory / "root"), "bind", CARD, "--boot", "-n")
    assert "No initramfs builder that vdesk knows" in found.out and "update-initramfs" not in found.out


def test_the_builder_is_another_one_since(debian: Path) -> None:
    """initramfs-tools made way for dracut: what was there for it goes too."""
    before = snapshot(debian)
    on(debian, "bind", CARD, "--boot", "--yes")
    (debian / "usr/sbin/mkinitramfs").unlink()
    program(debian, "dracut")
    assert on(debian, "bind", CARD, "--boot", "--yes").code == 0
    assert (debian / "usr/lib/dracut/modules.d/90vdesk/module-setup.sh").exists()
    on(debian, "undo", "--all", "--yes")
    moved = difference(before, snapshot(debian), ("var/lib/vdesk",))
    assert (moved.added, moved.removed) == (["usr/sbin/dracut"], ["usr/sbin/mkinitramfs"])


# --- what is said of it -----------------------------------------------------------------------------------------------


def test_the_list(debian: Path) -> None:
    empty = on(debian, "bind", "--list", "--json").envelope
    assert empty["data"] == {"devices": [], "trial": None} and empty["exit_code"] == 0
    on(debian, "bind", CARD, "--boot", "--yes")
    found = on(debian, "bind", "--list", "--json").envelope["data"]
    assert [(each["address"], each["state"], each["driver"]) for each in found["devices"]] == [
        (CARD, "bound", "vfio-pci"),
        (SOUND, "bound", "vfio-pci"),
    ]
    assert found["trial"] == {"state": "armed", "reason": None, "proven": False, "this_boot": False}
    assert "GM206" in on(debian, "bind", "--list").out
    for more in ((CARD,), ("--boot",), ("--only",), ("--force", "in-use")):
        assert on(debian, "bind", "--list", *more).code == 2
    assert on(debian, "bind").code == 2


def test_check_says_how_it_stands(debian: Path) -> None:
    assert finding(debian) is None
    on(debian, "bind", CARD, "--boot", "--yes")
    boot = (debian / "proc/sys/kernel/random/boot_id").read_text().strip()
    said = {
        "armed": ("info", "which is a trial"),
        "trying": ("info", "on trial"),
        "confirmed": ("ok", "bound at boot"),
        "skipped": ("warn", "left the binding out"),
        "failed": ("warn", "binding at boot is off"),
    }
    for phase, (level, words) in said.items():
        tried(debian, phase, **({"boot": boot} if phase != "armed" else {}))
        found = finding(debian)
        assert found and found["level"] == level and words in found["title"], (phase, found)
    tried(debian, "failed", reason="no graphics card is left to the host")
    found = finding(debian)
    assert found and found["cause"] == "no graphics card is left to the host"
    assert f"sudo vdesk bind {CARD} {SOUND} --boot" in found["remedy"]


def test_check_after_a_boot_without(debian: Path) -> None:
    """vdesk.off, or given away since: what is free is named, with the reason."""
    on(debian, "bind", CARD, "--boot", "--yes")
    on(debian, "unbind", CARD, "--yes")
    boot = (debian / "proc/sys/kernel/random/boot_id").read_text().strip()
    tried(debian, "confirmed", boot=boot, proven="yes")
    found = finding(debian)
    assert found and found["level"] == "warn" and f"{CARD}: given away since the boot" in found["cause"]
    cmdline = debian / "proc/cmdline"
    cmdline.write_text(cmdline.read_text().strip() + " vdesk.off\n")
    found = finding(debian)
    assert found and found["cause"] == "vdesk.off was on the kernel command line"


def test_tried_again_on_demand(debian: Path) -> None:
    """Binding once more after a failure forgets it; no image has to be built for that."""
    on(debian, "bind", CARD, "--boot", "--yes")
    tried(debian, "failed", reason="no picture")
    found = on(debian, "bind", CARD, "--boot", "--yes", "--json").envelope
    assert [each["kind"] for each in found["changes"]] == ["boot-binding"]
    assert on(debian, "bind", "--list", "--json").envelope["data"]["trial"]["state"] == "armed"


def test_another_device_is_at_the_address_now(debian: Path) -> None:
    on(debian, "bind", CARD, "--boot", "--yes")
    (debian / f"sys/bus/pci/devices/{CARD}/device").write_text("0x1403\n")
    found = finding(debian)
    assert found and found["level"] == "warn" and f"{CARD} (another device is there)" in found["title"]
    states = [each["state"] for each in on(debian, "bind", "--list", "--json").envelope["data"]["devices"]]
    assert states == ["other-device", "bound"]
    assert "another device is at this address" in on(debian, "bind", "--list").out
    assert on(debian, "unbind", CARD, "--boot", "--yes").code == 0
    assert not (debian / LIST).exists()


def test_a_list_edited_by_hand(debian: Path) -> None:
    """Lines that are none are left out, and gone with the next change; a person's devices count."""
    on(debian, "bind", CARD, "--boot", "--yes")
    with (debian / LIST).open("a") as file:
        file.write("0000:00:1f.3 8086:a170 1043:8694\nnonsense\n\x1b[31m 0000:01:00.0\n")
    assert len(on(debian, "bind", "--list", "--json").envelope["data"]["devices"]) == 3
    assert on(debian, "undo", "--all", "--yes").code == 0
    assert rows(debian) == ["0000:00:1f.3 8086:a170 1043:8694"]
