"""Expansions in words of POSIX sh: parameters, command substitutions, arithmetic (dash src/parser.c, parsesub)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdesk.boot.shell_types import NAME_START, SPECIAL, Char, Param, Part, ShellError, Unknown, sets_of

if TYPE_CHECKING:
    from vdesk.boot.shell_words import Words


def expansion(words: Words, char: str, parts: list[Part], quote: str) -> None:
    """What `$` or a backquote begins."""
    if char == "`":
        _backquoted(words, quote)
        parts.append(Unknown("a command substitution", frozenset(), words.at, quote))
        return
    start = words.at
    words.at += 1
    following = words.look()
    if following == "(":
        parts.append(_parenthesis(words, quote))
    elif following == "{":
        parts.append(_braced(words, quote))
    elif following and following in NAME_START:
        parts.append(Param(words.name(), "", (), words.at, quote))
    elif following and following in SPECIAL:
        words.at += 1
        parts.append(Unknown(f"${following}", frozenset(), words.at, quote))
    elif following in ("'", '"') and following and not quote:
        parts.append(Unknown(f"${following}, which shells read differently", frozenset(), words.at, quote))
    else:
        parts.append(Char("$", start, start + 1, quote))


def _backquoted(words: Words, quote: str) -> None:
    opened = words.at
    inner = ""
    words.at += 1
    while (char := words.look()) != "`":
        if not char:
            raise ShellError(f"a backquote in line {words.line(opened)} is not closed")
        following = words.text[words.at + 1 : words.at + 2]
        if char == "\\" and following and following in ("`\\$" + quote):
            words.at += 1
        inner += words.text[words.at : words.at + 1]
        words.at += 1
    words.at += 1
    _substituted(words, type(words)(inner, 0, words.depth), "")


def _substituted(words: Words, inner: Words, closing: str) -> None:
    from vdesk.boot.shell_script import Script

    script = Script(inner)
    inner.deeper()
    script.substitution(closing)
    inner.depth -= 1


def _parenthesis(words: Words, quote: str) -> Unknown:
    if words.ahead("(("):
        return Unknown("arithmetic", _arithmetic(words), words.at, quote)
    words.ahead("(")
    waiting, words.pending = words.pending, []
    _substituted(words, words, ")")
    words.pending = waiting
    return Unknown("a command substitution", frozenset(), words.at, quote)


def _arithmetic(words: Words) -> frozenset[str]:
    """Skip to the matching `))`; every name in it counts as set."""
    opened, depth, names = words.at, 0, set[str]()
    words.deeper()
    inside: list[Part] = []
    while depth or not words.ahead("))"):
        char = words.look()
        if not char or (char == ")" and not depth):
            raise ShellError(f"$(( in line {words.line(opened)} is not closed")
        if char in NAME_START:
            names.add(words.name())
            continue
        if char == "\\":
            words.at = min(words.at + 2, len(words.text))
            continue
        depth += {"(": 1, ")": -1}.get(char, 0)
        words.quoted_piece(char, inside)
    words.depth -= 1
    return frozenset(names) | sets_of(tuple(inside))


def _braced(words: Words, quote: str) -> Part:
    opened = words.at
    words.deeper()
    words.ahead("{")
    length = words.look() == "#" and words.text[words.at + 1 : words.at + 2] not in ("", *"}:-=+?%")
    words.at += length
    following = words.look()
    name = words.name() if following and following in NAME_START else ""
    if not name and following and following in SPECIAL:
        words.at += 1
    op = _operator(words)
    word = _braced_word(words, quote, opened, op)
    words.depth -= 1
    sets = sets_of(tuple(word)) | (frozenset([name]) if name and op.endswith("=") else frozenset())
    if length or not name or op not in ("", ":-", "-", ":+", "+") or not _simple(word):
        return Unknown(f"${{{name or following}{op}...}}", sets, words.at, quote)
    return Param(name, op, tuple(word), words.at, quote)


def _operator(words: Words) -> str:
    if words.ahead(":"):
        char = words.look()
        if char and char in "-=+?":
            words.at += 1
            return f":{char}"
        return ":"
    for op in ("%%", "##", "-", "=", "+", "?", "%", "#"):
        if words.ahead(op):
            return op
    return ""


def _braced_word(words: Words, quote: str, opened: int, op: str) -> list[Part]:
    word: list[Part] = []
    bare = not quote or op[:1] in ("%", "#")
    while (char := words.look()) != "}":
        if not char:
            raise ShellError(f"${{ in line {words.line(opened)} is not closed")
        if char == '"':
            words.double(word)
            word.append(Unknown("quotes in ${...}", frozenset(), words.at, quote))
        elif char == "'" and bare:
            words.single(word)
            word.append(Unknown("quotes in ${...}", frozenset(), words.at, quote))
        elif bare:
            words.piece(char, word)
        else:
            words.quoted_piece(char, word, "}")
    words.at += 1
    if op in ("", ":") and word:
        word.append(Unknown("a bad substitution", frozenset(), words.at, quote))
    return word


def _simple(word: list[Part]) -> bool:
    """Whether the word of `${x:-word}` is made of plain characters and plain parameters only."""
    return not any(
        isinstance(part, Unknown) or (isinstance(part, Char) and (part.quote not in ("", '"') or part.char in "~\\'\""))
        for part in word
    )
