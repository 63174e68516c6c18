"""What `bind --boot` says before, and `check` after: about the screen, the picture, and the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.running import on
from tests.unit.test_boot_binding import CARD, IGPU, finding, program, tried, with_builder


@pytest.fixture
def debian(memory: Path) -> Path:
    """A card on nouveau with its sound, and initramfs-tools."""
    return with_builder(memory / "debian", "mkinitramfs")


def test_where_a_passphrase_is_asked_for(debian: Path) -> None:
    """On the firmware's screen: said where that is on the card that goes, and a disk is encrypted."""
    asked = "its passphrase is asked for on the firmware's screen, on 0000:01:00.0"
    (debian / f"sys/bus/pci/devices/{CARD}/boot_vga").write_text("1\n")
    argv = ("bind", CARD, "--boot", "-n", "--force", "host-display")
    assert asked not in on(debian, *argv).out
    encrypted = debian / "sys/class/block/dm-0/dm"
    encrypted.mkdir(parents=True)
    (encrypted / "uuid").write_text("CRYPT-LUKS2-0-root\n")
    assert asked in on(debian, *argv).out
    (debian / f"sys/bus/pci/devices/{CARD}/boot_vga").write_text("0\n")
    assert asked not in on(debian, *argv).out


# --- the picture that a boot has to show ------------------------------------------------------------------------------

LIST = "etc/vdesk/devices"


def asleep(root: Path) -> None:
    """No monitor answers."""
    for status in root.glob("sys/class/drm/card*-*/status"):
        status.write_text("disconnected\n")


def with_desktop(root: Path) -> None:
    """It boots to a display manager."""
    link = root / "etc/systemd/system/display-manager.service"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("/usr/lib/systemd/system/gdm3.service")


def asks(root: Path) -> bool:
    """Whether boots have to show a picture."""
    return "display none" not in (root / LIST).read_text()


def without_igpu(root: Path) -> None:
    """The machine keeps no output."""
    for path in root.glob("sys/class/drm/card*"):
        if path.is_symlink() and IGPU in str(path.resolve()):
            path.unlink()
    (root / f"sys/bus/pci/devices/{IGPU}").unlink()


def test_a_monitor_is_asleep(debian: Path) -> None:
    """A black desktop must not be taken for a good boot; the trial is told as it is."""
    asleep(debian)
    with_desktop(debian)
    assert "No monitor answers now: it may be off or asleep" in on(debian, "bind", CARD, "--boot", "-n").out
    said = on(debian, "bind", CARD, "--boot", "--yes").out
    assert asks(debian) and "reaches the desktop with a picture" in said


def test_a_machine_that_boots_to_text(debian: Path) -> None:
    """A server without a monitor can bind at boot; what confirms a boot is said, and it can be made stricter later."""
    asleep(debian)
    assert "so boots are not asked for a picture" in on(debian, "bind", CARD, "--boot", "-n").out
    said = on(debian, "bind", CARD, "--boot", "--yes").out
    assert not asks(debian) and "reaches the desktop with a picture" not in said
    assert "when it reaches multi-user.target, the binding stays, with a picture or without" in said
    assert on(debian, "bind", CARD, "--boot", "--yes", "--json").envelope["changes"] == []
    next(debian.glob("sys/class/drm/card*-*/status")).write_text("connected\n")
    found = on(debian, "bind", CARD, "--boot", "--yes", "--json").envelope
    assert [each["summary"] for each in found["changes"]] == [
        "ask boots that bind 0000:01:00.0, 0000:01:00.1 for a picture"
    ]
    assert asks(debian)
    assert on(debian, "undo", "--yes").code == 0 and not asks(debian)
    asleep(debian)
    assert on(debian, "bind", CARD, "--boot", "--yes", "--json").envelope["changes"] == []


def test_what_was_asked_for_stays_so(debian: Path) -> None:
    """Another device comes onto the list while the monitor sleeps."""
    usb = next(path.name for path in (debian / "sys/bus/pci/devices").iterdir() if "0c0330" in _class(path))
    on(debian, "bind", CARD, "--boot", "--yes")
    asleep(debian)
    assert on(debian, "bind", usb, "--boot", "--yes", "--force", "last-input").code == 0 and asks(debian)


def _class(path: Path) -> str:
    return (path / "class").read_text()


@pytest.mark.parametrize("text", [False, True])
def test_a_machine_without_another_output(debian: Path, text: bool) -> None:
    """Nothing could ever show a picture, desktop or not."""
    asleep(debian)
    without_igpu(debian)
    if not text:
        with_desktop(debian)
    assert on(debian, "bind", CARD, "--boot", "--yes", "--force", "host-display").code == 0
    assert not asks(debian)


def test_the_only_picture_is_asked_for(debian: Path) -> None:
    """Its card is bound by force: without that proof no boot would heal."""
    without_igpu(debian)
    next(debian.glob("sys/class/drm/card*-*/status")).write_text("connected\n")
    assert on(debian, "bind", CARD, "--boot", "--yes", "--force", "host-display", "--force", "in-use").code == 0
    assert asks(debian)


# --- files of another builder, of another vdesk -----------------------------------------------------------------------


def test_check_sees_that_another_program_builds_the_images(debian: Path) -> None:
    on(debian, "bind", CARD, "--boot", "--yes")
    tried(debian, "confirmed", proven="yes")
    assert (finding(debian) or {})["level"] == "ok"
    (debian / "usr/sbin/mkinitramfs").unlink()
    program(debian, "dracut")
    found = finding(debian)
    assert found and found["level"] == "warn" and found["title"].startswith("dracut builds the initramfs now")
    assert "sudo vdesk bind 0000:01:00.0 0000:01:00.1 --boot" in found["remedy"]
    assert on(debian, "bind", CARD, "--boot", "--yes").code == 0
    assert (finding(debian) or {})["level"] == "ok"


def test_check_sees_files_of_another_vdesk(debian: Path) -> None:
    on(debian, "bind", CARD, "--boot", "--yes")
    tried(debian, "confirmed", proven="yes")
    (debian / "etc/vdesk/hold").write_text("#!/bin/sh\n")
    found = finding(debian)
    assert found and found["level"] == "warn" and found["evidence"] == "/etc/vdesk/hold"
    (debian / "etc/vdesk/boot").unlink()
    assert (finding(debian) or {})["level"] == "ok", "captured by a vdesk that did not look"
