"""Discs as the tests need them, made by another writer than vdesk's own."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pycdlib import PyCdlib


def wim(build: int, names: Sequence[str] = (), language: str = "en-US") -> bytes:
    """The part of install.wim that tells its version: the header and the XML document at its end."""
    windows = f"<LANGUAGES><LANGUAGE>{language}</LANGUAGE></LANGUAGES><VERSION><BUILD>{build}</BUILD></VERSION>"
    images = [f"<IMAGE><NAME>{escape(name)}</NAME><WINDOWS>{windows}</WINDOWS></IMAGE>" for name in names or ["x"]]
    text = f"\ufeff<WIM>{''.join(images)}</WIM>"
    xml = text.encode("utf-16-le")
    body = bytes(5000)
    head = (
        b"MSWIM\0\0\0".ljust(0x48, b"\0")
        + len(xml).to_bytes(7, "little")
        + b"\2"
        + struct.pack("<QQ", 208 + len(body), len(xml))
    )
    return head.ljust(208, b"\0") + body + xml


def windows_disc(path: Path, build: int, name: str = "install.wim", names: Sequence[str] = ()) -> None:
    disc = PyCdlib()
    disc.new(udf="2.60", vol_ident="CCCOMA_X64FRE_EN-US_DV9")
    disc.add_directory("/SOURCES", udf_path="/sources")
    data = wim(build, names)
    disc.add_fp(io.BytesIO(data), len(data), "/SOURCES/INSTALL.WIM;1", udf_path=f"/sources/{name}")
    disc.write(str(path))
    disc.close()


def plain_disc(path: Path, volume: str, folder: str = "") -> None:
    disc = PyCdlib()
    disc.new(vol_ident=volume)
    if folder:
        disc.add_directory(f"/{folder}")
    disc.write(str(path))
    disc.close()


def drivers_disc(path: Path, volume: str, *folders: str, side: str = "plain") -> None:
    """A disc of drivers as virtio-win is laid out, with the SCSI driver in these folders (`w11`); on Joliet's or UDF's
    side alone where that is said."""
    disc = PyCdlib()
    disc.new(vol_ident=volume, joliet=3 if side == "joliet" else None, udf="2.60" if side == "udf" else None)
    places = ["/vioscsi"]
    for folder in folders:
        places += [f"/vioscsi/{folder}", f"/vioscsi/{folder}/amd64"]

    def sides(place: str) -> dict[str, Any]:
        return {} if side == "plain" else {f"{side}_path": place}

    hidden = "" if side == "plain" else "X"
    for place in places:
        disc.add_directory(f"/{hidden}{place[1:].upper()}", **sides(place))
    for folder in folders:
        place = f"/vioscsi/{folder}/amd64/vioscsi.inf"
        disc.add_fp(io.BytesIO(b"x"), 1, f"/{hidden}{place[1:].upper()};1", **sides(place))
    disc.write(str(path))
    disc.close()


def starting_disc(path: Path, *platforms: int, image: bytes = b"\x90" * 512, loader: str = "") -> None:
    """A disc with a boot catalogue: an entry for each platform; `loader` a file in its place or beside it."""
    disc = PyCdlib()
    disc.new(vol_ident="X")
    disc.add_fp(io.BytesIO(image), len(image), "/BOOT.IMG;1")
    for number, platform in enumerate(platforms):
        disc.add_eltorito("/BOOT.IMG;1", "/BOOT.CAT;1", platform_id=platform, efi=number > 0 and platform == 0xEF)
    parts = loader.upper().split("/") if loader else []
    for depth in range(1, len(parts)):
        disc.add_directory("/" + "/".join(parts[:depth]))
    if parts:
        disc.add_fp(io.BytesIO(b"MZ"), 2, "/" + "/".join(parts) + ";1")
    disc.write(str(path))
    disc.close()
