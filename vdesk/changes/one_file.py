"""Several modules as the text of one file, for what has to stand alone on the host."""

from __future__ import annotations

import ast
from collections.abc import Iterable


def joined(package: str, modules: Iterable[str]) -> str:
    """The modules of a package one below the other, without their imports of each other."""
    from importlib.resources import files

    folder = files(package)
    return "\n\n".join(_without_own_imports(folder.joinpath(f"{name}.py").read_text("utf-8")) for name in modules)


def _without_own_imports(text: str) -> str:
    """A module without its imports of the others, which stand above it in the one file."""
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.level or node.module == "__future__"):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "".join(lines)
