"""grub.cfg: the arguments that GRUB gives to the kernels of its entries, and what GRUB's shell makes of a line."""

from __future__ import annotations

import re

from vdesk.model.kernel_args import Effect, Word, effect, split, within
from vdesk.model.number import is_number

PATH = "boot/grub/grub.cfg"
STARTS = ("linux\t", "linux ", "linuxefi\t", "linuxefi ", "linux16\t", "linux16 ")
IMAGE = len("BOOT_IMAGE=") - len("linux ")  # what GRUB puts before the kernel's path, in place of its own word
_LANG = re.compile(r"^[ \t]*set lang=([A-Za-z]{1,8}(?:_[A-Za-z]{2,4})?(?:@[a-z]{1,12})?)[ \t]*$", re.MULTILINE)
_DEFAULT = re.compile(r"""^[ \t]*set default=("[^"\n]*"|'[^'\n]*'|[^\s"';]+)[ \t]*$""", re.MULTILINE)
_ENTRY = re.compile(r"""(?:menuentry|submenu)[ \t]+['"]?([^'"]*)""")
_ID = re.compile(r"""(?:--id[ =]|\$menuentry_id_option[ \t]+)['"]?([^'"\s{]+)""")
_SECTION = re.compile(r"^### (BEGIN|END) /etc/grub\.d/(\S+) ###$")


def language(text: str) -> str:
    """The language of GRUB's menu (`set lang=es_ES`, from /etc/grub.d/00_header), empty for none."""
    found = _LANG.search(text)
    return found[1] if found else ""


def cut_short(line: str) -> str:
    """What makes GRUB's shell end the line early (a line break, an unquoted `;`, a word with `#`), or an empty text."""
    if "\n" in line.strip("\n"):
        return "a line break"
    for word in split(line, grub=True):
        if word.text.startswith("#"):
            return "# before a word"
        bare = _unquoted(word.text)
        found = next((char for char in ";|&<>" if char in bare), "")
        if found:
            return f"{found} without quotes"
        if _open_quote(word.text):
            return "a quote that is not closed"
    return ""


def _unquoted(text: str) -> str:
    """The characters of a word that stand outside GRUB's quotes."""
    return _outside(text)[0]


def _open_quote(text: str) -> bool:
    return bool(_outside(text)[1])


def _outside(text: str) -> tuple[str, str]:
    """The characters outside quotes, and the quote that is open at the end."""
    found, quote, skip = "", "", False
    for char in text:
        if skip:
            skip = False
        elif char == "\\" and quote != "'":
            skip = True
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        elif not quote:
            found += char
    return found, quote


def kernel_lines(text: str) -> list[list[Word]]:
    """The arguments of each kernel entry, without the kernel's path: those of 10_linux where it has any, else all."""
    own, others = _entries(text)
    return own or others


def every_line(text: str) -> list[list[Word]]:
    """The arguments of all kernel entries, those of 10_linux first, also those of other systems and of a person's."""
    own, others = _entries(text)
    return own + others


def _entries(text: str) -> tuple[list[list[Word]], list[list[Word]]]:
    own: list[list[Word]] = []
    others: list[list[Word]] = []
    section = ""
    for line in text.splitlines():
        mark = _SECTION.match(line)
        if mark:
            section = mark[2] if mark[1] == "BEGIN" else ""
        stripped = line.lstrip(" \t")
        if stripped.startswith(STARTS):
            (own if section.startswith("10_linux") else others).append(_arguments(stripped))
    return own, others


def _arguments(line: str) -> list[Word]:
    found: list[Word] = []
    for word in split(line, grub=True)[2:]:
        bare = _unquoted(word.text)
        if word.text.startswith("#") or ";" in bare:
            break
        found.append(word)
    return found


def default_line(text: str) -> list[Word] | None:
    """The arguments of the entry that GRUB starts by itself: `set default="1"`, or `1>2` in a submenu, both counted
    from 0, or a title or `--id`. The first kernel entry's where the file does not tell, or where that one is none of
    10_linux's; None without any.

    A default that is read from GRUB's environment (`${saved_entry}`) is not told by the file."""
    entries = kernel_lines(text)
    told = [name.strip("\"'") for name in _DEFAULT.findall(text) if "$" not in name]
    found = _chosen(_menu(text), told[-1]) if told else None
    if found is not None and found in entries:
        return found
    return entries[0] if entries else None


class _Entry:
    """An entry of the menu, or a submenu: its names, what is below it, and its kernel's arguments."""

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self.names = names
        self.below: list[_Entry] = []
        self.words: list[Word] | None = None


def _menu(text: str) -> _Entry:
    """The menu as its lines are nested: each entry ends with a line of its own (grub-mkconfig's, and a person's that
    is written like it)."""
    way: list[_Entry | None] = [_Entry()]  # what each open brace belongs to, None for other than entries
    for line in text.splitlines():
        stripped = line.strip(" \t")
        if stripped.endswith("{"):
            entry = _ENTRY.match(stripped)
            made = _Entry((entry[1].strip(" \t{"), *_ID.findall(stripped))) if entry else None
            above = next(each for each in reversed(way) if each is not None)
            above.below += [made] if made else []
            way.append(made)
        elif stripped == "}" and len(way) > 1:
            way.pop()
        elif stripped.startswith(STARTS) and len(way) > 1 and way[-1] is not None and way[-1].words is None:
            way[-1].words = _arguments(stripped)
    found = way[0]
    return found if found is not None else _Entry()


def _chosen(menu: _Entry, name: str) -> list[Word] | None:
    """The arguments of the entry of that name, or number; of a submenu its first."""
    here: _Entry | None = menu
    for part in name.split(">"):
        below = here.below if here is not None else []
        if is_number(part):
            here = below[int(part)] if int(part) < len(below) else None
        else:
            here = next((each for each in below if part in each.names), None)
    while here is not None and here.below:
        here = here.below[0]
    return here.words if here is not None and here is not menu else None


def effects(text: str) -> list[Effect]:
    """What each kernel entry's arguments come to, without those that are too far behind for the kernel."""
    return [effect(within(words, IMAGE)) for words in kernel_lines(text)]
