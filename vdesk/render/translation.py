"""A catalogue, applied to finished English sentences.

Messages are made in plain English all over vdesk, with addresses and paths filled in and parts joined together. So they
are translated where they leave for a person: a text is looked up as it is, then as a template of the catalogue whose
fields are translated in their turn, then in parts at its punctuation; of all readings the one counts that leaves the
fewest letters in English. Names, paths, commands and what the kernel said are in no catalogue, and stay."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

FIELD = re.compile(r"\{(\w+)\}")
WORD = re.compile(r"[^\W\d_]{2,}")
CUT = re.compile(r"\n|[.?!] (?! )|[;:,] | -> | \(|\)| {2,}")
STRAY = " \t\n,;:."
MOST_CUTS, MOST_SIGNS, MOST_DEEP = 24, 4000, 16  # of one text: a longer one is the kernel's, or a file's
LABEL, ALONE = "label\x04", "word\x04"
"""The contexts (msgctxt) of words in the first column, and of single words in a text, as a .mo file has them. A single
word without one is click's: names would be taken for it."""


class Reading(NamedTuple):
    """A text in the other language, and how many of its letters were found in the catalogue."""

    text: str
    known: int


class Template(NamedTuple):
    """A sentence with holes: the literal texts around them, the names of the holes, and the translation."""

    literals: tuple[str, ...]
    names: tuple[str, ...]
    translation: str
    weight: int
    weak: bool


class Catalogue:
    """The sentences of one language; `texts` maps English to it, as a .mo file does."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._whole: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._by_word: dict[str, list[Template]] = {}
        self._read: dict[str, Reading] = {}
        self._depth = 0
        for text, translation in texts.items():
            if text.startswith(LABEL):
                self._labels[text.removeprefix(LABEL)] = translation
            elif text.startswith(ALONE):
                self._whole[text.removeprefix(ALONE)] = translation
            elif "{" in text and FIELD.search(text):
                template = _template(text, translation)
                self._by_word.setdefault(_key(template.literals), []).append(template)
            elif " " in text:
                inner = outer(text)[1]  # click's sentences end with a stop
                self._whole[inner] = translation if inner == text else outer(translation)[1]

    def label(self, text: str) -> str:
        """A word of the first column; what is no label, such as a number, stays."""
        return self._labels.get(text, text)

    def say(self, text: str) -> str:
        """The text in the other language, in so far as the catalogue has it."""
        return self.read(text).text

    def read(self, text: str) -> Reading:
        """The text in the other language, and how much of it the catalogue knows."""
        found = self._read.get(text)
        if found is None:
            if self._depth > MOST_DEEP or len(text) > MOST_SIGNS:
                return Reading(text, 0)
            before, inner, after = outer(text)
            self._depth += 1
            found = self._inner(inner)
            self._depth -= 1
            found = self._read[text] = found._replace(text=before + found.text + after)
        return found

    def _inner(self, text: str) -> Reading:
        whole = self._whole.get(text)
        if whole is not None:
            return Reading(whole, len(text))
        best = Reading(text, 0)
        if not WORD.search(text):
            return best
        for template in self._candidates(text):
            found = self._filled(template, text)
            if found is not None and found.known > best.known:
                best = found
                if template.weight + 1 >= len(text) or _plain(template, text):
                    return best
        cuts = list(CUT.finditer(text))
        for cut in cuts if len(cuts) <= MOST_CUTS else ():
            left, right = text[: cut.start()], text[cut.end() :]
            if left or right:
                one, two = self.read(left), self.read(right)
                if one.known + two.known >= best.known and one.known + two.known:
                    best = Reading(one.text + cut.group() + two.text, one.known + two.known)
        return best

    def _candidates(self, text: str) -> Iterator[Template]:
        """The templates that could fit, those that say most first."""
        found = [*self._by_word.get("", ())]
        for word in set(WORD.findall(text)):
            found += self._by_word.get(word, ())
        return iter(sorted(found, key=lambda each: -each.weight))

    def _filled(self, template: Template, text: str) -> Reading | None:
        values = _values(template.literals, text)
        if values is None or any("  " in f" {value}" for value in values):
            return None
        if len(set(zip(template.names, values, strict=True))) > len(set(template.names)):
            return None  # a hole that is there twice holds the same both times
        said = [self.read(value) for value in values]
        if template.weak and any(" " in each.text and not each.known for each in said):
            return None
        by_name = dict(zip(template.names, (each.text for each in said), strict=True))
        return Reading(
            FIELD.sub(lambda hole: by_name.get(hole[1], hole[0]), template.translation),
            template.weight + sum(each.known for each in said),
        )


def outer(text: str) -> tuple[str, str, str]:
    """A text between what joins it to others: blanks and punctuation at its ends, a pair of brackets around it."""
    inner = text.strip(STRAY)
    while inner[:1] == "(" and inner[-1:] == ")" and "(" not in inner[1:]:
        inner = inner[1:-1].strip(STRAY)
    if not inner:
        return text, "", ""
    start = text.index(inner)
    return text[:start], inner, text[start + len(inner) :]


def load(folder: str, language: str) -> Catalogue:
    """The catalogue of a language below the folder; OSError where there is none."""
    found = gettext.translation("vdesk", folder, [language])
    texts: Mapping[object, str] = getattr(found, "_catalog")  # noqa: B009  # gettext only looks up what it is given
    return Catalogue({key: text for key, text in texts.items() if isinstance(key, str)})  # the others are plural forms


def _template(text: str, translation: str) -> Template:
    parts = FIELD.split(text)
    literals = tuple(parts[::2])
    around = "".join(literals)
    weak = len(around) < 6 and around.replace(" ", "").isalpha()
    return Template(literals, tuple(parts[1::2]), translation, len(around), weak)


def _key(literals: Sequence[str]) -> str:
    """The longest whole word of the template, under which it is found; empty where each touches a hole."""
    last = len(literals) - 1
    found = ""
    for number, literal in enumerate(literals):
        for word in WORD.finditer(literal):
            cut = (number and not word.start()) or (number < last and word.end() == len(literal))
            if not cut and len(word.group()) > len(found):
                found = word.group()
    return found


def _values(literals: Sequence[str], text: str) -> list[str] | None:
    """What stands in the holes; None where the text is another one. Each hole ends as early as it can."""
    start, end = len(literals[0]), len(text) - len(literals[-1])
    if start > end or not text.startswith(literals[0]) or not text.endswith(literals[-1]):
        return None
    found = []
    for literal in literals[1:-1]:
        place = text.find(literal, start, end)
        if place < 0:
            return None
        found.append(text[start:place])
        start = place + len(literal)
    return [*found, text[start:end]]


def _plain(template: Template, text: str) -> bool:
    """Whether the holes hold no prose, so that no other reading can be better."""
    return not any(" " in value for value in _values(template.literals, text) or ())
