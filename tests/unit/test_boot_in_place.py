"""Builders that write into the image that is there: dracut up to 106 ends with `cp`, mkinitcpio does without room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.played import in_child
from tests.unit.test_boot_image import IMAGES, KERNELS, LIST, YES, Machine
from tests.unit.test_boot_image_paths import TRADITIONAL, Arch
from vdesk.changes import undoing
from vdesk.changes.executor import Mode
from vdesk.initramfs.image import Initramfs
from vdesk.initramfs.image_paths import images

# As dracut.sh 059 and 106 end: `cp --reflink=auto` into what is there, and no image where that fails.
DRACUT = """
made() {
    { echo usr; cat ROOT/etc/vdesk/devices 2> /dev/null && echo etc/vdesk/devices; } > ROOT/made || :
    case $1 in *BROKEN*) BREAK;; esac
    cp ROOT/made "$1" || { rm -f "$1"; exit 1; }
}
echo "$*" >> ROOT/asked
case "$*" in
*--regenerate-all) for each in ROOT/lib/modules/*; do
        [ -e "ROOT/boot/initrd.img-${each##*/}" ] && made "ROOT/boot/initrd.img-${each##*/}"
    done;;
--force*) made "ROOT$2";;
esac
exit 0
"""
KILLED = 'printf x > "$1"; kill -9 $PPID; exit 1'


class Dracut(Machine):
    """The machine with Debian 12's dracut; `wrong` happens while the image of `kernel` is written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name in ("mkinitramfs", "lsinitramfs", "update-initramfs"):
            (self.programs / name).unlink()
        self.dracut(":", "none")
        self.program("lsinitrd", LIST)

    def dracut(self, wrong: str, kernel: str = KERNELS[1]) -> None:
        """dracut, with something that goes wrong."""
        self.program("dracut", DRACUT.replace("BREAK", wrong).replace("BROKEN", kernel))

    def leftovers(self) -> list[str]:
        """What of vdesk's is beside the images."""
        return [path.name for path in (self.root / "boot").iterdir() if "vdesk" in path.name]

    def are(self) -> list[str]:
        """What the images hold."""
        return [(self.root / path).read_text() for path in IMAGES]


@pytest.fixture
def dracut(memory: Path) -> Dracut:
    """Two kernels with an image each."""
    return Dracut(memory)


def undone(machine: Machine) -> int:
    return undoing.undo(machine.host, None, True, YES).exit_code


def test_each_is_built_beside_the_old_one(dracut: Dracut) -> None:
    """With the configuration's own options, for each kernel that has an image; mode and names stay."""
    for path in IMAGES:
        (dracut.root / path).chmod(0o600)
    lines = [f"dracut --force /{path}.vdesk-new {kernel}" for path, kernel in zip(IMAGES, KERNELS, strict=True)]
    (shown,) = [each for each in dracut.bind(Mode(dry_run=True)).changes if each.kind == "initramfs"]
    assert shown.diff == "".join(f"$ {line}\n" for line in lines)
    report = dracut.bind()
    assert report.exit_code == 0, report.errors
    assert (dracut.root / "asked").read_text().splitlines() == [line.partition(" ")[2] for line in lines]
    assert all(text.endswith("etc/vdesk/devices\n") for text in dracut.are()) and not dracut.leftovers()
    assert {(dracut.root / path).stat().st_mode & 0o777 for path in IMAGES} == {0o600}
    assert undone(dracut) == 0
    assert dracut.are() == ["usr\n", "usr\n"] and not dracut.leftovers()


FAULTS = {
    "it fails": "exit 1",
    "it fails half-way": 'printf x > "$1"; exit 1',
    "it takes the image away": 'rm -f "$1"; exit 1',
    "an image without the list": "echo usr > ROOT/made",
    "an empty image": "true > ROOT/made",
    "no image at all": "return 0",
}


@pytest.mark.parametrize("wrong", FAULTS.values(), ids=FAULTS)
def test_a_failure_at_the_second_kernel(dracut: Dracut, wrong: str) -> None:
    dracut.dracut(wrong)
    report = dracut.bind()
    assert report.exit_code == 1 and dracut.are() == ["old\n", "old\n"]
    assert not dracut.leftovers()


def test_killed_while_it_writes(dracut: Dracut) -> None:
    """The name that boots is never torn, and the next vdesk is not told otherwise."""
    dracut.dracut(KILLED)
    assert in_child(lambda: dracut.bind().exit_code) == -9
    assert dracut.are() == ["old\n", "old\n"]
    dracut.dracut(":", "none")
    assert undone(dracut) == 0
    assert dracut.are() == ["old\n", "old\n"] and not dracut.leftovers()


OLDER = {"argv": ["dracut", "--force", "--regenerate-all"]}


def older(dracut: Dracut) -> dict[str, object]:
    """What a vdesk wrote down that kept second names only."""
    stamps = {path: (dracut.root / path).stat() for path in IMAGES}
    return {**OLDER, "images": {path: [found.st_size, found.st_mtime_ns] for path, found in stamps.items()}}


def test_an_entry_of_a_vdesk_that_kept_second_names(dracut: Dracut) -> None:
    """What is torn under both its names is not put back: the images are built again."""
    record = older(dracut)
    for path in IMAGES:
        (dracut.root / f"{path}.vdesk-old").hardlink_to(dracut.root / path)
    (dracut.root / IMAGES[0]).write_text("tor")
    Initramfs.revert(dracut.host, record, print)
    assert dracut.are() == ["usr\n", "usr\n"] and not dracut.leftovers()


def test_an_entry_whose_old_images_are_whole(dracut: Dracut) -> None:
    record = older(dracut)
    for path in IMAGES:
        (dracut.root / path).rename(dracut.root / f"{path}.vdesk-old")
        (dracut.root / path).write_text("new\n")
    Initramfs.revert(dracut.host, record, print)
    assert dracut.are() == ["old\n", "old\n"] and not (dracut.root / "asked").exists()


def test_what_cannot_be_built_again_is_said(dracut: Dracut) -> None:
    """No success over a torn image; the next undo tries again."""
    assert dracut.bind().exit_code == 0
    dracut.dracut("exit 1")
    assert undone(dracut) == 5
    dracut.dracut(":", "none")
    assert undone(dracut) == 0 and dracut.are() == ["usr\n", "usr\n"]


IN_PLACE = """
for each in ROOT/boot/initramfs-linux*.img; do
    { echo usr; cat ROOT/etc/vdesk/devices 2>/dev/null && echo etc/vdesk/devices; } > "$each"
    BREAK
done
exit 0
"""


@pytest.mark.parametrize("wrong", ["exit 1", 'printf x > "$each"; kill -9 $PPID; exit 1'])
def test_mkinitcpio_in_place(memory: Path, wrong: str) -> None:
    """What it writes into was copied before, and is put back with its mode and time."""
    path = "boot/initramfs-linux-cachyos.img"
    arch = Arch(memory, TRADITIONAL, path)
    (arch.root / path).chmod(0o600)
    before = (arch.root / path).stat()
    arch.program("mkinitcpio", IN_PLACE.replace("BREAK", wrong))
    if "kill" in wrong:
        assert in_child(lambda: arch.bind().exit_code) == -9
        assert (arch.root / path).read_text() == "x"
        assert undone(arch) == 0
    else:
        assert arch.bind().exit_code == 1
    now = (arch.root / path).stat()
    assert (arch.root / path).read_text() == "old\n" and not list(arch.root.rglob("*.vdesk-*"))
    assert (now.st_mode, now.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_where_dracut_puts_them(dracut: Dracut) -> None:
    """By machine on the boot partition, beside the modules, and kernel and initramfs in one file."""
    old, new = KERNELS
    (dracut.root / "etc/machine-id").write_text("4711\n")
    unified = f"efi/EFI/Linux/linux-{new}-4711-1.efi"
    more = {f"boot/efi/4711/{old}/initrd": old, f"lib/modules/{new}/initrd": new}
    for path in (*more, f"boot/efi/other/{old}/initrd", unified, "efi/EFI/Linux/linux-5.0-4711.efi"):
        (dracut.root / path).parent.mkdir(parents=True, exist_ok=True)
        (dracut.root / path).write_text("old\n")
    assert images(dracut.host) == dict(zip(IMAGES, KERNELS, strict=True)) | more
    (dracut.root / "etc/dracut.conf.d").mkdir()
    (dracut.root / "etc/dracut.conf.d/uefi.conf").write_text('# no\nuefi="yes"\n')
    assert images(dracut.host) == {unified: new}
    assert dracut.bind().exit_code == 0
    assert (dracut.root / unified).read_text().endswith("etc/vdesk/devices\n") and dracut.are() == ["old\n", "old\n"]
