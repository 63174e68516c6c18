"""What the extractor cannot know by itself: which words are English, what people see, which single words they see."""

from __future__ import annotations

import errno
import os

_COMMON = """
    a an the this that these those there here it its is are was were be been being has have had does do did done can
    could cannot will would may must should not no none nothing nobody never only also too and or but if when where
    which who what why how than then so as at by for from in into of off on out over to up with without after before
    until since while again back other another each every all both more most some any such same own one two first last
    run see look give take make use set leave put start stop take takes makes gives uses needs holds kept left let lets
    go goes moves unloads write remove replace read reads lists decides asks choose install wrong exit code lines bytes
    mode pages neither nor stays overridden shutting shut mark undefine delete create closed model process
"""
ENGLISH = frozenset(_COMMON.split())
"""Words that tell a sentence from a list of names: most are those that English cannot do without."""

# Calls whose arguments people see: a phrase there is a message even without one of the words above.
SHOWN = {
    "problem", "finding", "say", "line", "echo", "confirm", "prompt", "UsageError", "BadParameter", "Refusal", "Claim",
    "RunCommand", "Action", "ChangeView", "progress", "option", "_option", "HostError", "Absent", "Denied", "append",
}  # fmt: skip
SHOWN_ROOMS = ("vdesk/render/",)
STYLE = {"bold", "dim", "red", "green", "yellow", "cyan", "magenta", "blue", "white", "black"}

# Calls whose arguments nobody sees but who looks for a mistake in vdesk.
INTERNAL = {"ValueError", "RuntimeError", "TypeError", "AssertionError", "compile", "matching"}
# Calls with an argument, by its number, that is a pattern of what other programs say.
PATTERNS = {"Failure": 1, "Known": 0}

# Rooms and modules that say nothing through vdesk, with the reason.
SILENT = {
    "vdesk/libvirt_hook": "the hook speaks to libvirt's log, without vdesk",
    "vdesk/at_boot": "it speaks to the journal of the boot, without vdesk",
}

# Texts that read like English and are none of vdesk's own: what other programs print, and lines of files.
NEVER = frozenset(
    (
        "apt-get -y --install-recommends install", "dnf -y install", "zypper --non-interactive install",
        "default-src 'none'; style-src 'unsafe-inline'",
        "connection timed out", "could not connect", "could not get lock", "could not resolve", "failed to download",
        "failed to fetch", "is held by process", "network is unreachable", "unable to lock", "waiting for cache lock",
        "zypp is locked",
        "# Written by vdesk (vdesk bind --boot), and taken away by it (vdesk unbind --boot)",
        "# Written by: vdesk iommu enable    Taken out by: sudo vdesk iommu disable", "# before a word",
        "Adding to iommu group", "DMAR: Intel(R) Virtualization Technology for Directed I/O",
        "DMAR: Intel-IOMMU force enabled due to platform opt in", "Failed to enable irq remapping",
        "No interrupt remapping support", "Not enabling interrupt remapping", "Open Kernel Module",
        "SVM disabled (by BIOS)", "This system BIOS has enabled interrupt remapping",
        "VMX (outside TXT) disabled by BIOS", "[ ! -f /etc/vdesk/devices ] || vdesk_off || vdesk_hold",
        "for %%d in ({letters}) do if exist {tools} {tools2} /install /passive /norestart", "held by",
        "in use by driver", "interrupt remapping will be disabled", "is not active", "kvm: disabled by bios",
        "local service", "model name", "network service",
        "not viable", "powercfg /h off", "remove {name}", "starting up libvirt version", "sudo apt install",
        "sudo dnf install", "sudo zypper install",
    )
)  # fmt: skip

# What the system says of a file, as Python has it: no locale is set for that.
SYSTEM = tuple(
    os.strerror(number)
    for number in (
        errno.ENOENT, errno.EACCES, errno.EPERM, errno.EBUSY, errno.ENOSPC, errno.EROFS, errno.EIO, errno.EINVAL,
        errno.ENODEV, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ETIMEDOUT, errno.ENOTEMPTY, errno.EAGAIN,
        errno.ELOOP, errno.ENAMETOOLONG, errno.EDQUOT, errno.ENXIO,
    )
)  # fmt: skip

# What is joined or counted where the texts stand apart, so that no string of the code holds the whole phrase.
PHRASES: tuple[str, ...] = (
    *SYSTEM,
    "{number} warning", "{number} warnings", "{number} problem", "{number} problems",
    "EFI variable StubInfo: {stub}", "EFI variable LoaderInfo: {text}", "SUSE's update-bootloader",
    "function-level reset", "huge pages {gib}", "{path}: empty", "legacy BIOS", "moves devices between drivers",
    "integer range", "float range", "{number} group in /{path}", "{number} groups in /{path}", "{one} and {two}",
    "{one} or {two}",
    "{one}, then {two}", "you lose {lost}", "found: {path}",
    "{output} connected", "{output} disconnected",
)  # fmt: skip

# Single words that are shown, where nothing tells them from a key. They are looked up only where they stand alone.
WORDS: tuple[str, ...] = (
    "Commands", "Examples", "empty", "interrupted", "integer", "float", "boolean", "write", "replace", "keyboard",
    "pointer", "configured", "generated", "booted", "none", "running", "paused", "crashed", "shutdown", "Reboot",
)  # fmt: skip

# The first column: what kind of line it is.
LABELS: tuple[str, ...] = (
    "error", "why", "do", "seen", "next", "ok", "info", "warn", "FAIL", "fail", "unknown", "planned", "done", "skipped",
    "undone", "failed", "device", "trial", "machine", "card", "display", "seat", "held by", "ROM", "reset", "mode",
    "UEFI", "hook", "taken", "other", "state", "kernel", "differ", "disk", "devices", "guest", "firmware", "cpus",
    "memory", "disc", "network", "usb", "rom", "input", "screen", "note", "node", "pinning", "[y/N]", "[Y/n]", "y yes",
    "to do", "not yet", "left out",
)  # fmt: skip

# What older clicks say otherwise than the one that the tools are pinned to (Debian 12 has 8.1.3).
CLICK: tuple[tuple[str, ...], ...] = (
    ("required",),
    ("(Deprecated) {text}",),
    ("DeprecationWarning: The command {name!r} is deprecated.",),
    ("Did you mean {possibility}?", "(Possible options: {possibilities})"),
    ("No such option: {name}",),
    ("Error: The value you entered was invalid.",),
    ("Error: {e.message}",),
    ("{value!r} is not a valid boolean.",),
    ("{name} '{filename}' is a directory.",),
)
