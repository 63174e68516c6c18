"""`create --rom FILE`: QEMU shows the guest whatever is in the file, so it is looked at as the card's own ROM is."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from vdesk.host import Host, media, qemu_conf
from vdesk.host.media import Media
from vdesk.host.option_rom import LIMIT, SIGNATURE, begin, faults, has_uefi, images
from vdesk.host.pci import Device
from vdesk.model.errors import HostError, WrongUsage, problem
from vdesk.plans.gpu_rom import NO_GOP

FOLDER = "/usr/share/vgabios"
"""Of those that every machine's AppArmor profile may read (abstractions/libvirt-qemu), and open to all users."""
Say = Callable[[str], None]


def path(host: Host, given: str, card: Device, say: Say) -> str:
    """The file's absolute path; WrongUsage for one that is no ROM for the card. What is doubtful is said, and a place
    where QEMU cannot read it."""
    found = media.find(host, given, "--rom")
    try:
        data = media.read_at(found, 0, LIMIT + 1)
    except HostError as error:
        say(f"{found.path} could not be looked at ({error.cause}): whether it is a ROM of the card is not known.")
    else:
        _judge(host, found, data, card, say)
    if not found.here:
        _reachable(host, found.path, say)
    return found.path


def _judge(host: Host, found: Media, data: bytes, card: Device, say: Say) -> None:
    if not host.is_live and not data.removeprefix(SIGNATURE).strip(b"\0"):
        say(f"{found.path} has no content here, so what is on it could not be looked at.")
        return
    told = faults(data, card.vendor, card.device) if len(data) <= LIMIT else []
    bad = [each.text for each in told if each.bad]
    if bad and not host.is_live and data.startswith(SIGNATURE) and not images(data):  # a stand-in, begun as a ROM
        say(f"WARNING: {found.path} is no whole ROM for the card {card.address}: {'; '.join(bad)}.")
        return
    if bad or len(data) > LIMIT:
        raise _no_rom(found.path, data, card, bad or [f"it is longer than any ROM ({LIMIT >> 20} MiB)"])
    for each in told:
        say(f"The ROM in {found.path} may not be the card's ({card.address}): {each.text}")
    if not has_uefi(images(data)):
        say(f"The ROM in {found.path}: {NO_GOP}")


def _no_rom(path: str, data: bytes, card: Device, bad: list[str]) -> WrongUsage:
    """A dump of the flash has a header before the ROM, which QEMU does not skip."""
    what, remedy = f"--rom: {path} is no ROM for the card {card.address}", f"sudo vdesk gpu rom {card.address} -o FILE"
    start = begin(data) if len(data) <= LIMIT else None
    if start and not any(each.bad for each in faults(data[start:], card.vendor, card.device)):
        why = f"something comes before the ROM, which begins at byte {start}"
        if data.startswith(b"NVGI"):
            why = f"it is a dump of the flash: NVIDIA's header (NVGI) comes first, and the ROM begins at byte {start}"
        cut = f"tail -c +{start + 1} {shlex.quote(path)} > card.rom"
        return WrongUsage(problem("usage.no-rom", what, why, f"cut it off, and name the new file: {cut}"))
    return WrongUsage(problem("usage.no-rom", what, "; ".join(bad), f"read the card's own: {remedy}"))


def _reachable(host: Host, path: str, say: Say) -> None:
    """libvirt does not give a ROM to QEMU's user, as it does with disks (security_dac.c labels no romfile)."""
    conf = qemu_conf.settings(host)
    folder = media.closed_folder(host, path, qemu_conf.users(conf))
    why = ""
    if qemu_conf.confined(host, conf) and not path.startswith(qemu_conf.ROMS):
        why = "AppArmor's profile for machines lets QEMU read ROMs in some folders only, and this is none of them"
    elif not qemu_conf.runs_as_root(conf) and folder:
        why = f"QEMU's user may not enter {folder}"
    elif not qemu_conf.runs_as_root(conf) and not media.readable(host, path, qemu_conf.users(conf)):
        why = "QEMU's user may not read it"
    if why:
        name = path.rpartition("/")[2]
        place = f"{FOLDER}/{name}"
        move = f"sudo install -D -m 644 {shlex.quote(path)} {shlex.quote(place)}"
        say(f"{path}: {why}, so the machine may not start. Put it where QEMU may read it, and name it there: {move}")
