"""docs/errors.md names every error id that the code can give, and no other."""

from __future__ import annotations

import ast
import pathlib
import re

TOP = pathlib.Path(__file__).parent.parent
RULES = ("host-display", "root-disk", "host-network", "last-input", "group", "in-use", "bridge", "iommu-off")


def ids_in_code() -> set[str]:
    """Literal first arguments of problem(), ids of the classes of HostError, and the rules."""
    found = {f"rule.{name}" for name in RULES}
    for path in (TOP / "vdesk").rglob("*.py"):
        if "libvirt_hook" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "problem" and node.args:
                found |= _texts(node.args[0])
            if isinstance(node, ast.ClassDef) and any("Error" in ast.unparse(base) for base in node.bases):
                found |= {
                    each.value.value
                    for each in node.body
                    if isinstance(each, ast.Assign)
                    and ast.unparse(each.targets[0]) == "id"
                    and isinstance(each.value, ast.Constant)
                    and isinstance(each.value.value, str)
                }
    return found


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    return set()


def ids_in_docs() -> list[str]:
    """The first column of the tables."""
    return re.findall(r"^\| `([a-z0-9.-]+)` \|", (TOP / "docs/errors.md").read_text(), re.MULTILINE)


def test_the_ids_of_the_code_are_those_of_the_docs() -> None:
    code, docs = ids_in_code(), ids_in_docs()
    assert len(docs) == len(set(docs))
    assert sorted(code - set(docs)) == [], "in the code, not in docs/errors.md"
    assert sorted(set(docs) - code) == [], "in docs/errors.md, not in the code"
    assert len(code) > 20
