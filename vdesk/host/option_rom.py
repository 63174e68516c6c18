"""Option ROMs: a chain of images, each with a header `55 AA` and a structure `PCIR` (PCI Firmware
Specification 5.1; drivers/pci/rom.c). One for EFI on x86_64 (GOP) shows a picture without a driver."""

from __future__ import annotations

from typing import NamedTuple

LEGACY, EFI = 0, 3
KINDS = {LEGACY: "legacy BIOS", 1: "Open Firmware", 2: "HP PA-RISC", EFI: "UEFI"}
LIMIT = 16 << 20  # the largest BAR of a ROM (PCI Local Bus Specification 6.2.5.2)
SIGNATURE = b"\x55\xaa"
X86_64 = 0x8664
IMAGES = 16
TRIES = 4096


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


def begin(data: bytes) -> int | None:
    """Where the ROM begins in a file that has something before it: a flash dump of NVIDIA's has a header (NVGI). None
    where there is no ROM in it."""
    place = data.find(SIGNATURE)
    for _ in range(TRIES):
        if place < 0:
            return None
        if _image(data, place)[0] is not None:
            return place
        place = data.find(SIGNATURE, place + 1)
    return None


def _image(data: bytes, offset: int) -> tuple[Image | None, bool]:
    head = data[offset : offset + 0x1A]
    if len(head) < 0x1A or head[:2] != SIGNATURE:
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


class Fault(NamedTuple):
    """What is wrong with a ROM; `bad`: a virtual machine would do worse with it than without."""

    text: str
    bad: bool


def faults(data: bytes, vendor: str, device: str) -> list[Fault]:
    """What is wrong with a ROM for the card with these ids; nothing for a whole one of that card."""
    if not data.strip(b"\xff"):
        return [Fault("it is empty: the card has not answered" if data else "it has no byte", True)]
    found = images(data)
    if not found:
        begin = "" if data[:2] == SIGNATURE else f" (it begins with {data[:2].hex()}, not 55aa)"
        return [Fault(f"it is no option ROM: no image with a PCIR structure{begin}", True)]
    end = found[-1].offset + found[-1].length
    if end > len(data) or not found[-1].length:
        told = [Fault(f"it is cut short: its images need {end} bytes, and {len(data)} are there", True)]
    elif not _ends(data, found[-1]):
        told = [Fault("its last image does not say that it is the last: the rest is missing or broken", True)]
    else:
        told = []
    return told + [each for image in found for each in _image_faults(data, image, vendor, device)]


def _image_faults(data: bytes, image: Image, vendor: str, device: str) -> list[Fault]:
    told = []
    if image.vendor != vendor or (image.device != device and not _listed(data, image, device)):
        other = f"an image is for {image.vendor}:{image.device}, and the card is {vendor}:{device}"
        told.append(Fault(other, image.vendor != vendor))
    whole = data[image.offset : image.offset + image.length]
    if image.code == LEGACY and len(whole) == image.length and sum(whole) & 0xFF:
        text = "the checksum of its legacy image is wrong: the firmware has changed this copy, or it is torn"
        told.append(Fault(text, False))
    return told


def _ends(data: bytes, image: Image) -> bool:
    """Bit 7 of the indicator says that no image follows."""
    place = image.offset + _word(data, image.offset + 0x18)
    return bool(data[place + 0x15] & 0x80)


def _listed(data: bytes, image: Image, device: str) -> bool:
    """Whether the structure's list of further devices (revision 3) names the card."""
    place = image.offset + _word(data, image.offset + 0x18)
    begin = _word(data, place + 8)
    if data[place + 0x0C : place + 0x0D] < b"\x03" or not begin:
        return False
    at = place + begin
    for offset in range(at, min(at + 512, len(data) - 1), 2):
        word = _word(data, offset)
        if not word:
            return False
        if f"{word:04x}" == device:
            return True
    return False
