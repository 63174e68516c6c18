"""What a disc can start: its boot catalogue (El Torito 1.0; UEFI 2.10, 13.3.2.1), or what UEFI looks for without one.

The firmware of OVMF tries the image of every entry, whatever platform is written there (edk2, PartitionDxe/ElTorito.c),
so an entry for a BIOS whose image is a FAT counts as well. What cannot be told is taken as good."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from vdesk.host.iso9660 import BOOT, descriptors, holds
from vdesk.host.media import SECTOR, Media, read_at
from vdesk.model.errors import HostError

SYSTEM = b"EL TORITO SPECIFICATION"
EFI = 0xEF
"""The platform of an entry for UEFI; the type of its partition in an MBR too."""
BOOTABLE, HEADER, LAST_HEADER = 0x88, 0x90, 0x91
ENTRY = 32
LOADER = ("efi", "boot", "bootx64.efi")
UEFI, BIOS, NOTHING = "uefi", "bios", "nothing"


def starts(media: Media) -> str:
    """`uefi` where the disc has something for UEFI, `bios` where only for a BIOS, `nothing` where no machine starts
    from it."""
    try:
        entries = list(_entries(media))
        if any(platform == EFI or _is_fat(media, sector) for platform, sector in entries) or _partitions(media):
            return UEFI
    except (HostError, struct.error):
        return UEFI
    if holds(media, *LOADER):
        return UEFI
    return BIOS if entries else NOTHING


def _entries(media: Media) -> Iterator[tuple[int, int]]:
    """(platform, first sector of its image) of every entry that can be started; none without a catalogue."""
    boot = next((each for each in descriptors(media) if each[0] == BOOT and each[7:39].startswith(SYSTEM)), None)
    if boot is None:
        return
    catalogue = read_at(media, struct.unpack_from("<I", boot, 71)[0] * SECTOR, SECTOR)
    if len(catalogue) < 2 * ENTRY or catalogue[0] != 1 or catalogue[30:32] != b"\x55\xaa":
        return
    platform = catalogue[1]
    for place in range(ENTRY, len(catalogue) - ENTRY + 1, ENTRY):
        sector = struct.unpack_from("<I", catalogue, place + 8)[0]
        if catalogue[place] in (HEADER, LAST_HEADER):
            platform = catalogue[place + 1]
        elif catalogue[place] == BOOTABLE and sector:
            yield platform, sector


def _is_fat(media: Media, sector: int) -> bool:
    """Whether the image begins with a FAT's boot sector, where UEFI could find its loader."""
    head = read_at(media, sector * SECTOR, 512)
    return head[510:] == b"\x55\xaa" and (head[54:57] == b"FAT" or head[82:85] == b"FAT")


def _partitions(media: Media) -> bool:
    """Whether the disc is a disk's image too, with a GPT or a partition for UEFI (as `isohybrid --uefi` makes it)."""
    head = read_at(media, 0, 520)
    kinds = [head[place + 4] for place in range(446, 510, 16) if len(head) >= 512]
    return head[512:520] == b"EFI PART" or (head[510:512] == b"\x55\xaa" and EFI in kinds)
