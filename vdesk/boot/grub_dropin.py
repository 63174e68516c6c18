"""The file of vdesk's own in /etc/default/grub.d: it adds to what was before and need not understand it."""

from __future__ import annotations

import re
from collections.abc import Sequence

DEFAULT, LINUX = "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"
NAME = "zz-vdesk.cfg"
HEAD = "# Written by: vdesk iommu enable    Taken out by: sudo vdesk iommu disable\n"
_PLAIN = re.compile(r'(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)="\$\1 ([A-Za-z0-9_=,. -]+)"\n')
_GUARD = re.compile(r'^\*\) (GRUB_CMDLINE_LINUX(?:_DEFAULT)?)="\$\1 ([A-Za-z0-9_=,. -]+)" ;;$', re.MULTILINE)
NAME_LIMIT = 255


def line(variable: str, words: str) -> str:
    """The line of sh that appends words to a variable; the kernel lets the last on/off win."""
    return f'{variable}="${variable} {words}"\n'


def text(variable: str, words: str, *, dashes: bool) -> str:
    """The whole file; with `dashes` the words go before ` -- `, behind which everything is init's."""
    if not dashes:
        return HEAD + line(variable, words)
    return (
        f"{HEAD}"
        "# What follows -- is not the kernel's, so the argument goes before it.\n"
        f'case " ${variable} " in\n'
        f'*" -- "*) {variable}=" ${variable} "\n'
        f'    {variable}="${{{variable}%% -- *}} {words} -- ${{{variable}#* -- }}" ;;\n'
        f'*) {variable}="${variable} {words}" ;;\n'
        "esac\n"
    )


def guarded(data: str) -> tuple[str, str] | None:
    """(variable, words) where `data` is exactly what text() writes with `dashes`."""
    found = _GUARD.search(data) if data.startswith(HEAD) else None
    if found and data == text(found[1], found[2], dashes=True):
        return found[1], found[2]
    return None


def is_line(data: str) -> bool:
    """Whether this is a line that vdesk appends."""
    return _PLAIN.fullmatch(data) is not None and "iommu" in data


def without_block(data: str) -> str:
    """A file without what text() writes with `dashes`, wherever a person has put lines around it."""
    found = _GUARD.search(data)
    return data.replace(text(found[1], found[2], dashes=True), "", 1) if found else data


def words_of(data: str) -> tuple[str, str] | None:
    """(variable, words) where `data` is exactly a file that vdesk writes."""
    found = _PLAIN.fullmatch(data.removeprefix(HEAD)) if data.startswith(HEAD) else None
    return (found[1], found[2]) if found else guarded(data)


def names(present: Sequence[str]) -> list[str]:
    """The names to try: the usual one, then such as sort after every `.cfg` file that is there."""
    others = [name for name in present if name.endswith(".cfg")]
    last = max((name.encode("utf-8", "surrogateescape") for name in others), default=b"")
    tries = [NAME, "zzz-vdesk.cfg", "zzzz-vdesk.cfg", last.removesuffix(b".cfg").decode("utf-8", "surrogateescape")]
    tries[-1] += "~vdesk.cfg"
    after = [name for name in tries[1:] if name.encode("utf-8", "surrogateescape") > last]
    return [name for name in [NAME, *after] if len(name.encode("utf-8", "surrogateescape")) <= NAME_LIMIT]
