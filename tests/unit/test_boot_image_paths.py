"""Which images are looked into and kept, and what undo does where none was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_boot_binding import with_builder
from tests.unit.test_boot_image import LIST, YES, Machine
from vdesk.changes import undoing
from vdesk.changes.executor import Mode
from vdesk.host import captured
from vdesk.initramfs.image_paths import image_paths

TRADITIONAL = """# mkinitcpio preset file for the 'linux-cachyos' package
ALL_kver="/boot/vmlinuz-linux-cachyos"
PRESETS=('default' 'fallback')
#default_config="/etc/mkinitcpio.conf"
default_image="/boot/initramfs-linux-cachyos.img"
#default_uki="/efi/EFI/Linux/arch-linux-cachyos.efi"
fallback_image="/boot/initramfs-linux-cachyos-fallback.img"
fallback_options="-S autodetect"
"""
UNIFIED = """PRESETS=(
  'default'
)
#default_image="/boot/initramfs-linux.img"
default_uki=/efi/EFI/Linux/arch-linux.efi
other_image="/boot/initramfs-other.img"
"""
COMPUTED = 'PRESETS=(default)\ndefault_image="/boot/initramfs-$NAME.img"\n'
# As mkinitcpio -P does with these presets: every image anew, with the list where there is one.
BUILD = """
for each in ROOT/boot/initramfs-*.img ROOT/efi/EFI/Linux/*.efi; do
    [ -e "$each" ] || continue
    case $each in *-other.img|*.vdesk-old) continue;; esac
    { echo usr; cat ROOT/etc/vdesk/devices 2>/dev/null && echo etc/vdesk/devices; } > "$each.tmp"
    mv -f "$each.tmp" "$each"
done
echo "$*" >> ROOT/built
exit 0
"""


def laid_out(root: Path, *paths: str) -> None:
    """Images there, of before."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("old\n")


class Arch(Machine):
    """The machine with mkinitcpio in the place of initramfs-tools."""

    def __init__(self, folder: Path, preset: str, *paths: str) -> None:
        super().__init__(folder)
        for path in (self.root / "boot").glob("initrd.img-*"):
            path.unlink()
        for name in ("mkinitramfs", "lsinitramfs", "update-initramfs"):
            (self.programs / name).unlink()
        self.program("mkinitcpio", BUILD)
        self.program("lsinitcpio", LIST)
        if preset:
            (self.root / "etc/mkinitcpio.d").mkdir(parents=True)
            (self.root / "etc/mkinitcpio.d/linux.preset").write_text(preset)
        laid_out(self.root, *paths)

    def holds(self, path: str) -> bool:
        """Whether an image holds the list."""
        return "etc/vdesk/devices" in (self.root / path).read_text()

    @property
    def built(self) -> int:
        """How often the images were built."""
        return (self.root / "built").read_text().count("-P\n")


KNOWN = [
    (TRADITIONAL, "boot/initramfs-linux-cachyos.img"),
    (UNIFIED, "efi/EFI/Linux/arch-linux.efi"),
]


@pytest.mark.parametrize(("preset", "path"), KNOWN, ids=["image", "uki"])
def test_the_presets_images(memory: Path, preset: str, path: str) -> None:
    """Kept, looked into, and let go by undo; what no preset makes is no concern."""
    arch = Arch(memory, preset, path, "boot/initramfs-linux-cachyos-fallback.img", "boot/initramfs-other.img")
    assert image_paths(arch.host) == [path]
    report = arch.bind()
    assert report.exit_code == 0 and arch.holds(path), report.errors
    assert not list(arch.root.rglob("*.vdesk-old"))
    assert undoing.undo(arch.host, None, True, YES).exit_code == 0
    assert not arch.holds(path) and arch.built == 2


@pytest.mark.parametrize(("preset", "path"), KNOWN, ids=["image", "uki"])
def test_a_presets_image_without_the_list(memory: Path, preset: str, path: str) -> None:
    """It is seen, and the old one is put back."""
    arch = Arch(memory, preset, path)
    arch.program("mkinitcpio", f"echo usr > ROOT/{path}.tmp; mv -f ROOT/{path}.tmp ROOT/{path}")
    report = arch.bind()
    assert (report.exit_code, report.errors[0].id) == (1, "initramfs.content")
    assert (arch.root / path).read_text() == "old\n"


def test_a_unified_image_that_cannot_be_looked_into(memory: Path) -> None:
    """An lsinitcpio that does not know them says nothing of the image."""
    arch = Arch(memory, UNIFIED, "efi/EFI/Linux/arch-linux.efi")
    arch.program("lsinitcpio", "echo 'not a cpio' >&2; exit 1")
    said: list[str] = []
    assert arch.bind(Mode(yes=True, progress=said.append)).exit_code == 0
    assert any("could not be looked into: not a cpio" in each for each in said)


@pytest.mark.parametrize("preset", ["", COMPUTED], ids=["no preset", "a name that the shell makes"])
def test_no_image_is_known(memory: Path, preset: str) -> None:
    """The plan says so, and undo builds them again: the card would be held by an image that nobody lets go."""
    hidden = "boot/initramfs-6.99-custom.img"
    arch = Arch(memory, preset, hidden)
    assert image_paths(arch.host) == []
    (shown,) = [each for each in arch.bind(Mode(dry_run=True)).changes if each.kind == "initramfs"]
    assert "no image was found" in shown.diff
    assert arch.bind().exit_code == 0 and arch.holds(hidden)
    plan = undoing.undo(arch.host, None, True, Mode(dry_run=True))
    (shown,) = [each for each in plan.changes if each.kind == "initramfs"]
    assert shown.diff == "$ mkinitcpio -P\n"
    assert undoing.undo(arch.host, None, True, YES).exit_code == 0
    assert not arch.holds(hidden) and arch.built == 2


NAMES = ["initramfs-linux-cachyos.img", "initramfs-linux-lts.img", "initrd-6.4.0-150600.21-default"]
FOREIGN = ["initramfs-linux-cachyos-fallback.img", "initramfs-0-rescue-4711.img", "initrd-6.4.0-gone", "initrd"]


@pytest.mark.parametrize("tool", ["dracut", "mkinitcpio"])
def test_by_their_names(memory: Path, tool: str) -> None:
    root = with_builder(memory / "root", tool)
    for path in (root / "boot").glob("initrd.img-*"):
        path.unlink()
    for name, package in (("6.18.1-2-cachyos", "linux-cachyos\n"), ("6.4.0-150600.21-default", "")):
        folder = root / "usr/lib/modules" / name
        folder.mkdir(parents=True)
        (folder / "pkgbase").write_text(package)
    laid_out(root, *(f"boot/{name}" for name in NAMES + FOREIGN))
    assert image_paths(captured(str(root))) == [f"boot/{name}" for name in sorted(NAMES)]
