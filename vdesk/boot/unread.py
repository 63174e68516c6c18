"""Whether this system was started past the grub.cfg that vdesk generated: then a reboot changes nothing.

It is said only where nothing else is left: the file is, to the byte and to the instant, the one that vdesk put in place
during an earlier boot (its journal has both), and the kernel was started with none of the words that it has."""

from __future__ import annotations

from vdesk.boot import grub_cfg
from vdesk.boot.detect import loader_info
from vdesk.boot.grub_dropin import words_of
from vdesk.changes.drivers import boot_id
from vdesk.changes.files import content, digest
from vdesk.changes.journal import DONE, Entry, Journal, Step
from vdesk.host import Host
from vdesk.model.errors import HostError
from vdesk.model.kernel_args import IOMMU_NAMES, Word, kernel_part, split
from vdesk.model.record import Record

ENABLE = "iommu enable"
CMDLINE, CUSTOM = "proc/cmdline", "boot/grub/custom.cfg"
RESCUE = ("single", "recovery", "rescue", "emergency", "S", "s", "1", "systemd.unit", "rd.break", "init")
"""Words of a boot that is not the ordinary one: its entry may lack the argument on purpose."""


class Unread(Record):
    """What is so, why, what helps, and what says so."""

    what: str
    cause: str
    remedy: str
    evidence: str


def unread(host: Host) -> Unread | None:
    """The certainty that grub.cfg was not read by what started this system; None where there is none, and where this
    user may not look into the journal."""
    try:
        entry = _earlier(host, Journal(host).entries())
        booted = split(host.read(CMDLINE, 1 << 16))
        text = host.read(grub_cfg.PATH) + (host.read_optional(CUSTOM) or "")
    except HostError:
        return None
    put = _put(entry) if entry else []
    lines = grub_cfg.every_line(text)
    if not put or not lines or not _lacks(booted, put) or _another_entry(lines, booted, put):
        return None
    words = " ".join(put)
    return Unread(
        f"/{grub_cfg.PATH} has {words} since an earlier boot, and the kernel was started without it",
        "what starts this system does not read that file, or not its ordinary entry: it is another boot loader, another"
        " system's GRUB, or an entry that somebody edited in the menu",
        f"{_look(host)}; add {words} there, and take it back here with: sudo vdesk iommu disable",
        _evidence(host, booted),
    )


def _earlier(host: Host, entries: list[Entry]) -> Entry | None:
    """The last `iommu enable` in force, where it is of an earlier boot and grub.cfg is still what it generated."""
    ours = [entry for entry in entries if entry.command == ENABLE and any(step.in_force for step in entry.steps)]
    now = boot_id(host)
    if not ours or not now or ours[-1].boot in ("", now):
        return None
    made = [step for step in ours[-1].steps if step.kind == "generated-file" and step.state == DONE]
    return ours[-1] if made and _untouched(host, made[-1]) else None


def _untouched(host: Host, step: Step) -> bool:
    """A file that was generated anew may have the same bytes; it has another time."""
    record = step.record
    if record.get("path") != grub_cfg.PATH or "mtime" not in record:
        return False
    same = host.stat(grub_cfg.PATH).mtime_ns == record["mtime"]
    return same and digest(content(host, grub_cfg.PATH)) == record.get("after")


def _put(entry: Entry) -> list[str]:
    """The arguments that the entry put in: its words, or those of the drop-in that it wrote."""
    edits = entry.facts.get("edits")
    texts = [pair[1] for pair in edits if isinstance(pair, list) and len(pair) == 2] if isinstance(edits, list) else []
    found: list[str] = []
    for text in texts:
        ours = words_of(text) if isinstance(text, str) else None
        found += [word.plain for word in split(ours[1] if ours else str(text or ""))]
    return found if all(split(each)[0].name in IOMMU_NAMES for each in found) else []


def _lacks(words: list[Word], put: list[str]) -> bool:
    """Whether the kernel got none of them, nor any other in their place that would be a person's correction."""
    names = {split(each)[0].name for each in put}
    return not any(word.name in names for word in kernel_part(words))


def _another_entry(lines: list[list[Word]], booted: list[Word], put: list[str]) -> bool:
    """Whether the boot may be by an entry that lacks the arguments on purpose: a recovery entry, a person's own."""
    there = {word.plain for word in booted}
    if any(word.name in RESCUE for word in booted):
        return True
    if not set(put) <= {word.plain for word in lines[0]}:
        return True
    known = [{word.plain for word in line if not word.text.startswith("$")} for line in lines if _lacks(line, put)]
    return any(each <= there for each in known)


def _look(host: Host) -> str:
    if host.exists("sys/firmware/efi"):
        return "see what started it with: sudo bootctl status, or: sudo efibootmgr -v"
    return "see from which disk the firmware starts, and which system's GRUB is on it"


def _evidence(host: Host, booted: list[Word]) -> str:
    """What tells of the loader: the name that it gave itself, else whether it is a GRUB (grub-core/loader/i386/linux.c
    begins every line with BOOT_IMAGE=)."""
    if text := loader_info(host):
        return f"EFI variable LoaderInfo: {text}"
    image = next((word.plain for word in booted if word.name == "BOOT_IMAGE"), "")
    if image:
        return f"/{CMDLINE} has {image}, as a GRUB gives it"
    return f"/{CMDLINE} has no BOOT_IMAGE=, which every GRUB gives"
