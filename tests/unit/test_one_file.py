"""Modules that are put into one file share one set of names: none may be defined twice."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from vdesk.changes.one_file import joined
from vdesk.initramfs.program import program
from vdesk.plans.hook_file import MODULES

TEXTS = {"hook": lambda: joined("vdesk.libvirt_hook", MODULES), "boot": program}


def defined(text: str) -> list[str]:
    """The names that a module's top level defines."""
    found: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [each.id for each in node.targets if isinstance(each, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(node.target.id)
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_no_name_is_defined_twice(name: str) -> None:
    counts = Counter(defined(TEXTS[name]()))
    assert {each: count for each, count in counts.items() if count > 1} == {}
