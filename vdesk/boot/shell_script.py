"""The grammar of POSIX sh, as far as it tells which variables a script sets where (POSIX 2.10; dash src/parser.c).

A script is a list of steps: assignments that are always carried out, and everything else by its effect on variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from vdesk.boot.shell_redirects import here_documents, redirection
from vdesk.boot.shell_types import NAME, NAME_START, ShellError, Word
from vdesk.boot.shell_words import Words

# Commands that can set any variable of this shell, or change what later commands mean.
SETS_ANY = frozenset((
    ".", "source", "read", "getopts", "alias", "unalias", "local", "readonly", "trap", "set", "command", "builtin",
    "declare", "typeset", "let", "mapfile", "readarray", "shopt", "enable",
))
# Commands after which the rest of the file may not be reached.
STOPS = frozenset(("eval", "return", "exit", "exec", "break", "continue"))
SPECIAL_BUILTINS = SETS_ANY | STOPS | frozenset((":", "export", "unset", "shift", "times"))
RESERVED = frozenset(
    ("!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while")
)


class Effect(NamedTuple):
    """What a command may do to variables: the names it may set, `anything`, whether it may leave the file; `calls` and
    `defines` are names of commands and functions, `locks` of variables that nobody may set afterwards."""

    sets: frozenset[str] = frozenset()
    anything: bool = False
    stops: bool = False
    calls: frozenset[str] = frozenset()
    defines: frozenset[str] = frozenset()
    locks: frozenset[str] = frozenset()

    def __or__(self, other: Effect) -> Effect:
        sets, calls, defines = self.sets | other.sets, self.calls | other.calls, self.defines | other.defines
        anything, stops = self.anything or other.anything, self.stops or other.stops
        return Effect(sets, anything, stops, calls, defines, self.locks | other.locks)


class Assign(NamedTuple):
    """`NAME=value`, always carried out. The value's word; `start` to `end` are its bytes in the file."""

    name: str
    value: Word


class Unset(NamedTuple):
    """`unset NAME`, always carried out."""

    name: str


class Other(NamedTuple):
    """Anything else, by what it may do; `reason` names it."""

    effect: Effect
    reason: str


Step = Assign | Unset | Other


@dataclass
class _Simple:
    """A simple command in the making."""

    assigns: list[Assign] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    targets: list[Word] = field(default_factory=list)


def parse(text: str) -> list[Step]:
    """The steps of a script (latin-1 text); ShellError where sh would not read it."""
    script = Script(Words(text))
    steps = script.body(())
    if script.words.look():
        raise ShellError(f"{script.words.look()!r} in line {script.words.line(script.words.at)} is out of place")
    return steps


def effect_of(steps: list[Step]) -> Effect:
    """What the steps together may do."""
    total = Effect()
    for step in steps:
        if isinstance(step, Other):
            total |= step.effect
        else:
            sets = frozenset([step.name])
            total |= Effect(sets | (step.value.sets if isinstance(step, Assign) else frozenset()))
    return total


class Script:
    """A recursive descent over Words."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def substitution(self, closing: str) -> None:
        """The inside of a command substitution, up to and with `closing`."""
        self.body(())
        if closing and not self.words.ahead(closing):
            raise ShellError(f"$( is not closed in line {self.words.line(self.words.at)}")
        if not closing and self.words.look():
            raise ShellError("a backquoted command is no shell command")

    # --- lists
    def body(self, until: tuple[str, ...]) -> list[Step]:
        """Commands up to one of the reserved words (not taken), `)`, `;;` or the end."""
        steps: list[Step] = []
        while True:
            self.newlines()
            char = self.words.look()
            if not char or char == ")" or self._peek(";;") or self.reserved() in until:
                return steps
            found = self._and_or()
            steps += found if not self._separator() else [Other(Effect(), "a background command")]

    def newlines(self) -> None:
        """Skip blanks, comments and line ends; here-documents are read at the line end."""
        words = self.words
        while True:
            words.blanks()
            if words.look() != "\n":
                return
            words.at += 1
            here_documents(words)

    def _separator(self) -> bool:
        """Take what ends a command; True for `&`. Several commands without one are a mistake."""
        words = self.words
        words.blanks()
        char = words.look()
        if char == ";" and not self._peek(";;"):
            words.at += 1
        elif char == "&":
            words.at += 1
            return True
        elif char and char not in "\n)" and not self._peek(";;"):
            raise ShellError(f"{char!r} in line {words.line(words.at)} is out of place")
        return False

    def _peek(self, text: str) -> bool:
        before = self.words.at
        found = self.words.ahead(text)
        self.words.at = before
        return found

    def reserved(self) -> str:
        """The reserved word that comes next (not taken), or an empty text."""
        before = self.words.at
        char = self.words.look()
        if not char or not (char in NAME_START or char in "!{}"):
            return ""
        found = ""
        while (char := self.words.look()) and char not in "|&;<>() \t\n'\"\\$`" and len(found) < 8:
            found += char
            self.words.at += 1
        plain = not char or char in "|&;<>() \t\n"
        self.words.at = before
        return found if plain and found in RESERVED else ""

    def _and_or(self) -> list[Step]:
        steps = self._pipeline()
        while True:
            self.words.blanks()
            if not (self.words.ahead("&&") or self.words.ahead("||")):
                return steps
            self.newlines()
            steps = [*steps, Other(effect_of(self._pipeline()), "a command after && or ||")]

    def _pipeline(self) -> list[Step]:
        negated = False
        while self.reserved() == "!":
            self.take("!")
            self.words.blanks()
            negated = True
        steps = self._command()
        piped = False
        while True:
            self.words.blanks()
            if self._peek("||") or not self.words.ahead("|"):
                break
            piped = True
            self.newlines()
            steps = [*steps, *self._command()]
        if piped or negated:
            return [Other(effect_of(steps), "a pipeline")]
        return steps

    def take(self, word: str) -> None:
        """Take a reserved word; ShellError where another comes."""
        self.words.blanks()
        if self.reserved() != word:
            raise ShellError(f"{word!r} is missing in line {self.words.line(self.words.at)}")
        self.words.ahead(word)

    # --- commands
    def _command(self) -> list[Step]:
        words = self.words
        words.blanks()
        words.deeper()
        try:
            if words.look() == "(":
                words.at += 1
                self.nonempty(())
                self._close()
                return [self._redirected(Effect(), "a subshell")]
            word = self.reserved()
            if word:
                return [self._compound(word)]
            return self._simple()
        finally:
            words.depth -= 1

    def _close(self) -> None:
        self.newlines()
        if not self.words.ahead(")"):
            raise ShellError(f"( is not closed in line {self.words.line(self.words.at)}")

    def nonempty(self, until: tuple[str, ...]) -> Effect:
        """What a body that may not be empty does."""
        steps = self.body(until)
        if not steps:
            raise ShellError(f"a command is missing in line {self.words.line(self.words.at)}")
        return effect_of(steps)

    def _compound(self, word: str) -> Other:
        from vdesk.boot import shell_compound

        return self._redirected(*shell_compound.read(self, word))

    def _redirected(self, effect: Effect, reason: str) -> Other:
        targets: list[Word] = []
        self.words.blanks()
        while redirection(self.words, targets):
            self.words.blanks()
        return Other(effect | Effect(frozenset().union(*(word.sets for word in targets))), reason)

    # --- simple commands
    def _simple(self) -> list[Step]:
        words = self.words
        command = _Simple()
        begin = words.at
        while True:
            words.blanks()
            if redirection(words, command.targets):
                continue
            if not command.words and (assign := self._assignment()):
                command.assigns.append(assign)
                continue
            word = words.word()
            if word is None:
                break
            command.words.append(word)
            if len(command.words) == 1 and not command.assigns and self._function(word):
                return [self._defined(word)]
        if not (command.assigns or command.words or command.targets):
            raise ShellError(f"{words.look() or 'the end'!r} in line {words.line(begin)} is out of place")
        from vdesk.boot.shell_compound import steps_of

        return steps_of(command.assigns, command.words, command.targets)

    def _assignment(self) -> Assign | None:
        words, before = self.words, self.words.at
        char = words.look()
        name = words.name() if char and char in NAME_START else ""
        if not name or not words.ahead("="):
            words.at = before
            return None
        words.look()
        start = words.at
        value = words.word() or Word((), start, start)
        if words.look() == "(":
            raise ShellError(f"an array in line {words.line(start)}: sh has none")
        return Assign(name, value)

    def _function(self, word: Word) -> bool:
        self.words.blanks()
        if self.words.look() != "(":
            return False
        name = word.bare
        self.words.at += 1
        self.words.blanks()
        if not name or not set(name) <= NAME or not self.words.ahead(")"):
            raise ShellError(f"( in line {self.words.line(self.words.at)} is out of place")
        return True

    def _defined(self, word: Word) -> Other:
        self.newlines()
        self._command()
        return Other(Effect(defines=frozenset([word.literal or ""])), "a function")
