"""Write completions/ anew from click's own templates: `./dev completions`. `test_completions.py` compares."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import get_completion_class

FOLDER = Path(__file__).resolve().parent.parent / "completions"
FILES = {"bash": "vdesk.bash", "zsh": "_vdesk", "fish": "vdesk.fish"}
NOTE = "# Made by ./dev completions. Asks vdesk at each TAB, and so knows the commands of the version installed.\n"
# Of click's template: the words of the reply are split on purpose, at line ends.
SHELLCHECK = "# shellcheck shell=bash disable=SC2086,SC2162,SC2206\n"


def script(shell: str) -> str:
    """Return the completion file of a shell (`bash`, `zsh`, `fish`)."""
    kind = get_completion_class(shell)
    assert kind
    lines = kind(click.Group("vdesk"), {}, "vdesk", "_VDESK_COMPLETE").source().strip("\n").splitlines()
    first = lines[:1] if lines[0].startswith("#compdef") else []  # zsh reads it in the first line only
    note = NOTE + (SHELLCHECK if shell == "bash" else "")
    body = "\n".join(line.rstrip() for line in lines[len(first) :])
    return "".join(f"{line}\n" for line in first) + note + body.lstrip("\n") + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for shell, name in FILES.items():
        (FOLDER / name).write_text(script(shell), encoding="utf-8")
