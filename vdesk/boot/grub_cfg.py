"""grub.cfg: the arguments that GRUB gives to the kernels of its entries, and what GRUB's shell makes of a line."""

from __future__ import annotations

import re

from vdesk.model.kernel_args import Effect, Word, effect, split, within

PATH = "boot/grub/grub.cfg"
STARTS = ("linux\t", "linux ", "linuxefi\t", "linuxefi ", "linux16\t", "linux16 ")
IMAGE = len("BOOT_IMAGE=") - len("linux ")  # what GRUB puts before the kernel's path, in place of its own word
_LANG = re.compile(r"^[ \t]*set lang=([A-Za-z]{1,8}(?:_[A-Za-z]{2,4})?(?:@[a-z]{1,12})?)[ \t]*$", re.MULTILINE)
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


def effects(text: str) -> list[Effect]:
    """What each kernel entry's arguments come to, without those that are too far behind for the kernel."""
    return [effect(within(words, IMAGE)) for words in kernel_lines(text)]
