"""The sentences that vdesk can say, read from its syntax trees.

Messages are written in plain English where they are made, as strings and f-strings; nobody wraps them in a function. So
they are found here by what they are: text that reads like English, or that stands in an argument which people see. An
f-string becomes a template, its holes `{name}`; a hole that chooses between literal texts becomes one template each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.messages.words import ENGLISH, INTERNAL, NEVER, PATTERNS, PHRASES, SHOWN, SHOWN_ROOMS, SILENT, STYLE
from vdesk.render.translation import FIELD, outer

TOP = Path(__file__).resolve().parents[2]
PACKAGE = TOP / "vdesk"
MOST = 8  # templates that one string may become; where there were more, what differs is a field
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*[A-Za-z]|[Aa]")
# Patterns, programs, lines of files, and the names of vdesk's own commands.
TECHNICAL = re.compile(
    r"\\[dswSW({.\[\]]|^\^|\}# |^\$ |^<(?!\{)|%\(|%d |::|\(\?|^[a-z-]+=|^--?[a-z]+$|^(?:gpu|hook|iommu) [a-z-]+$|"
    r"^(?:sudo )?vdesk(?: [a-z]+){1,2}(?: hoth| --[a-z-]+| \S*[\d./:\"]\S*| \d+| Code)*$"
)
KEYWORDS = ("help", "epilog", "cause", "remedy", "evidence", "what", "title")
OF_TEXTS = {*dir(str), "join", "fromisoformat", "get"}


class Message(NamedTuple):
    """One text to translate: its id, and the file that makes it."""

    id: str
    place: str


class Hole(NamedTuple):
    """A place in a text that is filled in when vdesk runs."""

    name: str


Reading = tuple[str | Hole, ...]
"""A text that a string can come to."""


def messages() -> list[Message]:
    """Every message of vdesk's, once, in the order of the files; then the phrases that only words.py knows."""
    found: dict[str, Message] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(TOP).as_posix()
        if not name.startswith(tuple(SILENT)):
            of_module = _Module(ast.parse(path.read_text(encoding="utf-8")), name.startswith(SHOWN_ROOMS))
            for _, text in sorted(of_module.texts()):
                found.setdefault(FIELD.sub("{}", text), Message(text, name))
    return [*found.values(), *(Message(text, "tests/messages/words.py") for text in PHRASES if text not in found)]


class _Module:
    """The texts of one module; in a `shown` one a phrase counts wherever it stands."""

    def __init__(self, tree: ast.Module, shown: bool) -> None:
        self.tree, self.shown = tree, shown
        self.parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.taken: set[int] = set()

    def texts(self) -> Iterator[tuple[tuple[int, int, int], str]]:
        """(place, message) of every string that people see."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and _is_command(node):
                for number, text in enumerate(_help(node)):
                    yield (node.lineno, 0, number), text
            elif isinstance(node, ast.expr) and id(node) not in self.taken and _is_text(node):
                for number, text in enumerate(self._of(node)):
                    yield (node.lineno, node.col_offset, number), text

    def _of(self, node: ast.expr) -> Iterator[str]:
        self._take(node)
        if self._is_silent(node):
            return
        shown = self._is_shown(node)
        for reading in _readings(node):
            text = outer(_template(reading))[1]
            if text not in NEVER and (_speaks(text) or (shown and _is_phrase(text))):
                yield text

    def _take(self, node: ast.expr) -> None:
        """The literal parts of a text are no texts of their own; what is chosen for its holes is, where it speaks."""
        self.taken.add(id(node))
        if isinstance(node, ast.BinOp):
            for side in (node.left, node.right):
                self._take(side)
                self.taken.update(id(each) for choice in _choices(side) for each in ast.walk(choice))
        elif isinstance(node, ast.JoinedStr):
            for value in node.values:
                self.taken.add(id(value))
                if isinstance(value, ast.FormattedValue):
                    self.taken.update(map(id, ast.walk(value.format_spec) if value.format_spec else ()))
                    self.taken.update(id(each) for choice in _choices(value.value) for each in ast.walk(choice))

    def _calls(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """(parent, child) upwards, through what only groups or chooses."""
        parent = self.parents.get(id(node))
        while parent is not None:
            yield parent, node
            if not isinstance(parent, ast.keyword | ast.IfExp | ast.BoolOp | ast.Tuple | ast.List | ast.Starred):
                return
            node = parent
            parent = self.parents.get(id(parent))

    def _is_silent(self, node: ast.expr) -> bool:
        for parent, child in self._calls(node):
            if isinstance(parent, ast.Expr | ast.Compare | ast.Subscript):  # a docstring, or what is looked for
                return True
            if isinstance(parent, ast.Call):
                name = _name(parent.func)
                number = PATTERNS.get(name)
                return name in INTERNAL or (number is not None and parent.args[number : number + 1] == [child])
        return False

    def _is_shown(self, node: ast.AST) -> bool:
        if self.shown:
            return True
        parent: ast.AST | None = None
        for parent, _ in self._calls(node):
            if isinstance(parent, ast.keyword) and parent.arg not in KEYWORDS:
                return False
        return isinstance(parent, ast.Call) and _name(parent.func) in SHOWN


def _help(node: ast.FunctionDef) -> Iterator[str]:
    """The paragraphs of a command's help."""
    for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
        text = outer(" ".join(paragraph.split()))[1]
        if text:
            yield text


def _is_command(node: ast.FunctionDef) -> bool:
    calls = (mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list)
    return any(_name(each) in ("command", "group") for each in calls)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (_is_text(node.left) or _is_text(node.right))
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


# --- what a string can come to


def _readings(node: ast.expr) -> list[Reading]:
    if isinstance(node, ast.Constant):
        return [_filled(str(node.value))]
    if isinstance(node, ast.BinOp):
        return _product([_readings(side) if _is_text(side) else _hole(side) for side in (node.left, node.right)])
    if not isinstance(node, ast.JoinedStr):
        return [(Hole(_field(node)),)]
    holes = {id(each): each.value for each in node.values if isinstance(each, ast.FormattedValue)}
    found = _product([_hole(holes[id(each)]) if id(each) in holes else _readings(each) for each in node.values])
    if len(found) <= MOST:
        return found
    plain: list[list[Reading]] = [
        [(Hole(_field(holes[id(each)])),)] if id(each) in holes else _readings(each) for each in node.values
    ]
    return [*_product(plain), *(each for hole in holes.values() for each in _hole(hole))]


def _filled(text: str) -> Reading:
    """A literal text; an empty pair of braces in it is for str.format."""
    first, *rest = text.split("{}")
    return (first, *(part for each in rest for part in (Hole("value"), each)))


def _hole(node: ast.expr) -> list[Reading]:
    """What a hole can be filled with: the texts that it chooses between, or something that has a name."""
    if isinstance(node, ast.Constant):
        return [(str(node.value),)]
    return [each for choice in _choices(node) for each in _readings(choice)] or [(Hole(_field(node)),)]


def _choices(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.IfExp):
        found = [each for side in (node.body, node.orelse) for each in (_choices(side) or [side])]
        return found if all(_is_text(each) for each in found) else []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and _is_text(node.left):
        return [node.left, ast.Constant("")]
    return []


def _product(sides: list[list[Reading]]) -> list[Reading]:
    found: list[Reading] = [()]
    for side in sides:
        found = [left + right for left in found for right in side]
    return found


def _template(reading: Reading) -> str:
    """The message with named holes; holes side by side are one, a name that comes again is numbered."""
    found = ""
    names: list[str] = []
    for part in reading:
        if isinstance(part, str):
            found += part
        elif not found.endswith("}"):
            names.append(part.name)
            number = names.count(part.name)
            found += f"{{{part.name}{number if number > 1 else ''}}}"
    return found


def _speaks(text: str) -> bool:
    """Whether it reads like English: words of the language itself, and nothing of a pattern or a program."""
    bare = FIELD.sub("0", text)
    words = [word.lower() for word in WORD.findall(bare)]
    if "\n" in text:  # of a file that vdesk writes
        return False
    enough = len(words) > 1 or (bool(words) and bare != text)
    return enough and " " in bare and any(word in ENGLISH for word in words) and not TECHNICAL.search(bare)


def _is_phrase(text: str) -> bool:
    bare = FIELD.sub("0", text)
    words = WORD.findall(bare)
    return (
        "\n" not in text
        and " " in bare
        and bool(words)
        and not all(word in STYLE for word in words)
        and not TECHNICAL.search(bare)
    )


# --- names of holes


def _field(node: ast.AST) -> str:
    found = _name(node).strip("_").lower()
    return found if found.isidentifier() else "value"


def _name(node: ast.AST) -> str:
    """The name of what an expression speaks of."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Subscript):
        key = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        return _name(node.slice if key else node.value)
    if isinstance(node, ast.Call):
        return _name_of_call(node)
    if isinstance(node, ast.IfExp):
        return _name(node.body)
    inner = next((each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)), None)
    return "value" if inner is None else _name(inner)


def _name_of_call(node: ast.Call) -> str:
    name = _name(node.func)
    if node.args and name in ("str", "len", "sorted", "map", "repr", "int", "join", "quote"):
        return _name(node.args[-1])
    if isinstance(node.func, ast.Attribute) and name in OF_TEXTS:
        return _name(node.func.value)
    return name
