"""docs/faults.md names the test behind each row: every one of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
DOC = TESTS.parent / "docs/faults.md"


def test_every_row_has_a_test_that_is_there() -> None:
    lines = DOC.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| what happens")]
    named = [re.findall(r"`(test_\w+)`", row) for row in rows]
    assert rows and all(named), "a row without a test"
    there = {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert not {name for names in named for name in names} - there
