"""mkinitcpio's part of binding at boot, run as mkinitcpio(8) does: its configuration is sourced, then each hook's
`build` is called; a fake writes down what would go into the image."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.unit.test_boot_binding import CARD, with_builder
from vdesk.initramfs.mkinitcpio import LATE_FILE, LATE_UNIT, UNIT

# The functions of mkinitcpio's that install hooks call (mkinitcpio(8), "Build hooks"), and its order of sourcing.
MKINITCPIO = r"""
set -eu
add_file() { [[ -f "$ROOT$1" ]] || { echo "missing $1"; exit 1; }; echo "file ${2:-$1}"; }
add_binary() { echo "binary $1"; }
add_symlink() { echo "link $1 -> $2"; }
add_runscript() { [[ -f "$ROOT/etc/initcpio/hooks/$hook" ]] || exit 1; echo "runscript $hook"; }
HOOKS=($GIVEN)
for conf in "$ROOT"/etc/mkinitcpio.conf.d/*.conf; do . "$conf"; done
echo "hooks ${HOOKS[*]}"
for hook in "${HOOKS[@]}"; do
    [[ -f "$ROOT/etc/initcpio/install/$hook" ]] || continue
    sed "s, /etc/vdesk/devices ]], $ROOT/etc/vdesk/devices ]]," "$ROOT/etc/initcpio/install/$hook" > "$ROOT/build.sh"
    . "$ROOT/build.sh"
    build
done
"""


def image(root: Path, hooks: str) -> list[str]:
    """What an image with these hooks would be made of."""
    argv = ["bash", "-c", MKINITCPIO]
    environment = {"ROOT": str(root), "GIVEN": hooks, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


@pytest.fixture
def arch(memory: Path) -> Path:
    """A machine whose images mkinitcpio makes, with the card bound at boot."""
    root = with_builder(memory / "arch", "mkinitcpio")
    assert on(root, "bind", CARD, "--boot", "--yes").code == 0
    return root


def test_with_udev_the_shell_holds_the_card(arch: Path) -> None:
    """Its hook runs before udev's, which finds the drivers."""
    made = image(arch, "base udev autodetect modconf block filesystems")
    assert made == [
        "hooks base vdesk udev autodetect modconf block filesystems",
        "file /etc/vdesk/devices",
        "runscript vdesk",
    ]
    text = (arch / "etc/initcpio/hooks/vdesk").read_text()
    assert "run_earlyhook()" in text and "run_latehook()" in text
    assert subprocess.run(["sh", "-n", "-c", text], check=False).returncode == 0


def test_with_systemd_the_unit_does(arch: Path) -> None:
    """There no shell hooks run; all that the unit needs is in the image and on this machine."""
    made = image(arch, "base systemd autodetect block")
    assert made[0] == "hooks base vdesk systemd autodetect block" and "runscript vdesk" not in made
    assert f"file /usr/lib/systemd/system/{UNIT}" in made and "binary sh" in made and "file /etc/vdesk/hold" in made
    assert f"link /usr/lib/systemd/system/sysinit.target.wants/{UNIT} -> ../{UNIT}" in made
    assert f"file /usr/lib/systemd/system/{LATE_UNIT}" in made
    assert f"link /usr/lib/systemd/system/initrd.target.wants/{LATE_UNIT} -> ../{LATE_UNIT}" in made
    assert "/bin/sh /etc/vdesk/hold late" in (arch / LATE_FILE).read_text()
    assert "/etc/vdesk/hold" in (arch / f"etc/systemd/system/{UNIT}").read_text()


def test_a_kernel_installed_later_gets_the_list_or_nothing(arch: Path) -> None:
    """Every image is made with what is on the machine by then; without a list nothing goes in."""
    assert "file /etc/vdesk/devices" in image(arch, "base udev")
    (arch / "etc/vdesk/devices").unlink()
    assert image(arch, "base udev") == ["hooks base vdesk udev"]
