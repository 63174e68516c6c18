"""Generate the demo machine of the package from the builder: `python -m tests.machines.make_demo`."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.machines.builder import Link, Tree, machine, tree_of
from tests.machines.parts import Content

MANIFEST = Path(__file__).resolve().parents[2] / "vdesk/machines/article.json"


def encoded(content: Content) -> Any:
    """One entry as the manifest has it."""
    if isinstance(content, Link):
        return [str(content)]
    if isinstance(content, bytes):
        return {"base64": base64.b64encode(content).decode()}
    return content


def by_folder(tree: Tree) -> dict[str, dict[str, Any]]:
    """Folder -> name -> entry."""
    found: dict[str, dict[str, Any]] = {}
    for path, content in tree.items():
        if content is None:
            found.setdefault(path, {})
        else:
            folder, _, name = path.rpartition("/")
            found.setdefault(folder, {})[name] = encoded(content)
    return found


def manifest() -> str:
    """The text of the manifest: a line per folder, so that a change of it can be read."""
    before, booted = (tree_of(machine(name)) for name in ("article", "article-booted"))
    gone = [path for path in before if path not in booted and before[path] is not None]
    assert not gone, f"a reboot takes nothing away: {gone}"
    delta = {path: content for path, content in booted.items() if path not in before or before[path] != content}
    parts = {"before": by_folder(before), "booted": by_folder(delta)}
    lines = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f"{json.dumps(folder)}: {json.dumps(inside, sort_keys=True)}" for folder, inside in part.items())
        + "\n}"
        for name, part in parts.items()
    ]
    return "{" + ",\n".join(lines) + "}\n"


if __name__ == "__main__":
    MANIFEST.write_text(manifest(), encoding="utf-8")
