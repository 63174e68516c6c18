"""Kernel arguments as an ordered list of words, and what those for the IOMMU come to.

Splitting: next_arg() in lib/cmdline.c (double quotes group, `--` ends what the kernel reads). Names compare with `-`
as `_` (parameq()). Values: intel_iommu_setup(), iommu_setup() and iommu_set_def_domain_type()."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

SPACES = " \t\n\v\f\r"
INTEL, AMD, GENERIC, PASSTHROUGH = "intel_iommu", "amd_iommu", "iommu", "iommu.passthrough"
IOMMU_NAMES = (INTEL, AMD, GENERIC, "intremap", "nointremap")
LONGEST = 2047
"""Bytes of a command line that x86 reads: COMMAND_LINE_SIZE without its zero (arch/x86/include/asm/setup.h). GRUB
ends the line before the first word that has no room (grub_create_loader_cmdline)."""
_TRUE, _FALSE = ("1", "y", "Y", "on"), ("0", "n", "N", "of")


class Word(NamedTuple):
    """One argument: its text as written, where it stands in the line, and without its quotes."""

    text: str
    start: int
    end: int
    plain: str

    @property
    def name(self) -> str:
        """What stands before `=`, with `-` as `_`."""
        return self.plain.partition("=")[0].replace("-", "_") if self.plain != "--" else "--"

    @property
    def value(self) -> str | None:
        """What stands after `=`; None without one."""
        before, equals, after = self.plain.partition("=")
        return after if equals and before else None

    @property
    def parts(self) -> list[str]:
        """The value's comma-separated parts, empty ones left out."""
        return [each for each in (self.value or "").split(",") if each]


def split(line: str, *, grub: bool = False) -> list[Word]:
    """The words of a command line; with `grub`, as GRUB's own shell reads it first (single quotes, backslashes)."""
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at] in SPACES:
            at += 1
            continue
        word = _word(line, at, grub)
        words.append(word)
        at = word.end
    return words


def _word(line: str, start: int, grub: bool) -> Word:
    plain: list[str] = []
    quote, at = "", start
    while at < len(line) and (quote or line[at] not in SPACES):
        char = line[at]
        if grub and char == "\\" and quote != "'" and at + 1 < len(line):
            plain.append(line[at + 1])
            at += 2
            continue
        if char == quote:
            quote = ""
        elif not quote and (char == '"' or (grub and char == "'")):
            quote = char
        else:
            plain.append(char)
        at += 1
    return Word(line[start:at], start, at, "".join(plain))


def kernel_part(words: Sequence[Word]) -> list[Word]:
    """The words that the kernel reads: those before `--`; what follows belongs to init (parse_args())."""
    found: list[Word] = []
    for word in words:
        if word.plain == "--":
            break
        found.append(word)
    return found


def within(words: Sequence[Word], before: int) -> list[Word]:
    """The words that the kernel gets to see of a line that has `before` more bytes in front of it."""
    return [word for word in words if word.end + before <= LONGEST]


def about_iommu(words: Sequence[Word]) -> list[str]:
    """The arguments that concern the IOMMU, in order, without quotes."""
    return [
        word.plain for word in kernel_part(words) if word.name in IOMMU_NAMES or word.name.startswith(f"{GENERIC}.")
    ]


class Effect(NamedTuple):
    """What the kernel makes of a line: `intel` is on, off or None (its default), `passthrough` likewise;
    `forbids` are the words that turn every IOMMU off for good."""

    intel: bool | None = None
    igfx_off: bool = False
    passthrough: bool | None = None
    forbids: tuple[str, ...] = ()


def effect(words: Sequence[Word]) -> Effect:
    """What the words come to: the last on/off wins, igfx_off accumulates, `iommu=off` cannot be taken back."""
    intel: bool | None = None
    igfx, through = False, None
    forbids: list[str] = []
    for word in kernel_part(words):
        if word.name == INTEL:
            for part in word.parts:
                intel = _switch(part, intel)
                igfx = igfx or part.startswith("igfx_off")
        through = _passthrough(word, through)
        if word.name in (GENERIC, AMD) and any(part.startswith("off") for part in word.parts):
            forbids.append(word.plain)
    return Effect(intel, igfx, through, tuple(forbids))


def _switch(part: str, before: bool | None) -> bool | None:
    """The kernel compares prefixes: `onfoo` is on."""
    if part.startswith("on"):
        return True
    return False if part.startswith("off") else before


def _passthrough(word: Word, before: bool | None) -> bool | None:
    if word.name == PASSTHROUGH:
        value = word.value or ""
        return True if value.startswith(_TRUE) else False if value.startswith(_FALSE) else before
    for part in word.parts if word.name == GENERIC else []:
        before = True if part.startswith("pt") else False if part.startswith("nopt") else before
    return before


class Wanted(NamedTuple):
    """What a person asks for: intel_iommu=on, its igfx_off, iommu=pt."""

    intel: bool = True
    igfx_off: bool = False
    passthrough: bool = False

    @property
    def words(self) -> list[str]:
        """The arguments for a line that has none of them."""
        intel = [f"{INTEL}=on,igfx_off" if self.igfx_off else f"{INTEL}=on"] if self.intel else []
        return intel + ([f"{GENERIC}=pt"] if self.passthrough else [])

    def met_by(self, found: Effect) -> bool:
        """Whether a line with this effect gives all that is asked for."""
        return (
            (found.intel is True or not self.intel)
            and (found.igfx_off or not self.igfx_off)
            and (found.passthrough is True or not self.passthrough)
            and not found.forbids
        )


class Edit(NamedTuple):
    """One change of the list: the word at `at` becomes `now` (None: goes); `was` None: `now` is put in before it."""

    at: int
    was: str | None
    now: str | None


def merge(words: Sequence[Word], wanted: Wanted) -> list[Edit]:
    """The fewest edits after which `wanted` is met: in the word that decides, else new words at the end."""
    kernel = kernel_part(words)
    edits: dict[int, Edit] = {}
    added: list[str] = []
    if wanted.intel:
        added += _merge_intel(kernel, wanted, edits)
    if wanted.passthrough and effect(words).passthrough is not True:
        added += _merge_passthrough(kernel, edits)
    return [edits[index] for index in sorted(edits)] + [Edit(len(kernel), None, text) for text in added]


def _merge_intel(kernel: Sequence[Word], wanted: Wanted, edits: dict[int, Edit]) -> list[str]:
    """Edits of the intel_iommu words; returns the words that have to be added."""
    ours = [index for index, word in enumerate(kernel) if word.name == INTEL and word.value is not None]
    found = effect(kernel)
    target = None
    if found.intel is not True or (wanted.igfx_off and not found.igfx_off):
        decides = [index for index in ours if any(_switch(part, None) is not None for part in kernel[index].parts)]
        target = (decides or ours or [-1])[-1]
        if target < 0:
            return [Wanted(igfx_off=wanted.igfx_off).words[0]]
    for index in ours:
        parts = [part for part in kernel[index].parts if part != "pt"]
        if index == target:
            parts = _turned_on(parts, wanted.igfx_off and not found.igfx_off)
        if parts != kernel[index].parts:
            now = f"{kernel[index].plain.partition('=')[0]}={','.join(parts)}" if parts else None
            edits[index] = Edit(index, kernel[index].text, now)
    return []


def _turned_on(parts: Sequence[str], igfx_off: bool) -> list[str]:
    """The parts with `on` in place of `off`, or before the others; the kernel's parser lets the last one win."""
    last = [part for part in parts if _switch(part, None) is not None][-1:]
    on = bool(last) and bool(_switch(last[0], None))
    result = list(parts)
    if not on:
        has_on = any(_switch(part, None) for part in parts)
        places = [at for at, part in enumerate(parts) if _switch(part, None) is False]
        result = [part for part in parts if _switch(part, None) is not False]
        if not has_on:
            result.insert(places[0] if places else 0, "on")
    return result + (["igfx_off"] if igfx_off else [])


def _merge_passthrough(kernel: Sequence[Word], edits: dict[int, Edit]) -> list[str]:
    """Edits of the iommu words; returns the words that have to be added: the last one wins. A word that says something
    else besides (`iommu=soft,nopt`) is left as it is."""
    deciding = [index for index, word in enumerate(kernel) if _passthrough(word, None) is not None]
    word = kernel[deciding[-1]] if deciding else None
    if word and (word.name == PASSTHROUGH or len(word.parts) == 1):
        now = f"{PASSTHROUGH}=1" if word.name == PASSTHROUGH else f"{GENERIC}=pt"
        edits[deciding[-1]] = Edit(deciding[-1], word.text, now)
        return []
    return [f"{GENERIC}=pt"]


def unmerge(words: Sequence[Word], was: str | None, now: str | None) -> Edit | None:
    """The edit that takes back one of merge(), also where a person added parts to the word since; None: it is gone."""
    before, after = (split(text)[0] if text else None for text in (was, now))
    if after is None:
        there = before is None or _last(words, before.plain) is not None
        return None if there else Edit(len(kernel_part(words)), None, was)
    index = _last(words, after.plain)
    if index is not None:
        return Edit(index, words[index].text, was)
    same = [at for at, word in enumerate(kernel_part(words)) if word.name == after.name and word.value is not None]
    for at in reversed(same):
        parts = _without(words[at].parts, before.parts if before else [], after.parts)
        if parts is not None:
            return Edit(at, words[at].text, f"{after.name}={','.join(parts)}" if parts else None)
    return None


def _last(words: Sequence[Word], plain: str) -> int | None:
    return max((at for at, word in enumerate(kernel_part(words)) if word.plain == plain), default=None)


def _without(parts: Sequence[str], was: Sequence[str], now: Sequence[str]) -> list[str] | None:
    """`parts` without what came with `now`, with what it replaced; None where nothing of `now` is left."""
    added = [part for part in now if part not in was]
    if not any(part in added for part in parts):
        return None
    gone = [part for part in was if part not in now and part not in parts and part != "pt"]
    return gone + [part for part in parts if part not in added]


def apply(words: Sequence[Word], edits: Iterable[Edit]) -> list[str]:
    """The plain words after the edits."""
    result: list[str | None] = [word.plain for word in words]
    added: dict[int, list[str]] = {}
    for edit in edits:
        if edit.was is None:
            added.setdefault(edit.at, []).append(edit.now or "")
        else:
            result[edit.at] = split(edit.now)[0].plain if edit.now else None
    final: list[str] = []
    for index, plain in enumerate([*result, None]):
        final += added.get(index, [])
        if plain is not None:
            final.append(plain)
    return final
