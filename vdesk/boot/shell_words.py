"""Words of POSIX sh, read without running anything.

The text is latin-1, so that an index is a byte offset. The rules are dash's (src/parser.c, readtoken1())."""

from __future__ import annotations

from dataclasses import dataclass, field

from vdesk.boot.shell_expansions import expansion
from vdesk.boot.shell_types import DEPTH_LIMIT, META, NAME, Char, Part, ShellError, Word


@dataclass
class Words:
    """Reads words from `text`, from `at` on."""

    text: str
    at: int = 0
    depth: int = 0
    pending: list[tuple[str, bool, bool]] = field(default_factory=list)
    """Here-documents announced on this line: delimiter, `<<-`, quoted."""

    def look(self) -> str:
        """The next character, line continuations skipped; empty at the end."""
        while self.text.startswith("\\\n", self.at):
            self.at += 2
        return self.text[self.at : self.at + 1]

    def ahead(self, text: str) -> bool:
        """Whether `text` comes next, line continuations inside it skipped; takes it if so."""
        before = self.at
        for char in text:
            if self.look() != char:
                self.at = before
                return False
            self.at += 1
        return True

    def deeper(self) -> None:
        """One level down; ShellError where a hostile file nests without end."""
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise ShellError("nested too deeply")

    def blanks(self) -> None:
        """Skip spaces, tabs and a comment."""
        while (char := self.look()) and char in " \t":
            self.at += 1
        if char == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def word(self) -> Word | None:
        """The word that begins here, None where none does."""
        char = self.look()
        if not char or char in META:
            return None
        start = self.at
        parts: list[Part] = []
        while (char := self.look()) and char not in META:
            self.piece(char, parts)
        return Word(tuple(parts), start, self.at)

    def piece(self, char: str, parts: list[Part]) -> None:
        """One piece outside quotes."""
        if char == "'":
            self.single(parts)
        elif char == '"':
            self.double(parts)
        elif char == "\\" and self.at + 1 < len(self.text):
            parts.append(Char(self.text[self.at + 1], self.at, self.at + 2, "\\"))
            self.at += 2
        elif char in "$`":
            expansion(self, char, parts, "")
        else:
            self._plain(char, parts, "")

    def _plain(self, char: str, parts: list[Part], quote: str) -> None:
        parts.append(Char(char, self.at, self.at + 1, quote))
        self.at += 1

    def single(self, parts: list[Part]) -> None:
        """The characters in single quotes."""
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise ShellError(f"a single quote in line {self.line(self.at)} is not closed")
        parts += [Char(self.text[at], at, at + 1, "'") for at in range(self.at + 1, end)]
        self.at = end + 1

    def double(self, parts: list[Part]) -> None:
        """The pieces in double quotes."""
        opened = self.at
        self.at += 1
        while (char := self.look()) != '"':
            if not char:
                raise ShellError(f"a double quote in line {self.line(opened)} is not closed")
            self.quoted_piece(char, parts)
        self.at += 1

    def quoted_piece(self, char: str, parts: list[Part], more: str = "") -> None:
        """One piece inside double quotes, where a backslash only escapes $ ` " \\ (and `more`)."""
        following = self.text[self.at + 1 : self.at + 2]
        if char == "\\" and following and following in '$`"\\' + more:
            parts.append(Char(following, self.at, self.at + 2, "\\"))
            self.at += 2
        elif char in "$`":
            expansion(self, char, parts, '"')
        else:
            self._plain(char, parts, '"')

    def line(self, at: int) -> int:
        """The number of the line that holds the offset."""
        return self.text.count("\n", 0, at) + 1

    def name(self) -> str:
        """The name that begins here."""
        found = ""
        while (char := self.look()) and char in NAME:
            found += char
            self.at += 1
        return found
