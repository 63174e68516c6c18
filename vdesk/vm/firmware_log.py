"""What a machine's firmware says on its serial port, which libvirt keeps in a file. OVMF has its console there too, so
that what stands on a screen that nobody looks at can be read: what it starts, what it cannot find, its shell.

The guest writes it: nothing of it is believed but that, and nothing of it is printed as it is."""

from __future__ import annotations

import re

from vdesk.changes import firmware_words
from vdesk.host import Host
from vdesk.model.errors import HostError

LIMIT = 4 << 20
UNKNOWN, WORKING, STARTED, ASKED = "unknown", "working", "started", "asked"
STUCK, DENIED = "stuck", "denied"
_DENIED = re.compile(r"BdsDxe: failed to load Boot[0-9A-F]{4} .*: (?:Access Denied|Security Violation)")
_ESCAPE = re.compile(r"\x1b\[[0-9;=?]*[A-Za-z]")
# In the order in which they are said; what comes last counts (edk2, PlatformBmPrintScLib and UefiBootManagerLib).
_SIGNS = (
    (STUCK, r"BdsDxe: No bootable\soption"),
    (STUCK, r"UEFI Interactive Shell v\d"),
    (STUCK, r"BdsDxe: starting Boot[0-9A-F]{4} \"(?:UiApp|BootManagerMenuApp)\""),
    (ASKED, r"Press any key\sto boot\b"),
    (STARTED, r"BdsDxe: starting Boot[0-9A-F]{4} (?!\"(?:EFI Internal Shell|UiApp|BootManagerMenuApp)\")"),
    (WORKING, r"BdsDxe: (?:failed to load|loading|starting) Boot[0-9A-F]{4}"),
)


def path(name: str) -> str:
    """Where the words of a machine's firmware are kept; libvirt begins the file anew at each start."""
    return f"/{firmware_words.path(name)}"


def read(host: Host, name: str, since: int = 0) -> str | None:
    """The words from that byte on, without what moves the cursor and sets colours; None where they cannot be read, or
    the machine keeps none."""
    try:
        data = host.read_bytes(path(name).lstrip("/"), LIMIT)
    except HostError:
        return None
    return _ESCAPE.sub("", data[since:].decode("utf-8", "replace").replace("\r", ""))


def size(host: Host, name: str) -> int:
    """How long they are, in bytes; 0 where there are none."""
    try:
        return len(host.read_bytes(path(name).lstrip("/"), LIMIT))
    except HostError:
        return 0


def state(words: str | None) -> str:
    """How far the firmware has come: `working` (it has started nothing yet), `started` (a disk's or disc's loader),
    `asked` (the disc wants a key), `stuck` (it found nothing to start, and waits for a person), `denied` (the same,
    since Secure Boot refused what there was), or `unknown`."""
    told = last_sign(words)[0]
    return DENIED if told == STUCK and denied(words or "") else told


def denied(words: str) -> str:
    """The last line that tells of a loader that Secure Boot refused, empty without one."""
    return next(iter(_DENIED.findall(words)[-1:]), "")


def last_sign(words: str | None) -> tuple[str, str]:
    """That, and the line that told it, empty without one."""
    if words is None:
        return UNKNOWN, ""
    found, place = WORKING, -1
    for each, text in _SIGNS:
        last = max((match.start() for match in re.finditer(text, words)), default=-1)
        if last > place:
            found, place = each, last
    return found, "" if place < 0 else words[place:].partition("\n")[0]
