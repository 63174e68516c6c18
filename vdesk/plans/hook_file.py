"""The bytes of the hook as it is installed: vdesk/libvirt_hook/hook.py with the modules beside it as one text in it.

One file, since it has to stand alone; a text, since python compiles a whole script before it runs its first line, and
most starts of virtual machines are not vdesk's: for those only hook.py's few lines are compiled."""

from __future__ import annotations

import ast

MODULES = ("machine", "domain", "look", "state", "moves", "nvidia", "phases")
PLACE = 'WORK = ""'


def hook_bytes() -> bytes:
    """The file, the same for the same vdesk; ValueError is a mistake in vdesk itself."""
    from importlib.resources import files

    folder = files("vdesk.libvirt_hook")
    head = folder.joinpath("hook.py").read_text(encoding="utf-8")
    work = "\n\n".join(_without_own_imports(folder.joinpath(f"{name}.py").read_text("utf-8")) for name in MODULES)
    if head.count(PLACE) != 1 or "'''" in work:
        raise ValueError("the modules of the hook cannot be put into one file")
    return head.replace(PLACE, f"WORK = r'''\n{work}'''").encode()


def _without_own_imports(text: str) -> str:
    """A module without its imports of the others, which stand above it in the one file."""
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.level or node.module == "__future__"):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "".join(lines)
