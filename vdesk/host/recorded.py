"""What a captured machine says of itself in `run/vdesk/` (docs: a captured machine)."""

from __future__ import annotations

from typing import Any

from vdesk.host.runner import Completed
from vdesk.host.tree import Tree
from vdesk.model.errors import Absent, HostError

COMMANDS = "run/vdesk/commands.json"
MACHINE = "run/vdesk/machine.json"


def _json(tree: Tree, path: str) -> Any:
    import json

    try:
        return json.loads(tree.read(path, 16 << 20))
    except Absent:
        return None
    except (ValueError, RecursionError) as error:
        raise HostError("/" + path, str(error), f"/{path} is not valid JSON") from error


def recorded_commands(tree: Tree) -> dict[tuple[str, ...], Completed]:
    """argv -> recorded answer; entries of another shape are left out."""
    found = _json(tree, COMMANDS)
    answers: dict[tuple[str, ...], Completed] = {}
    for each in found if isinstance(found, list) else []:
        argv = each.get("argv") if isinstance(each, dict) else None
        if not (isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)):
            continue
        code = each.get("exit_code", 0)
        answers[tuple(argv)] = Completed(
            tuple(argv), code if isinstance(code, int) else 1, str(each.get("stdout", "")), str(each.get("stderr", ""))
        )
    return answers


def unreadable_paths(tree: Tree) -> frozenset[str]:
    """The paths that could not be read when the machine was captured: they are unknown, not absent."""
    try:
        found = _json(tree, MACHINE)
    except HostError:
        return frozenset()
    paths = found.get("unreadable") if isinstance(found, dict) else None
    if not isinstance(paths, list):
        return frozenset()
    return frozenset(each.strip("/") for each in paths if isinstance(each, str))
