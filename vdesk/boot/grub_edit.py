"""Edits of /etc/default/grub in place: only the words that have to change, every other byte stays.

An edit is tried on a copy, read back by the rules of sh, and taken only where the result is the planned one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vdesk.boot.grub_defaults import DEFAULT, LINUX, MAIN, Cell, Chain, Settings, Value, settings
from vdesk.boot.shell_script import Assign
from vdesk.boot.shell_types import Char, sets_of
from vdesk.model.errors import Refused
from vdesk.model.kernel_args import SPACES, Edit, Word, apply, kernel_part, split

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_,=.-")


class Splice(NamedTuple):
    """`start` to `end` of the file become `text`."""

    start: int
    end: int
    text: str


class CommandLine(NamedTuple):
    """Both variables as GRUB's linux line has them: GRUB_CMDLINE_LINUX, a space, GRUB_CMDLINE_LINUX_DEFAULT."""

    linux: Value
    default: Value
    cells: tuple[Cell | None, ...]
    words: list[Word]

    @property
    def known(self) -> bool:
        """Whether both variables can be told."""
        return self.linux.known and self.default.known

    @property
    def unsettled(self) -> int:
        """How many words come before those of which the kernel's reading is sure: none, or all up to the last part that
        cannot be told; none too where `--` comes before such a part."""
        unsure = [at for at, word in enumerate(self.words) if "\uffff" in word.text]
        return unsure[-1] + 1 if unsure and len(kernel_part(self.words)) >= unsure[0] else 0

    @property
    def settled(self) -> list[Word]:
        """The words of which the kernel's reading is sure."""
        return self.words[self.unsettled :]


def command_line(found: Settings) -> CommandLine:
    """The command line that the settings give to the kernel's ordinary entries (10_linux)."""
    linux, default = found.get(LINUX), found.get(DEFAULT)
    space = Cell(" ", "", 0, 0, "")
    cells = (*linux.cells, space, *default.cells)
    raw = "".join(cell.char if cell else "\uffff" for cell in cells)
    return CommandLine(linux, default, cells, split(raw, grub=True))


def edited(chain: Chain, edits: Sequence[Edit]) -> Chain | None:
    """The chain with the edits made in /etc/default/grub, or None where that cannot be done safely."""
    if chain.main is None:
        return None
    before = settings(chain)
    line = command_line(before)
    changes = [edit for edit in edits if edit.was is not None]
    added = [edit for edit in edits if edit.was is None]
    fixed = _replaced(chain, line, changes)
    if fixed is None:
        return None
    for splices in _insertions(chain, before, line, added):
        tried = _spliced(chain, [*fixed, *splices])
        if tried is not None and as_planned(before, tried, apply(line.words, edits), [edit.now for edit in added]):
            return tried
    return None


def as_planned(before: Settings, chain: Chain, planned: Sequence[str], added: Iterable[str | None]) -> bool:
    """Whether the chain gives the planned words (the added ones anywhere before `--`) and changes no other variable."""
    try:
        after = settings(chain)
    except Refused:
        return False
    words = command_line(after).words
    kernel = [word.plain for word in kernel_part(words)]
    found, wanted = [word.plain for word in words], list(planned)
    for text in added:
        if text not in kernel:
            return False
        found.remove(text)
        wanted.remove(text)
    others = (set(before.values) | set(after.values)) - {DEFAULT, LINUX}
    same = all(before.get(name).raw == after.get(name).raw for name in others)
    return found == wanted and same and before.unknown == after.unknown


def _spliced(chain: Chain, splices: Sequence[Splice]) -> Chain | None:
    data = chain.main.text if chain.main else ""
    ordered = sorted(enumerate(splices), key=lambda each: (each[1].start, each[1].end, each[0]))
    result, at = "", 0
    for _, splice in ordered:
        if splice.start < at:
            return None
        result += data[at : splice.start] + splice.text
        at = splice.end
    return chain.having(MAIN, (result + data[at:]).encode("latin-1"))


# --- words that are there
def _replaced(chain: Chain, line: CommandLine, edits: Sequence[Edit]) -> list[Splice] | None:
    found: list[Splice] = []
    for edit in edits:
        splice = _one(line, line.words[edit.at], edit.now)
        if splice is None:
            return None
        found.append(splice)
    return found


def _one(line: CommandLine, word: Word, now: str | None) -> Splice | None:
    if now is None:
        return _deleted(line, word)
    head, tail = _common(word.text, now)
    text = now[head : len(now) - tail]
    cells = line.cells[word.start + head : word.end - tail]
    if not set(text) <= PLAIN:
        return None
    if not cells:
        last = line.cells[word.start + head - 1]
        return Splice(last.end, last.end, text) if last and last.file == MAIN and head else None
    span = _span(cells)
    return Splice(*span, text) if span else None


def _common(old: str, new: str) -> tuple[int, int]:
    """The lengths of the common beginning and, of the rest, the common end."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return head, tail


def _span(cells: Sequence[Cell | None]) -> tuple[int, int] | None:
    """The bytes of the cells where they stand in one piece, unescaped, in /etc/default/grub."""
    start = at = -1
    for cell in cells:
        if cell is None or cell.file != MAIN or cell.end - cell.start != 1 or at not in (-1, cell.start):
            return None
        start, at = (cell.start if start < 0 else start), cell.end
    return (start, at) if start >= 0 else None


def _deleted(line: CommandLine, word: Word) -> Splice | None:
    """Without the word and the blanks before it, or after it where it is the first."""
    start, end = word.start, word.end
    while start and (cell := line.cells[start - 1]) and cell.file and cell.char in SPACES:
        start -= 1
    if start == word.start:
        while end < len(line.cells) and (cell := line.cells[end]) and cell.file and cell.char in SPACES:
            end += 1
    span = _span(line.cells[start:end]) or _span(line.cells[word.start : word.end])
    return Splice(*span, "") if span else None


# --- words to add
def _insertions(chain: Chain, found: Settings, line: CommandLine, added: Sequence[Edit]) -> Iterable[list[Splice]]:
    """The places where the words could go, the likeliest first."""
    if not added:
        yield []
        return
    words = " ".join(edit.now or "" for edit in added)
    at = added[0].at
    if at < len(line.words):
        cell = line.cells[line.words[at].start]
        if cell and cell.file == MAIN and cell.quote != "\\":
            yield [Splice(cell.start, cell.start, f"{words} " if cell.quote else f'"{words} "')]
        return
    for assign in _candidates(found):
        yield _appended(chain, assign, words)
    if not any(path == MAIN and assign.name == DEFAULT for path, assign in found.assignments):
        yield [new_line(chain, words)]


def _candidates(found: Settings) -> list[Assign]:
    """The assignments of /etc/default/grub that could take the word: first those on which later ones build."""
    ours = [assign for path, assign in found.assignments if path == MAIN and assign.name == DEFAULT]
    alone = [assign for assign in ours if not _expands(assign)]
    return [*reversed(alone), *(assign for assign in reversed(ours) if _expands(assign))]


def _expands(assign: Assign) -> bool:
    return not all(isinstance(part, Char) for part in assign.value.parts) or bool(sets_of(assign.value.parts))


def _appended(chain: Chain, assign: Assign, words: str) -> list[Splice]:
    """`words` at the end of the assignment's value, in its own quotes; unquoted values get double quotes."""
    text, value = chain.main.text if chain.main else "", assign.value
    parts = list(value.parts)
    while parts and isinstance(parts[-1], Char) and parts[-1].char == "\r" and not parts[-1].quote:
        parts.pop()  # the end of a line as Windows has it
    if not parts:
        quoted = text[value.start : value.start + 1] in ('"', "'")
        at = value.start + quoted
        return [Splice(at, at, words if quoted else f'"{words}"')]
    last = parts[-1]
    blank = isinstance(last, Char) and last.char in SPACES
    added = words if blank else f" {words}"
    if last.quote in ('"', "'") or _inside_double(text, value.start, last.end):
        return [Splice(last.end, last.end, added)]
    if not set(text[value.start : last.end]) & set("\"'\\`"):
        return [Splice(value.start, value.start, '"'), Splice(last.end, last.end, f'{added}"')]
    return [Splice(last.end, last.end, f'"{added}"')]


def _inside_double(text: str, start: int, at: int) -> bool:
    """Whether an escaped character ends inside double quotes: the quote mark that closes them comes next."""
    return text[at - 2 : at - 1] == "\\" and text[at : at + 1] == '"' and text[start : start + 1] == '"'


def new_line(chain: Chain, words: str) -> Splice:
    """A line of its own at the end of /etc/default/grub, which may lack its last line end."""
    text = chain.main.text if chain.main else ""
    ending = "" if not text or text.endswith("\n") else "\n"
    return Splice(len(text), len(text), f'{ending}{DEFAULT}="{words}"\n')
