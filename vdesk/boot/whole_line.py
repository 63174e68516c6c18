"""The kernel's whole command line, for files that hold nothing less.

The tools that write entries and images take the line from the first of three files (kernel-install(8), mkinitcpio(8)):
who makes /etc/kernel/cmdline with one argument in it drops `root=`, and who copies /proc/cmdline there keeps an initrd
that the next kernel does not have. So where a line has to be written, it is told whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.model.errors import HostError
from vdesk.model.kernel_args import Word, kernel_part, split

KEPT, SHIPPED, BOOTED = "etc/kernel/cmdline", "usr/lib/kernel/cmdline", "proc/cmdline"
LIMIT = 1 << 16
OF_ONE_BOOT = ("BOOT_IMAGE", "initrd", "vdesk.off", "single", "rescue", "emergency", "recovery")
"""What the loader, or a person in its menu, gives to one boot: no line that is kept has it."""


class Line(NamedTuple):
    """The whole line that the kernel is booted with from now on; `words` None where no file tells. `kept` is whether
    /etc/kernel/cmdline has it."""

    words: list[Word] | None
    kept: bool

    def having(self, added: Sequence[str]) -> str:
        """The line with the arguments among what the kernel reads, unless they have the last word there already."""
        kernel = kernel_part(self.words or [])
        there = [word.text for word in self.words or []]
        last = {word.name: word.plain for word in kernel}
        lacking = [each for each in added if each not in last.values()]
        return " ".join([*there[: len(kernel)], *lacking, *there[len(kernel) :]])

    def without(self, argument: str) -> str:
        """The line without an argument; - and _ in its name are the same."""
        gone = [(word.name, word.value) for word in split(argument)]
        return " ".join(word.text for word in self.words or [] if (word.name, word.value) not in gone)


def whole_line(host: Host) -> Line:
    """The line of the first file that is there; of the running kernel's, only what is not of this one boot."""
    for path in (KEPT, SHIPPED, BOOTED):
        try:
            text = host.read_optional(path, LIMIT)
        except HostError:
            return Line(None, path == KEPT)
        rows = [printable(row, LIMIT) for row in (text or "").splitlines() if not row.startswith("#")]
        words = [word for word in split(" ".join(rows)) if word.name not in OF_ONE_BOOT]
        if words:
            return Line(words, path == KEPT)
    return Line(None, False)


def to_put(line: Line, words: Sequence[str]) -> str:
    """How the arguments come into /etc/kernel/cmdline."""
    args = " ".join(words)
    if line.kept:
        reads = f", so that it reads: {line.having(words)}" if line.words else ""
        return f"add {args} to the line in /{KEPT}{reads}"
    if line.words:
        return f"write this line into /{KEPT}, which has none: {line.having(words)}"
    return f"write into /{KEPT}, in one line, all arguments that this machine boots with, root= among them, and {args}"


def to_take(line: Line, word: str) -> str:
    """How an argument goes that comes from there, or would be taken from the running kernel again."""
    if line.words and not line.kept:
        return f"write this line into /{KEPT}, which has none: {line.without(word)}"
    return f"take {word} out of the line in /{KEPT}"
