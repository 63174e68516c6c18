"""Which program builds this machine's initramfs, and everything about it that differs."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.host import Host


class Builder(NamedTuple):
    """A builder: the program that says it is there, its files on the host (path, text, mode), how it is run, how an
    image's names are listed.

    `list_argv` gets the image's path appended. `folders` are vdesk's alone. `one` builds the image of one kernel where
    it is told, with `{image}` and `{kernel}` in it; empty where the program knows the places itself. `in_place`:
    whether it may write into the image that is there, instead of beside it."""

    name: str
    program: str
    files: tuple[tuple[str, str, int], ...]
    argv: tuple[str, ...]
    list_argv: tuple[str, ...]
    folders: tuple[str, ...] = ()
    one: tuple[str, ...] = ()
    in_place: bool = True


IN_IMAGE = "etc/vdesk/devices"
"""What an image that holds devices back contains."""


def builders(host: Host) -> list[Builder]:
    """Every builder that vdesk knows, as it would be used on this machine."""
    from vdesk.initramfs import dracut, initramfs_tools, mkinitcpio

    return [each.builder(host) for each in (initramfs_tools, dracut, mkinitcpio)]


def builder(host: Host) -> Builder | None:
    """The builder that is installed, None when none that vdesk knows is."""
    if host.exists("run/ostree-booted"):
        return None  # /usr cannot be written there, and images come from the distribution
    found = [each for each in builders(host) if host.which(each.program)]
    if len(found) > 1 and found[1].name == "dracut" and not _makes_images(host):
        return found[1]
    return found[0] if found else None


def _makes_images(host: Host) -> bool:
    """Whether initramfs-tools is the one in use beside dracut: where Debian's dracut took its place, mkinitramfs stays
    (initramfs-tools-core), and update-initramfs is gone (dracut 106) or is dracut's own (112); dracut-core alone
    changes nothing. Both are scripts: initramfs-tools' names mkinitramfs."""
    path = host.which("update-initramfs")
    text = host.text(path.lstrip("/")) if path else ""
    return path is not None and (not text or "mkinitramfs" in text)
