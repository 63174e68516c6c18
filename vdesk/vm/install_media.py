"""Which system an installation disc holds, by what is on it, else by its name."""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

from vdesk.host.media import Disc, Media
from vdesk.host.udf import UdfFile, open_udf

FIRST_WIN11 = 22000
XML_LIMIT = 1 << 20
MOST = 40
"""Editions or languages of a disc that are told."""
IMAGES = (("sources", "install.wim"), ("sources", "install.esd"), ("sources", "boot.wim"))
# Volume names of Microsoft's own discs; the version is not in them: 10 and 11 share CCCOMA_X64FRE_....
WINDOWS_VOLUME = re.compile(r"(C[A-Z]{2,5}_X64F?R?E?|J_C[A-Z]{2,5}_X64|ESD-ISO|.*WIN(DOWS)?[ _-]?1[01])", re.IGNORECASE)
LINUX_NAMES = {
    "casper",
    "live",
    "isolinux",
    ".disk",
    "_disk",
    "liveos",
    "arch",
    "install.amd",
    "dists",
    "pool",
    "nix-store",
}
WINDOWS_NAME = re.compile(r"win(?:dows)?[ _.-]*(1[01])", re.IGNORECASE)
LINUX_NAME = re.compile(
    r"linux|debian|ubuntu|fedora|arch|mint|manjaro|suse|nixos|alma|rocky|centos|kali|pop-?os|gentoo|endeavour",
    re.IGNORECASE,
)


class Guess(NamedTuple):
    """The guest system (win10, win11, linux) and on what it rests; `sure` when the disc itself tells."""

    os: str
    why: str
    sure: bool


def guess_os(media: Media, disc: Disc) -> Guess:
    """What is on the disc, else what its name says, else Windows 10."""
    build = windows_build(media) if disc.iso else None
    if build:
        return Guess("win11" if build >= FIRST_WIN11 else "win10", f"the disc holds Windows build {build}", True)
    if disc.names & LINUX_NAMES:
        return Guess("linux", "the disc holds a Linux installer", True)
    name = media.path.rpartition("/")[2]
    for text, where in ((disc.volume, "the disc's volume name"), (name, "the file's name")):
        if match := WINDOWS_NAME.search(text):
            return Guess(f"win{match[1]}", f"{where} is {text}", False)
        if LINUX_NAME.search(text):
            return Guess("linux", f"{where} is {text}", False)
    return Guess("win10", "neither the disc nor its name tells", False)


class Images(NamedTuple):
    """What a Windows disc installs: its build; the editions' names and the languages, none where only Setup's own image
    (boot.wim) tells the build."""

    build: int | None
    names: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def windows_build(media: Media) -> int | None:
    """The build number in the disc's image file (a WIM's XML), None where there is none."""
    found = read_images(media)
    return found.build if found else None


def read_images(media: Media) -> Images | None:
    """What the disc's image file tells of itself; None where there is no such file, or it tells no build."""
    for path in IMAGES:
        found = open_udf(media, *path)
        text = _wim_text(found) if found else ""
        builds = [int(each) for each in re.findall(r"<BUILD>([0-9]{4,6})</BUILD>", text)]
        if builds and path[-1] == "boot.wim":
            return Images(max(builds))
        if builds:
            return Images(max(builds), _told(text, "NAME"), _told(text, "LANGUAGE"))
    return None


def _told(text: str, tag: str) -> tuple[str, ...]:
    """The texts of an element, each once, as far as a person can read them."""
    found = (unescape(each).strip() for each in re.findall(rf"<{tag}>([^<>]{{1,100}})</{tag}>", text))
    return tuple(dict.fromkeys(each for each in found if each and each.isprintable()))[:MOST]


def _wim_text(image: UdfFile) -> str:
    """The XML document of a WIM, UTF-16; its resource is at 0x48 of the header (7 bytes size, 1 flags, 8 offset)."""
    head = image.read(0, 208)
    if head[:8] != b"MSWIM\0\0\0" or len(head) < 208:
        return ""
    size, offset = int.from_bytes(head[0x48:0x4F], "little"), int.from_bytes(head[0x50:0x58], "little")
    return image.read(offset, min(size, XML_LIMIT)).decode("utf-16-le", "replace")
