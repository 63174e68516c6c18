"""Write what of completions/ is made from click's own templates, zsh's and fish's: `./dev completions`.

`test_completions.py` compares."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import get_completion_class

FOLDER = Path(__file__).resolve().parent.parent / "completions"
FILES = {"zsh": "_vdesk", "fish": "vdesk.fish"}
NOTE = "# Made by ./dev completions. Asks vdesk at each TAB, and so knows the commands of the version installed.\n"
# Older clicks do not escape what _describe takes for the end of the word, newer ones do.
ZSH = (
    'completions_with_descriptions+=("$key":"$descr")',
    'completions_with_descriptions+=("${${key//\\\\:/:}//:/\\\\:}:$descr")',
)
# A second call is no load any more, and still has to complete.
ZSH_CALLED = ("if [[ $zsh_eval_context[-1] == loadautofunc ]]; then", "if [[ $funcstack[1] == _vdesk ]]; then")
ZSH_PLAIN = ('completions+=("$key")', 'completions+=("${key//\\\\:/:}")')


def script(shell: str) -> str:
    """Return the completion file of a shell (`zsh`, `fish`)."""
    kind = get_completion_class(shell)
    assert kind
    text = kind(click.Group("vdesk"), {}, "vdesk", "_VDESK_COMPLETE").source().strip("\n")
    if shell == "zsh":
        for old, new in (ZSH, ZSH_PLAIN, ZSH_CALLED):
            assert old in text
            text = text.replace(old, new)
    lines = text.splitlines()
    first = lines[:1] if lines[0].startswith("#compdef") else []  # zsh reads it in the first line only
    body = "\n".join(line.rstrip() for line in lines[len(first) :])
    return "".join(f"{line}\n" for line in first) + NOTE + body.lstrip("\n") + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for shell, name in FILES.items():
        (FOLDER / name).write_text(script(shell), encoding="utf-8")
