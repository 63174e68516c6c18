"""A small EFI-bootable ISO: GRUB that tells on the serial port what it sees, says GUEST-DONE and halts.

It stands in for the guest's operating system: the PCI devices, the processors by the firmware's own tables (SMBIOS),
the disks with their sizes, and what is on the discs beside it, as Windows Setup would find it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from .errors import SEARCH

GUEST = Path(__file__).parent / "guest"
GRUB_CFG, TOO_LATE_CFG = GUEST / "grub-embedded.cfg", GUEST / "grub-too-late.cfg"
MODULES = (
    "serial terminal echo lspci halt sleep normal minicmd smbios ls cat search test regexp iso9660 udf testspeed"
    " fat loadenv read"
)


def make_iso(target: Path, script: Path = GRUB_CFG) -> Path:
    """Write the ISO whose GRUB does what the script says; needs grub-efi-amd64-bin, mtools and xorriso here."""
    with tempfile.TemporaryDirectory(prefix="vdesk-lab-iso.") as name:
        work = Path(name)
        efi, image, tree = work / "BOOTX64.EFI", work / "efi.img", work / "iso"
        tree.mkdir()
        _run(
            "grub-mkstandalone", "-O", "x86_64-efi", "-o", efi, f"--install-modules={MODULES}", f"--modules={MODULES}",
            "--locales=", "--fonts=", "--themes=", f"boot/grub/grub.cfg={script}",
        )  # fmt: skip
        _run("mformat", "-C", "-i", image, "-T", "8192", "::")
        _run("mmd", "-i", image, "::/EFI", "::/EFI/BOOT")
        _run("mcopy", "-i", image, efi, "::/EFI/BOOT/BOOTX64.EFI")
        (tree / "efi.img").write_bytes(image.read_bytes())
        target.parent.mkdir(parents=True, exist_ok=True)
        _run("xorriso", "-as", "mkisofs", "-V", "LABGUEST", "-e", "efi.img", "-no-emul-boot", "-o", target, tree)
    return target


def _run(*argv: object) -> None:
    words = [str(word) for word in argv]
    env = {**os.environ, "PATH": SEARCH}
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env)
