"""What words of POSIX sh are made of: literal characters with their place in the file, and expansions."""

from __future__ import annotations

from typing import NamedTuple

META = "|&;<>() \t\n"
NAME_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
NAME = NAME_START | frozenset("0123456789")
SPECIAL = frozenset("0123456789@*#?-$!")
DEPTH_LIMIT = 40


class ShellError(Exception):
    """The text is no shell script: sh would stop with a syntax error."""


class Char(NamedTuple):
    """One literal character; `start` to `end` are its bytes in the file, two with a backslash. `quote` is a quotation
    mark, a backslash, or empty."""

    char: str
    start: int
    end: int
    quote: str


class Param(NamedTuple):
    """`$NAME` or `${NAME}`, with `op` and `word` for `${NAME:-word}` and the like."""

    name: str
    op: str
    word: tuple[Part, ...]
    end: int
    quote: str


class Unknown(NamedTuple):
    """An expansion that only running it would tell; `sets` are the variables that it may set."""

    reason: str
    sets: frozenset[str]
    end: int
    quote: str


Part = Char | Param | Unknown


class Word(NamedTuple):
    """One word and where it stands."""

    parts: tuple[Part, ...]
    start: int
    end: int

    @property
    def literal(self) -> str | None:
        """The text of a word without expansions; None for others."""
        chars = [part.char for part in self.parts if isinstance(part, Char)]
        return "".join(chars) if len(chars) == len(self.parts) else None

    @property
    def bare(self) -> str | None:
        """The text of a word without expansions and without any quoting: only such a one is a reserved word."""
        text = self.literal
        return text if text is not None and len(text) == self.end - self.start else None

    @property
    def sets(self) -> frozenset[str]:
        """The variables that expanding it may set."""
        return sets_of(self.parts)


def sets_of(parts: tuple[Part, ...]) -> frozenset[str]:
    """The variables that expanding these parts may set (`${x:=y}`, `$((x=1))`)."""
    found: frozenset[str] = frozenset()
    for part in parts:
        if isinstance(part, Unknown):
            found |= part.sets
        elif isinstance(part, Param):
            found |= sets_of(part.word) | (frozenset([part.name]) if part.op.endswith("=") else frozenset())
    return found
