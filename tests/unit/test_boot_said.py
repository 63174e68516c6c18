"""What `bind --boot` says before, and `check` after: about the screen, the picture, and the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.running import on
from tests.unit.test_boot_binding import CARD, with_builder


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
