"""What a person types for a virtual machine: names, sizes, resolutions, USB ids. WrongUsage for what is malformed."""

from __future__ import annotations

import re
import unicodedata

from vdesk.model.errors import WrongUsage, problem
from vdesk.vm.spec import Usb

UNITS = {"M": 20, "G": 30, "T": 40}
SIZE = re.compile(r"([0-9]{1,9}) ?([MGT])(?:iB)?", re.IGNORECASE)
NAME_LENGTH = 64
FILE_NAME = 255
"""Bytes that the name of a file can have (NAME_MAX, limits.h)."""
# Format characters: zero-width, bidirectional marks and the like make two names look alike.
HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def check_name(name: str) -> str:
    """The name itself, when libvirt takes it and two of them can be told apart."""
    cause = ""
    if not 1 <= len(name) <= NAME_LENGTH:
        cause = f"a name has 1 to {NAME_LENGTH} characters, not {len(name)}"
    elif "/" in name or name in (".", ".."):
        cause = "a name holds no / and is not . or .., because files are named after it"
    elif any(unicodedata.category(char) in HIDDEN or char in "\ufffe\uffff" for char in name):
        cause = "a name holds no control, zero-width or bidirectional characters"
    elif not name.strip():
        cause = "a name is more than blanks"
    if cause:
        raise WrongUsage(
            problem("usage.name", f"{name!r} is not a name for a virtual machine", cause, "choose another name")
        )
    check_room(name, ".xml.new")
    return name


def check_room(name: str, rest: str, start: str = "") -> None:
    """WrongUsage where a file that is named after the machine would have a longer name than a file can. libvirt writes
    a definition as NAME.xml.new (virFileRewrite), and names swtpm's log NAME-swtpm.log."""
    size, most = len(name.encode()), FILE_NAME - len(start + rest)
    if size > most:
        cause = f"it has {size} bytes in UTF-8, and with more than {most} the file {start}NAME{rest} cannot be made"
        raise WrongUsage(
            problem("usage.name", f"{name!r} is too long for a virtual machine", cause, "choose a shorter name")
        )


def parse_size(text: str, option: str) -> int:
    """Bytes of `8GiB` or `8G` (powers of two); a bare number says too little."""
    match = SIZE.fullmatch(text.strip())
    size = int(match[1]) << UNITS[match[2].upper()] if match else 0
    if size < 1 << 20 or size >= 1 << 60:
        raise WrongUsage(
            problem(
                "usage.size",
                f"{option}: {text!r} is not a size",
                "it is less than 1 MiB, or more than any machine has"
                if match
                else "a size is a whole number and a unit: M, G, T or MiB, GiB, TiB (powers of two)",
                f"write for example: {option} 16GiB",
            )
        )
    return size


def shown_size(size: int) -> str:
    """`16 GiB`, or MiB where it is no whole number of GiB."""
    return f"{size >> 30} GiB" if size % (1 << 30) == 0 else f"{size >> 20} MiB"


def parse_resolution(text: str) -> tuple[int, int]:
    """Width and height of `1920x1080`."""
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match:
        width, height = int(match[1]), int(match[2])
        if 640 <= width <= 16384 and 480 <= height <= 16384:
            return width, height
    raise WrongUsage(
        problem(
            "usage.resolution",
            f"--looking-glass: {text!r} is not a resolution",
            "a resolution is WIDTHxHEIGHT in pixels, from 640x480 to 16384x16384",
            "write the one of your monitor, for example: --looking-glass 2560x1440",
        )
    )


def shared_memory(width: int, height: int) -> int:
    """Bytes that Looking Glass needs, a power of two: the greater of its present formula and the one up to B7."""
    now = -(-width * 4 // 256) * 256 * height * 3 + (4 << 20)
    before = width * height * 4 * 2 + (10 << 20)
    needed: int = max(now, before, 1 << 20)
    return 1 << (needed - 1).bit_length()


def parse_usb(text: str) -> Usb:
    """The device of `046d:c52b`."""
    match = re.fullmatch(r"([0-9a-f]{4}):([0-9a-f]{4})", text.strip().lower())
    if match:
        return Usb(match[1], match[2])
    raise WrongUsage(
        problem(
            "usage.usb",
            f"--usb: {text!r} is not a USB device",
            "a USB device is named by its vendor and product, four hex digits each",
            "list them with: lsusb",
        )
    )
