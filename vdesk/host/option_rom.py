"""Option ROMs: a chain of images, each with a header `55 AA` and a structure `PCIR` (PCI Firmware
Specification 5.1; drivers/pci/rom.c). One for EFI on x86_64 (GOP) shows a picture without a driver."""

from __future__ import annotations

from typing import NamedTuple

LEGACY, EFI = 0, 3
X86_64 = 0x8664
IMAGES = 16


class Image(NamedTuple):
    """One image: `code` 0 is for a legacy BIOS, 3 for EFI; `machine` is EFI's machine type, 0 for others."""

    offset: int
    length: int
    code: int
    vendor: str
    device: str
    machine: int


def images(data: bytes) -> list[Image]:
    """The images of a ROM, none where it does not begin with one; broken ones end the chain."""
    found: list[Image] = []
    offset = 0
    while len(found) < IMAGES:
        image, last = _image(data, offset)
        if image is None:
            break
        found.append(image)
        offset += image.length
        if last or not image.length:
            break
    return found


def has_uefi(found: list[Image]) -> bool:
    """Whether one image is an EFI driver for x86_64."""
    return any(each.code == EFI and each.machine == X86_64 for each in found)


def _image(data: bytes, offset: int) -> tuple[Image | None, bool]:
    head = data[offset : offset + 0x1A]
    if len(head) < 0x1A or head[:2] != b"\x55\xaa":
        return None, True
    place = offset + _word(head, 0x18)
    structure = data[place : place + 0x18]
    if len(structure) < 0x18 or structure[:4] != b"PCIR":
        return None, True
    code = structure[0x14]
    efi = code == EFI and head[4:8] == b"\xf1\x0e\x00\x00"
    return (
        Image(
            offset,
            _word(structure, 0x10) * 512,
            code,
            f"{_word(structure, 4):04x}",
            f"{_word(structure, 6):04x}",
            _word(head, 0x0A) if efi else 0,
        ),
        bool(structure[0x15] & 0x80),
    )


def _word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")
