"""Redirections and here-documents of sh (dash src/parser.c, parsefname() and parseheredoc())."""

from __future__ import annotations

from vdesk.boot.shell_types import Part, ShellError, Word
from vdesk.boot.shell_words import Words


def redirection(words: Words, targets: list[Word]) -> bool:
    """Take a redirection; False where none comes."""
    before = words.at
    while (char := words.look()) and char.isdigit():
        words.at += 1
    if not char or char not in "<>":
        words.at = before
        return False
    op = next(op for op in ("<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">") if words.ahead(op))
    words.blanks()
    target = words.word()
    if target is None or ((target.bare or "").isdigit() and words.look() in ("<", ">")):
        raise ShellError(f"a redirection in line {words.line(before)} leads nowhere")
    if op.startswith("<<"):
        text = words.text[target.start : target.end]
        plain = target.literal if target.literal is not None else text
        words.pending.append((plain, op == "<<-", any(mark in text for mark in "'\"\\")))
    targets.append(target)
    return True


def here_documents(words: Words) -> None:
    """Read the here-documents announced on the line that has just ended; the end of the file ends them too."""
    for delimiter, tabs, quoted in words.pending:
        body = ""
        while words.at < len(words.text):
            line = _here_line(words, quoted)
            if (line.lstrip("\t") if tabs else line) == delimiter:
                break
            body += f"{line}\n"
        if not quoted:
            _expanded(Words(body, 0, words.depth))
    words.pending = []


def _here_line(words: Words, quoted: bool) -> str:
    found = ""
    while True:
        end = words.text.find("\n", words.at)
        end = len(words.text) if end < 0 else end
        found += words.text[words.at : end]
        words.at = min(end + 1, len(words.text))
        backslashes = len(found) - len(found.rstrip("\\"))
        if quoted or backslashes % 2 == 0 or end == len(words.text):
            return found
        found = found[:-1]


def _expanded(body: Words) -> None:
    """Read the expansions in a here-document, which sh does too; ShellError where they are broken."""
    parts: list[Part] = []
    while char := body.look():
        body.quoted_piece(char, parts)
